"""Liquid in its box: what it renders, and what it refuses to do."""

import time
from decimal import Decimal
from typing import Any

import pytest

from services.messaging.domain.liquid_box import LARGEST_OUTPUT, TemplateFault, presentable, render, unknown_names

DATA = {"profile": {"traits": {"name": "O'Brien & <b>", "spent": Decimal("1E+2"), "tags": ["a", "b"], "none": None}}}


def rendered(source: str, *, html: bool = False, strict: bool = False, **values: Any) -> str:
    return render(source, presentable(DATA | values), html=html, strict=strict)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ profile.traits.first | default: 'there' }}", "there"),
        ("{{ profile.traits.last }}{{ profile.traits.size }}", ""),
        ("{{ profile.traits.tags.first }}{{ profile.traits.tags.size }}", "a2"),
        ("{{ profile.traits.none | default: 'there' }}", "there"),
        ("{{ profile.traits.missing }}{{ nothing.at.all }}", ""),
        ("{{ profile.traits.spent }}", "100"),
        ("{{ profile.traits.spent | times: 3 }}", "300"),
        ("{{ 0.1 | plus: 0.2 }}", "0.3"),
        ("{{ 10 | divided_by: 4 }} {{ 10 | divided_by: 4.0 }}", "2 2.5"),
        ("{{ 2.5 | round }} {{ 2.345 | round: 2 }} {{ 2.1 | ceil }} {{ 2.9 | floor }} {{ -3 | abs }}", "3 2.35 3 2 3"),
        ("{{ 5 | at_least: 7 }} {{ 5 | at_most: 3 }} {{ 7 | modulo: 4 }} {{ 'x' | plus: 1 }}", "7 3 3 1"),
        ("{{ '1.50' | minus: 0.5 }}", "1.00"),
        ("{% if profile.traits.spent > 99.5 %}much{% endif %}", "much"),
        ("{% for tag in profile.traits.tags %}{{ tag }},{% endfor %}", "a,b,"),
        ("{{ profile.traits.tags | join: '+' | upcase }}", "A+B"),
        ("{{ '2026-02-28' | date: '%d.%m.%Y' }}", "28.02.2026"),
        ("{{ prices | sum }} {{ rows | sum: 'n' }}", "0.3 3"),
        ("{{ profile.traits.name }}", "O'Brien & <b>"),
    ],
)
def test_what_it_renders(source: str, expected: str) -> None:
    values: dict[str, Any] = {"prices": [Decimal("0.1"), Decimal("0.2")], "rows": [{"n": 1}, {"n": 2}]}
    assert rendered(source, **values) == expected


def test_values_in_html_are_escaped() -> None:
    assert rendered("<p>{{ profile.traits.name }}</p>", html=True) == "<p>O&#39;Brien &amp; &lt;b&gt;</p>"


def test_an_unknown_name_is_a_fault_only_where_the_template_is_strict() -> None:
    with pytest.raises(TemplateFault, match="undefined"):
        rendered("{{ profile.traits.missing }}", strict=True)
    assert rendered("{{ profile.traits.missing | default: 'x' }}", strict=True) == "x"


GROW = "{% assign x = 'aaaaaaaaaa' %}"
HOSTILE = {
    "an endless range": "{% for i in (1..1000000000) %}{{ i }}{% endfor %}",
    "nested loops": "{% for i in (1..9999) %}{% for j in (1..9999) %}x{% endfor %}{% endfor %}",
    "many loops": "{% for i in (1..9000) %}{% endfor %}" * 200,
    "work without output": "{% for i in (1..9000) %}" + "{% if 1 %}{% endif %}" * 2000 + "{% endfor %}",
    "replacing by more": "{{ 'aaaaaaaaaa' " + "| replace: 'a', 'aaaaaaaaaa' " * 12 + "}}",
    "doubling a text": GROW + "{% for i in (1..100) %}{% assign x = x | append: x %}{% endfor %}",
    "doubling a list": "{% assign l = 'a,b' | split: ',' %}{% for i in (1..99) %}{% assign l = l | concat: l %}{% endfor %}",
    "joining by much": "{% assign s = 'a' | append: 'b' %}" + GROW * 1
    + "{% for i in (1..14) %}{% assign x = x | append: x %}{% endfor %}{{ x | split: '' | join: x }}",
    "squaring a number": "{% assign n = 999999 %}{% for i in (1..99) %}{% assign n = n | times: n %}{% endfor %}",
    "much output": GROW + "{% for i in (1..13) %}{% assign x = x | append: x %}{% endfor %}"
    + "{% for i in (1..900) %}{{ x }}{% endfor %}",
    "other files": "{% include '/etc/passwd' %}",
    "other templates": "{% render 'x' %}",
    "an unknown filter": "{{ 'x' | system }}",
    "an unknown tag": "{% python %}",
    "an unclosed tag": "{% if x %}",
    "division by nothing": "{{ 1 | divided_by: 0 }}",
    "deep nesting": "{% if 1 %}" * 200 + "{% endif %}" * 200,
    "too long": "x" * 300_000,
}  # fmt: skip


@pytest.mark.parametrize("source", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_it_refuses_it_refuses_soon(source: str) -> None:
    began = time.monotonic()
    with pytest.raises(TemplateFault):
        rendered(source)
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("name", ["__class__", "__init__.__globals__", "mro", "items", "keys"])
def test_nothing_of_python_can_be_reached(name: str) -> None:
    assert rendered("{{ profile." + name + " }}{{ profile.traits.name." + name + " }}") == ""


def test_a_fault_quotes_no_data() -> None:
    with pytest.raises(TemplateFault) as caught:
        rendered("{{ profile.traits.name | date: profile.traits.tags | divided_by: 0 | append }}")
    assert "O'Brien" not in str(caught.value)


def test_output_up_to_the_limit_is_fine() -> None:
    assert len(rendered("x" * 200_000)) < LARGEST_OUTPUT


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("{{ a.b }} {{ a.c.d }} {{ n }}", {"a.c", "n"}),
        ("{{ n | default: 'x' }}{{ a.c | default: a.b }}", set()),
        ("{{ n | upcase }}", {"n"}),
        ("{{ n | upcase | default: 'x' }}", {"n"}),
        ("{% if n %}x{% endif %}{% if a.b %}{{ a.d }}{% endif %}", {"n", "a.d"}),
        ("{% if a.b %}x{% else %}{{ n }}{% endif %}", set()),
        ("{% for one in n %}{{ one }}{% endfor %}", {"n"}),
        ("{% for one in list %}{{ one.x }}{% endfor %}", {"one.x"}),
        ("{% assign x = n %}x", set()),
        ("{% assign x = n %}{{ x }}", {"n"}),
        ("{{ a['c'] }}", {"a.c"}),
        ("{{ 'x' | append: n }}", {"n"}),
        ("{% case n %}{% when 1 %}x{% endcase %}", {"n"}),
        ("{{ nothing }}", set()),
        ("{{ n.first }}", {"n"}),
    ],
)
def test_names_are_missing_where_a_strict_template_would_fail(source: str, names: set[str]) -> None:
    values = {"a": {"b": 1}, "list": [{"y": 1}], "nothing": None}
    found = unknown_names(source, values, html=False)
    assert {name.replace("['c']", ".c").replace('["c"]', ".c") for name in found} == names
    if names:
        with pytest.raises(TemplateFault):
            render(source, values, html=False, strict=True)
    else:
        render(source, values, html=False, strict=True)
