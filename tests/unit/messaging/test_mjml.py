"""MJML is compiled once, and neither data nor files nor the network get into it."""

from html.parser import HTMLParser
from typing import Any

import pytest

from services.messaging.domain.content import Links, compose, values_for
from services.messaging.domain.mjml import DEEPEST, compile_mjml
from services.messaging.domain.template import parse_template
from shared.language.errors import ConditionError
from tests.unit.messaging.builders import person

LINKS = Links("http://messaging/unsubscribe/x", "http://messaging/preferences/x")


def column(content: str, head: str = "") -> str:
    return f"<mjml>{head}<mj-body><mj-section><mj-column>{content}</mj-column></mj-section></mj-body></mjml>"


def made(body: str, strict: bool = False, **traits: Any) -> Any:
    template = parse_template({"key": "t", "channel": "email", "subject": "Hi", "body": body, "strict": strict})
    return compose(template, values_for(person(traits=traits), trigger={}, campaign="c", links=LINKS))


def fault(body: str) -> str:
    with pytest.raises(ConditionError) as caught:
        parse_template({"key": "t", "channel": "email", "subject": "Hi", "body": body})
    (only,) = caught.value.errors
    assert only["loc"] == ["body"]
    return str(only["msg"])


def test_mjml_becomes_html_with_a_text() -> None:
    found = made(
        column("<mj-text>Hi {{ profile.traits.name }}</mj-text><mj-button href='https://a.example'>Buy</mj-button>"),
        name="Ada",
    )
    assert "<mj" not in found.html
    assert "<table" in found.html
    assert "@media only screen" in found.html
    assert found.text == "Hi Ada\n\nBuy (https://a.example)\n"


def test_liquid_around_and_in_mjml_is_kept_whatever_it_holds() -> None:
    body = (
        "<mjml><mj-body>{% for one in profile.traits.items %}<mj-section><mj-column>"
        '<mj-image src="{{ one.image | default: "https://a.example/none.png" }}" /><mj-text>'
        "{% if one.left < 3 and one.left > 0 %}only {{ one.left }} LQ0x left{% endif %}</mj-text></mj-column></mj-section>"
        "{% endfor %}</mj-body></mjml>"
    )
    found = made(body, items=[{"image": "https://a.example/1.png", "left": 1}, {"left": 5}])
    assert 'src="https://a.example/1.png"' in found.html
    assert 'src="https://a.example/none.png"' in found.html
    assert found.text.strip() == "only 1 LQ0x left"


@pytest.mark.parametrize(
    ("body", "msg"),
    [
        (column("<mj-text>\n\n<b>x</mj-text>"), "MJML: </mj-text> closes nothing that was opened last (line 3)"),
        (column("\n<mj-txt>x</mj-txt>"), "MJML: there is no <mj-txt> (line 2)"),
        ("<mjml><mj-body><mj-section>", "MJML: <mj-section> is not closed (line 1)"),
        ("<mjml></mjml>", "MJML: there is no <mj-body> (line 1)"),
        (
            column("<mj-text>{{ x\n}} <b ' </mj-text>"),
            "MJML: a tag that has no end, or whose quotes have none (line 2)",
        ),
        (column("<mj-social>{{ x\n\n}}<mj-social-element/></mj-social>"), "MJML: unexpected token (line 1)"),
        (column("<mj-text>\n1 < 2</mj-text>"), "MJML: unable to parse next template"),
        (
            column("<mj-image width='{{ x }}px' src='y' />"),
            "MJML: {{ x }} can't stand where it does: nothing would be made of it",
        ),
        (column("<mj-text>{{ x | nosuch }}</mj-text>"), "There is no filter 'nosuch'."),
        (column("<mj-text>{% if x %}</mj-text>"), "LiquidSyntaxError: "),
        (column("<mj-text>x</mj-text>") + "y", "MJML: unable to parse next template"),
        (
            column("<mj-text>" + "<b>" * 200 + "</b>" * 200 + "</mj-text>"),
            f"MJML: tags are nested at most {DEEPEST} deep (line 1)",
        ),
        (column("<mj-divider />" * 15_000), "A template has at most"),
    ],
)
def test_faults_of_mjml_are_found_when_the_template_is_made(body: str, msg: str) -> None:
    assert fault(body).startswith(msg)


@pytest.mark.parametrize("path", ["/etc/passwd", "file:///etc/passwd", "http://127.0.0.1:9/x.mjml", "./x.css"])
@pytest.mark.parametrize("place", ["head", "body", "text"])
def test_nothing_is_included(path: str, place: str) -> None:
    include = f'<mj-include path="{path}" />'
    body = {
        "head": column("<mj-text>x</mj-text>", f"<mj-head>{include}</mj-head>"),
        "body": column(include),
        "text": column(f"<mj-text>{include}</mj-text>"),
    }[place]
    assert fault(body).startswith("MJML: mj-include is refused")


class Shape(HTMLParser):
    """The tags of a page with the names of their attributes, and its comments."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: list[Any] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, sorted(name for name, _ in attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.seen.append(tag)

    def handle_comment(self, data: str) -> None:
        self.seen.append(("comment", data.count("<")))


EVERYWHERE = column(
    "<mj-raw>{{ profile.traits.x }}<i title='{{ profile.traits.x }}' style='margin:0;background:url({{ profile.traits.x }})'>"
    "</i></mj-raw><mj-text css-class='{{ profile.traits.x }}' color='{{ profile.traits.x }}'>{{ profile.traits.x }}"
    "<!-- {{ profile.traits.x }} --><p>{{ profile.traits.x }}</p></mj-text>"
    "<mj-image alt='{{ profile.traits.x }}' src='https://a.example/{{ profile.traits.x }}'/>"
    "<mj-button href='{{ profile.traits.x }}'>{{ profile.traits.x }}</mj-button>",
    "<mj-head><mj-title>{{ profile.traits.x }}</mj-title><mj-preview>{{ profile.traits.x }}</mj-preview>"
    "<mj-style>p{margin:0} i{padding:0} .a{content:'{{ profile.traits.x }}'}</mj-style></mj-head>",
)


@pytest.mark.parametrize(
    "value",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "'><img src=x onerror=alert(1)>",
        "--><img src=x>",
        "</style><img src=x>",
        "</title><img src=x>",
        "<mj-include path='/etc/passwd'/>",
        "</mj-text><mj-raw>",
        "&lt;img src=x&gt;",
        "&quot; onclick=&quot;x",
        "&amp;quot; onclick=x",
        "{{ unsubscribe_url }}{% raw %}",
        "a` onclick=x",
        "<![endif]--><img src=x>",
        "<style></style>",
        ' data-css-inline="ignore"',
    ],
)
def test_data_makes_no_markup(value: str) -> None:
    """Not by way of the compiler, and not by way of the styles that are written into tags after it."""
    expected = Shape(made(EVERYWHERE, x="plain").html).seen
    found = made(EVERYWHERE, x=value)
    assert Shape(found.html).seen == expected
    assert LINKS.unsubscribe not in found.html


def test_a_template_is_compiled_once_however_many_it_is_rendered_for() -> None:
    body = column("<mj-text>once {{ profile.traits.name }}</mj-text>")
    compile_mjml.cache_clear()
    for name in ("Ada", "Ben", "Cleo"):
        assert name in made(body, name=name).html
    assert compile_mjml.cache_info().misses == 1


def test_only_e_mail_is_mjml() -> None:
    body = column("<mj-text>x</mj-text>")
    template = parse_template({"key": "t", "channel": "webhook", "body": body})
    assert compose(template, values_for(person(), trigger={}, campaign="c", links=LINKS)).text == body
