"""Links are led past us and on to nowhere else; all other HTML stays as it is."""

import re
from uuid import UUID

import pytest

from services.messaging.domain.tracking import Click, Tracker

BASE = "https://mail.shop.example"
ID = UUID(int=4)
TRACKER = Tracker("a secret of the tests", BASE)


def led(source: str) -> list[str]:
    """Where the links of the tracked HTML lead in the end; those that were left alone as they are."""
    hrefs: list[str] = re.findall(r'(?i)href\s*=\s*["\']?([^"\'\s>]*)', TRACKER.tracked(source, ID))
    clicks = [TRACKER.read_link(one.removeprefix(f"{BASE}/go/")) for one in hrefs]
    return [click.url if click else f"as it was: {href}" for href, click in zip(hrefs, clicks, strict=True)]


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ('<a href="https://shop.example/a?b=1&amp;c=2">A</a>', "https://shop.example/a?b=1&c=2"),
        ("<A class='x' HREF='http://shop.example/a'>A</A>", "http://shop.example/a"),
        ("<a href=https://shop.example/a>A</a>", "https://shop.example/a"),
        ('<area href="https://shop.example/a"/>', "https://shop.example/a"),
        ('<a\n href = " https://shop.example/a ">A</a>', "https://shop.example/a"),
        ('<a title="no href=\'b\'" href="https://shop.example/ü">A</a>', "https://shop.example/ü"),
    ],
)
def test_a_link_leads_where_it_did(source: str, target: str) -> None:
    assert led(source)[-1] == target


@pytest.mark.parametrize(
    "source",
    [
        f'<a href="{BASE}/unsubscribe/token">Unsubscribe</a>',
        f'<a href="{BASE}/preferences/token">Preferences</a>',
        '<a href="mailto:a@shop.example">Mail</a>',
        '<a href="tel:+491711234567">Call</a>',
        '<a href="#top">Up</a>',
        '<a href="javascript:alert(1)">No</a>',
        '<a href="https://shop.example/reset" data-track="false">Reset</a>',
        f'<a href="https://shop.example/{"x" * 2000}">Long</a>',
        '<!-- <a href="https://shop.example/">hidden</a> -->',
        '<link href="https://shop.example/style.css">',
        '<a name="top">Top</a>',
    ],
)
def test_what_is_left_alone(source: str) -> None:
    assert TRACKER.tracked(source, ID).startswith(source + "<img")


def test_everything_else_stays_byte_for_byte() -> None:
    before = "<!doctype html>\n<html><BODY bgcolor=red>\r\nÄ &amp; <b>x</B>\n<p\nid='p'>"
    after = "<style>a > b { }</style><p>End</BODY></html>\n"
    source = f'{before}<a id="1" href="https://shop.example/" target=_blank>A</a>{after}'
    link = TRACKER.link(ID, "https://shop.example/")
    image = f'<img src="{TRACKER.pixel(ID)}" width="1" height="1" alt="">'
    made = f'{before}<a id="1" href="{link}" target=_blank>A</a>' + after.replace("</BODY", f"{image}</BODY")
    assert TRACKER.tracked(source, ID) == made


def test_nothing_that_we_did_not_sign_is_read() -> None:
    token = TRACKER.link(ID, "https://shop.example/").rpartition("/")[2]
    pixel = TRACKER.pixel(ID).rpartition("/")[2].removesuffix(".gif")
    assert TRACKER.read_link(token) == Click(ID, "https://shop.example/")
    assert TRACKER.read_pixel(pixel) == ID
    for forged in ("", "x", token[:-1], token + "x", pixel, "https://evil.example"):
        assert TRACKER.read_link(forged) is None
    assert TRACKER.read_pixel(token) is None
    assert Tracker("another secret", BASE).read_link(token) is None
