"""What is written for one person: HTML and its text, headers that data cannot forge."""

from datetime import UTC, datetime
from email import message_from_bytes, policy
from typing import Any
from uuid import UUID

import pytest
from itsdangerous import URLSafeSerializer

from services.messaging.domain.content import Links, compose, values_for
from services.messaging.domain.emails import headers_for, write_mail
from services.messaging.domain.html_text import html_of, text_of
from services.messaging.domain.links import LinkContent, Linker
from services.messaging.domain.template import Template, parse_template
from shared.language.errors import ConditionError
from shared.schemas.resolved import Identifier
from tests.unit.messaging.builders import person

LINKS = Links("http://messaging/unsubscribe/x", "http://messaging/preferences/x")
DELIVERY = UUID(int=9)


def template(body: str, **fields: Any) -> Template:
    values: dict[str, Any] = {"key": "t", "channel": "email", "subject": "Hi", "body": body} | fields
    return parse_template(values)


def content(body: str, traits: Any = None, *, trigger: Any = None, **fields: Any) -> Any:
    who = person(traits=traits or {}, identifiers=(Identifier(namespace="user_id", value="ada"),), user_id="ada")
    values = values_for(who, trigger=trigger or {}, campaign="hello", links=LINKS)
    return compose(template(body, **fields), values)


def test_what_a_template_may_name() -> None:
    source = (
        "{{ profile.id }} {{ profile.identifiers.user_id }} {{ profile.traits.city }} {{ campaign.key }} "
        "{{ trigger.properties.total }} {{ unsubscribe_url }} {{ preferences_url }}"
    )
    found = content(source, {"city": "Graz"}, trigger={"properties": {"total": 5}})
    assert found.text == f"{UUID(int=1)} ada Graz hello 5 {LINKS.unsubscribe} {LINKS.preferences}"


def test_a_body_with_tags_is_html_and_gets_a_text() -> None:
    found = content("<p>Hi <b>{{ profile.traits.name }}</b></p><p>Bye</p>", {"name": "<i>Ada</i>"})
    assert found.html == "<p>Hi <b>&lt;i&gt;Ada&lt;/i&gt;</b></p><p>Bye</p>"
    assert found.text == "Hi <i>Ada</i>\n\nBye\n"
    assert content("<p>x</p>", text="given").text == "given"


def test_a_body_without_tags_is_text_and_gets_html() -> None:
    found = content("Hi {{ profile.traits.name }}, 1 < 2\n\nhttps://shop.example/a?b=1&c=2.", {"name": "O'Brien"})
    assert found.text.startswith("Hi O'Brien, 1 < 2")
    assert "Hi O'Brien, 1 &lt; 2</p>" in found.html
    assert '<a href="https://shop.example/a?b=1&amp;c=2">' in found.html


def test_a_text_message_is_only_text() -> None:
    found = content("<b> {{ profile.traits.name }}", {"name": "A&B"}, channel="sms")
    assert (found.text, found.html) == ("<b> A&B", None)


def written(found: Any, *, to: str = "ada@example.com", sender: str = "Shop <hello@shop.example>") -> Any:
    """The mail as a mail program reads it, with its headers before."""
    headers = headers_for(
        content=found,
        delivery_id=DELIVERY,
        address=to,
        default_sender=sender,
        links=LINKS,
        at=datetime(2026, 3, 10, tzinfo=UTC),
    )
    wire = write_mail(headers, text=found.text, html=found.html).content
    assert all(len(line) < 998 for line in wire.split(b"\r\n"))
    return headers, message_from_bytes(wire, policy=policy.default)


@pytest.mark.parametrize(
    "name",
    ["Ada\r\nBcc: all@example.com", "Ada\nX: y", "Ada\x00\x1b", "Ada\u2028Bcc: x", "Ada\x85Bcc: x", "ä\r\nBcc: x"],
)
def test_data_cannot_begin_a_header(name: str) -> None:
    headers, read = written(content("x", {"name": name}, subject="Hi {{ profile.traits.name }}"))
    assert read["Bcc"] is None
    assert set(read.keys()) == {*headers, "MIME-Version", "Content-Type"}
    assert not any(ord(c) < 32 for c in headers["Subject"])


def test_an_e_mail_can_be_unsubscribed_from_with_one_click_and_is_known_by_its_delivery() -> None:
    headers, read = written(content("<p>Grüße</p>", subject="Grüße an Ada"))
    assert headers["List-Unsubscribe"] == read["List-Unsubscribe"] == f"<{LINKS.unsubscribe}>"
    assert read["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert headers["Message-ID"] == f"<{DELIVERY}@shop.example>"
    assert (read["Subject"], read["To"]) == ("Grüße an Ada", "ada@example.com")


def test_a_mail_is_read_as_it_was_written() -> None:
    sender = "Käse, Brot & Wein <shop@shop.example>"
    _, read = written(content("<p>Grüße</p>\n.\n..\nFrom x", subject="G" * 800), sender=sender)
    assert [part.get_content_type() for part in read.iter_parts()] == ["text/plain", "text/html"]
    text, html = (part.get_content() for part in read.iter_parts())
    assert text == "Grüße\n\n. .. From x\n"
    assert html == "<p>Grüße</p>\n.\n..\nFrom x"
    assert read["Subject"] == "G" * 800
    assert read["From"].addresses[0].display_name == "Käse, Brot & Wein"
    assert read["From"].addresses[0].addr_spec == "shop@shop.example"


def test_a_long_link_stays_one_that_can_be_followed() -> None:
    content_ = LinkContent(DELIVERY, "email", "marketing", "a" * 64)
    link = Linker("secret", "https://mail.shop.example/with/a/path").links(content_).unsubscribe
    headers = {"From": "a@b.example", "To": "c@d.example", "List-Unsubscribe": f"<{link}>"}
    wire = write_mail(headers, text="x", html=None).content
    assert f"List-Unsubscribe: <{link}>\r\n".encode() in wire


@pytest.mark.parametrize("address", ["a b@example.com", "", "nobody", "a@b@c", "a@b.c, d@e.f", "a@b.c\r\nX: y"])
def test_an_address_that_is_none_is_no_message(address: str) -> None:
    with pytest.raises(ValueError, match="not an e-mail address"):
        write_mail({"From": "a@example.com", "To": address}, text="x", html=None)


@pytest.mark.parametrize(
    ("change", "loc"),
    [
        ({"body": "{% if %}"}, ["body"]),
        ({"subject": "{{ x | nosuch }}"}, ["subject"]),
        ({"subject": 5}, ["subject"]),
        ({"text": "{% for %}"}, ["text"]),
        ({"channel": "fax"}, ["channel"]),
        ({"body": ""}, ["body"]),
        ({"body": None}, ["body"]),
        ({"from": "nobody"}, ["from"]),
        ({"from": "A <a@b.c>\r\nBcc: x@y.z"}, ["from"]),
        ({"strict": "yes"}, ["strict"]),
        ({"colour": 1}, ["colour"]),
        ({"body": "x" * 300_000}, ["body"]),
    ],
)
def test_faults_of_templates_have_their_path(change: Any, loc: list[str]) -> None:
    with pytest.raises(ConditionError) as caught:
        parse_template({"key": "t", "channel": "email", "subject": "Hi", "body": "x"} | change)
    assert loc in [error["loc"] for error in caught.value.errors]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<h1>Hi</h1><p>a <b>b</b><br>c</p>", "Hi\n\na b\nc\n"),
        ("<ul><li>one</li><li>two</li></ul>", "- one\n\n- two\n"),
        ('<a href="https://x.example">here</a>', "here (https://x.example)\n"),
        ('<a href="https://x.example">https://x.example</a>', "https://x.example\n"),
        ('<a href="javascript:x">no</a>', "no\n"),
        ("<style>p{}</style><script>x()</script><title>t</title>ok", "ok\n"),
        ('<img alt="Logo"> &amp; &eacute;', "Logo & é\n"),
        ("<td>a</td><td>b</td>", "a b\n"),
        ("unclosed <p>x <b>y", "unclosed\n\nx y\n"),
        ("a<hr/>b<hr width=1/>c<BR />d", "a\n\nb\nc\nd\n"),
        ("<!doctype html><!-- <p>no</p> --><!--[if mso]>no<![endif]-->a <!-- no", "a\n"),
        ("<p style=\"a>b\" title='<i>'>a</p><STYLE>p > a {} <!-- </style>b", "a\n\nb\n"),
        (
            '<a data-href="https://no.example" HREF=https://x.example/?a=1&amp;b=2>x</a>',
            "x (https://x.example/?a=1&b=2)\n",
        ),
        ("<a href=https://x.example/>x</a> 1 < 2 > 0 &nbsp;&#1;<i>\n</i> y", "x (https://x.example/) 1 < 2 > 0 y\n"),
        ("<a '" * 50_000, "<a '" * 50_000 + "\n"),
        ("<a" * 50_000 + "<!" * 50_000, "<a" * 50_000 + "<!" * 50_000 + "\n"),
        ("<script " * 20_000 + "<b>x", "<script " * 20_000 + "x\n"),
        ("a<style>" + "</style " * 20_000, "a\n"),
        ("<script data-x='>'>x()</script>ok", "ok\n"),
    ],
)
def test_the_text_of_html(source: str, expected: str) -> None:
    assert text_of(source) == expected


def test_the_html_of_a_text_runs_no_script() -> None:
    assert "<script>" not in html_of("<script>x</script> https://a.example/'><script>")


def test_links_are_read_back_and_cannot_be_forged() -> None:
    content = LinkContent(DELIVERY, "email", "marketing", "a" * 64)
    links = Linker("secret", "http://messaging").links(content)
    token = links.unsubscribe.rsplit("/", 1)[1]
    assert Linker("secret", "http://messaging").read(token) == content
    itsdangerous = URLSafeSerializer("secret", salt="links")
    assert Linker("secret", "http://messaging").read(itsdangerous.dumps(itsdangerous.loads(token))) == content
    assert Linker("other", "http://messaging").read(token) is None
    for wrong in (token[:-1], token + "x", "", "a.b", token.replace(".", "", 1), "\x00"):
        assert Linker("secret", "").read(wrong) is None
