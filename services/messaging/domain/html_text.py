"""The readable text of an HTML body, for those whose mail program shows none; and a plain HTML body of a text."""

import html
import re
from html.parser import HTMLParser

_BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "div",
        "dl",
        "fieldset",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "tr",
        "ul",
    ]
)
_PARAGRAPHS = frozenset(["p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "blockquote", "pre"])
_SILENT = frozenset(["head", "style", "script", "title", "template"])
_LINK = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]]")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent = 0
        self._links: list[tuple[str, int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent += 1
        elif tag == "br":
            self.parts.append("\n")
        elif tag == "a":
            self._links.append((dict(attrs).get("href") or "", len(self.parts)))
        elif tag in ("td", "th"):
            self.parts.append(" ")
        elif tag == "img" and not self._silent:
            self.parts.append(dict(attrs).get("alt") or "")
        elif tag in _BLOCKS:
            self._break(tag)
            self.parts.append("- " if tag == "li" else "")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag == "a" and self._links:
            self._end_link(*self._links.pop())
        elif tag in _BLOCKS:
            self._break(tag)

    def _break(self, tag: str) -> None:
        self.parts.append("\n\n" if tag in _PARAGRAPHS else "\n")

    def _end_link(self, target: str, begin: int) -> None:
        shown = "".join(self.parts[begin:]).strip()
        if target.startswith(("http://", "https://", "mailto:")) and shown != target:
            self.parts.append(f" ({target})" if shown else target)

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(re.sub(r"\s+", " ", data))


def text_of(source: str) -> str:
    """What a reader sees of the HTML, links with their targets."""
    reader = _Reader()
    reader.feed(source)
    reader.close()
    lines = (re.sub(r"[ \t]+", " ", line).strip() for line in "".join(reader.parts).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def html_of(text: str) -> str:
    """The text as HTML: escaped, lines kept, links to click."""
    escaped = html.escape(text.strip(), quote=False)
    linked = _LINK.sub(lambda found: f'<a href="{found[0].replace(chr(34), "%22")}">{found[0]}</a>', escaped)
    paragraphs = "".join(f"<p>{part}</p>\n" for part in re.split(r"\n{2,}", linked))
    return (
        "<!doctype html>\n<html><body>\n"
        + paragraphs.replace("\n</p>", "</p>").replace("\n", "<br>\n").replace("</p><br>\n", "</p>\n")
        + "</body></html>\n"
    )
