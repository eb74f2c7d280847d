"""Styles are written into the tags of an e-mail, from nowhere but the e-mail itself."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from services.messaging.domain.content import Links, compose, values_for
from services.messaging.domain.styles import MOST_TAGS, inline_styles
from services.messaging.domain.template import parse_template
from tests.unit.messaging.builders import person


def test_what_can_be_written_into_a_tag_is_and_the_rest_stays() -> None:
    found = inline_styles(
        "<!doctype html><html><head><style>p { color: red } a:hover { color: blue } "
        "@media (max-width: 600px) { p { color: green } }</style></head><body><p style='margin:0'>Hi</p></body></html>"
    )
    assert '<p style="color: red;margin:0">Hi</p>' in found.replace("margin: 0", "margin:0")
    assert "a:hover { color: blue; }" in found
    assert "@media (max-width: 600px) { p { color: green } }" in found
    assert "p { color: red" not in found


def test_a_style_for_some_media_only_stays_one() -> None:
    found = inline_styles('<style media="print">p { color: red }</style><style>b { margin: 0 }</style><p>x<b>y</b></p>')
    assert '<style media="print">p { color: red }</style>' in found
    assert '<p>x<b style="margin: 0;">y</b></p>' in found
    assert 'style="color: red;"' in inline_styles('<style media="all">p { color: red }</style><p>x</p>')


def test_html_without_styles_stays_byte_for_byte() -> None:
    page = "<P>Grüße &amp; <b>unclosed &#39; <td>"
    assert inline_styles(page) == page


def test_conditional_comments_stay() -> None:
    comment = "<!--[if mso]><table><tr><td><![endif]-->"
    assert comment in inline_styles(f"<style>p {{ margin: 0 }}</style>{comment}<p>x</p>")


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, list[str]]]:
    """A server with style sheets, a file of the same, and what the server was asked for."""
    paths: list[str] = []

    class Sheets(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"p { color: purple }")

        def log_message(self, *args: object) -> None:
            pass

    (tmp_path / "x.css").write_text("p { color: purple }")
    monkeypatch.chdir(tmp_path)
    server = HTTPServer(("127.0.0.1", 0), Sheets)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/x.css", paths
    server.shutdown()
    server.server_close()
    thread.join()


def test_neither_network_nor_files_are_read(asked: tuple[str, list[str]], tmp_path: Path) -> None:
    url, paths = asked
    for source in (url, "x.css", "file://x.css", f"file://{tmp_path}/x.css", str(tmp_path / "x.css")):
        link = f'<link rel="stylesheet" href="{source}">'
        found = inline_styles(f'{link}<style>@import url("{source}"); b {{ margin: 0 }}</style><p>x<b>y</b></p>')
        assert "purple" not in found
        assert link in found, "it stays, for the mail program"
        assert '<b style="margin: 0;">' in found
    assert paths == []


@pytest.mark.parametrize(
    "page",
    [
        "<style>p{margin:0}</style>" + "<div>" * 200_000,
        "<style>p{margin:0}</style>" + "<p>x</p>" * (MOST_TAGS + 1),
        "<style>" + "*{margin:0}" * 20_000 + "</style>" + "<p>x</p>" * 3_000,
    ],
    ids=["deep", "long", "many selectors"],
)
def test_beyond_its_limits_a_page_stays_as_it_is(page: str) -> None:
    assert inline_styles(page) == page


def test_the_deepest_that_is_taken_is_borne() -> None:
    assert "margin: 0" in inline_styles("<style>b{margin:0}</style>" + "<table><td>" * (MOST_TAGS // 2 - 1) + "<b>x")


def test_messages_are_sent_with_their_styles_inlined_and_their_text_has_none() -> None:
    body = "<style>p { color: red }</style><p>Hi {{ profile.traits.name }}</p>"
    template = parse_template({"key": "t", "channel": "email", "body": body})
    found = compose(
        template, values_for(person(traits={"name": "<Ada>"}), trigger={}, campaign="c", links=Links("", ""))
    )
    assert '<p style="color: red;">Hi &lt;Ada&gt;</p>' in (found.html or "")
    assert found.text == "Hi <Ada>\n"
