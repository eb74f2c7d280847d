"""MJML, compiled to HTML once for each template. Its Liquid is kept as it stands: data never meets the compiler."""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache

from mjml import mjml2html

from services.messaging.domain.liquid_box import LONGEST_TEMPLATE, TemplateFault

_LIQUID = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_TAG = re.compile(r"<(/?)([a-zA-Z][\w:.-]*)(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>|</?[a-zA-Z]")
_VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"]
)
_COMPONENTS = frozenset(
    [
        "mjml",
        "mj-head",
        "mj-body",
        "mj-all",
        "mj-attributes",
        "mj-breakpoint",
        "mj-class",
        "mj-font",
        "mj-preview",
        "mj-raw",
        "mj-style",
        "mj-title",
        "mj-accordion",
        "mj-accordion-element",
        "mj-accordion-text",
        "mj-accordion-title",
        "mj-button",
        "mj-carousel",
        "mj-carousel-image",
        "mj-column",
        "mj-divider",
        "mj-group",
        "mj-hero",
        "mj-image",
        "mj-navbar",
        "mj-navbar-link",
        "mj-section",
        "mj-social",
        "mj-social-element",
        "mj-spacer",
        "mj-table",
        "mj-text",
        "mj-wrapper",
    ]
)
DEEPEST = 100
"""Levels of tags. The compiler has no limit of its own, and some thousands would end the process."""


def is_mjml(body: str) -> bool:
    """Whether this is MJML: it begins so."""
    return re.match(r"\s*<mjml[\s>]", body) is not None


@lru_cache(maxsize=500)
def compile_mjml(source: str) -> str:
    """The HTML, with the Liquid of the source. Raises TemplateFault.

    Liquid is put aside before and back after, so that the compiler reads none of it, and none of it may get lost.
    """
    if len(source) > LONGEST_TEMPLATE:
        raise TemplateFault(f"A template has at most {LONGEST_TEMPLATE} characters.")
    mark = "LQ"
    while mark in source:
        mark += "Q"
    liquid: list[str] = []

    def put_aside(found: re.Match[str]) -> str:
        liquid.append(found[0])
        return f"{mark}{len(liquid) - 1}x"

    hidden = _LIQUID.sub(put_aside, source)
    placeholder = re.compile(re.escape(mark) + r"(\d+)x")

    def put_back(text: str) -> str:
        return placeholder.sub(lambda found: liquid[int(found[1])], text)

    def line_of(position: int) -> int:
        return put_back(hidden[:position]).count("\n") + 1

    for position, fault in _faults(hidden):
        raise TemplateFault(f"MJML: {fault} (line {line_of(position)})")
    html = _compile(hidden, line_of)
    lost = set(range(len(liquid))) - {int(number) for number in placeholder.findall(html)}
    if lost:
        raise TemplateFault(f"MJML: {liquid[min(lost)][:100]} can't stand where it does: nothing would be made of it")
    return put_back(html)


def _faults(source: str) -> Iterator[tuple[int, str]]:
    """What the compiler would take and make something else of than is meant, or nothing, with its position."""
    open_tags: list[str] = []
    for found in _TAG.finditer(_COMMENT.sub(lambda comment: " " * len(comment[0]), source)):
        wrong = _fault_of(found[2]) or _take(open_tags, found)
        if wrong is not None:
            yield found.start(), wrong
    if open_tags:
        yield len(source), f"<{open_tags[-1]}> is not closed"
    if "<mj-body" not in source:
        yield 0, "there is no <mj-body>"


def _fault_of(name: str | None) -> str | None:
    if name is None:
        return "a tag that has no end, or whose quotes have none"
    if name == "mj-include":
        return "mj-include is refused: nothing is read from files or the network"
    return f"there is no <{name}>" if name.startswith("mj") and name not in _COMPONENTS else None


def _take(open_tags: list[str], tag: re.Match[str]) -> str | None:
    """What is open after this tag; the fault, if it is one."""
    name = tag[2]
    if tag[1]:
        matches = bool(open_tags) and open_tags.pop() == name
        return None if matches else f"</{name}> closes nothing that was opened last"
    if name in _VOID or tag[0].endswith("/>"):
        return None
    open_tags.append(name)
    return f"tags are nested at most {DEEPEST} deep" if len(open_tags) > DEEPEST else None


def _compile(source: str, line_of: Callable[[int], int]) -> str:
    try:
        return mjml2html(source)
    except ValueError as error:
        message = str(error).removesuffix(" in root template")
        place = re.search(r" in root template at position (\d+):\d+$", message)
        if place is None:
            raise TemplateFault(f"MJML: {message}") from error
        at = len(source.encode()[: int(place[1])].decode(errors="ignore"))
        raise TemplateFault(f"MJML: {message[: place.start()]} (line {line_of(at)})") from error
    except BaseException as panic:
        if type(panic).__name__ != "PanicException":  # what the compiler did not foresee is no Exception
            raise
        raise TemplateFault("MJML: the compiler gave up") from panic
