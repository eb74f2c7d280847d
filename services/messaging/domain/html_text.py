"""The readable text of an HTML body, for those whose mail program shows none; and a plain HTML body of a text."""

import html
import re

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
# What is between texts: what nobody sees, declarations, and tags. Written out, for the standard library's parser takes several times as
# long as all else that is done for a message.
# Possessive, so that it takes no longer than it is long, whatever is left open.
_REST = r"""[^<>"']*+(?:(?:"[^"]*"|'[^']*')[^<>"']*+)*+"""
_MARKUP = re.compile(
    rf"""<!--.*?(?:-->|\Z) | <(?i:script|style)\b{_REST}>.*?(?:</(?i:script|style)[^<>]*+>|\Z) | <[!?][^<>]*+>
        | <(/?)([a-zA-Z][^\s/<>"']*+)({_REST})>""",
    re.DOTALL | re.VERBOSE,
)
_ATTRIBUTE = re.compile(r"""([^\s"'>/=]+)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+))?""")
_BARE = re.compile(r"""=\s*[^\s"'>=]+$""")
_BLANKS = re.compile(r"\t[ \t]*| [ \t]+")
_LINES = re.compile(r"\n{3,}")


class _Reader:
    def __init__(self) -> None:
        self.parts: list[str] = []
        self._silent = 0
        self._links: list[tuple[str, int]] = []

    def read(self, source: str) -> None:
        end = 0
        for found in _MARKUP.finditer(source):
            self._show(source[end : found.start()])
            end = found.end()
            closing, tag, rest = found.groups()
            if tag is None:
                continue
            if not closing:
                self._begin(tag.lower(), rest)
            if closing or (rest.endswith("/") and not _BARE.search(rest)):
                self._end(tag.lower())
        self._show(source[end:])

    def _begin(self, tag: str, rest: str) -> None:
        if tag in _SILENT:
            self._silent += 1
        elif tag == "br":
            self.parts.append("\n")
        elif tag == "a":
            self._links.append((_attribute(rest, "href"), len(self.parts)))
        elif tag in ("td", "th"):
            self.parts.append(" ")
        elif tag == "img" and not self._silent:
            self.parts.append(_attribute(rest, "alt"))
        elif tag in _BLOCKS:
            self._break(tag)
            self.parts.append("- " if tag == "li" else "")

    def _end(self, tag: str) -> None:
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

    def _show(self, text: str) -> None:
        shown = "" if self._silent else html.unescape(text)
        if shown:
            begin, end = " " if shown[0].isspace() else "", " " if shown[-1].isspace() else ""
            self.parts.append(begin + " ".join(shown.split()) + end)


def _attribute(written: str, name: str) -> str:
    """The value of an attribute in a tag; empty where it is none."""
    found = [value for key, value in _ATTRIBUTE.findall(written) if key.lower() == name]
    return html.unescape(found[-1].strip("\"'")) if found else ""


def text_of(source: str) -> str:
    """What a reader sees of the HTML, links with their targets."""
    reader = _Reader()
    reader.read(source)
    lines = (line.strip() for line in _BLANKS.sub(" ", "".join(reader.parts)).split("\n"))
    return _LINES.sub("\n\n", "\n".join(lines)).strip() + "\n"


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
