"""Our own open pixel and redirect links: what is put into an e-mail, and what comes back.

A link's target is signed together with the delivery, so that it leads nowhere but where the message did.
"""

import html
import re
from dataclasses import dataclass
from html.parser import HTMLParser
from uuid import UUID

from itsdangerous import BadData

from services.messaging.domain.sealing import Seal

LONGEST_TARGET = 2000
_ATTRIBUTE = re.compile(r"""([^\s"'>/=]+)(\s*=\s*)("[^"]*"|'[^']*'|[^\s"'>]+)""")


@dataclass(frozen=True, slots=True)
class Click:
    """A link of a message was followed."""

    delivery_id: UUID
    url: str


class Tracker:
    """Makes and reads both. `secret` is for this purpose alone; `base`: what our own addresses begin with."""

    def __init__(self, secret: str, base: str) -> None:
        self._links = Seal(secret, salt="clicks")
        self._pixels = Seal(secret, salt="opens")
        self._base = base

    def link(self, delivery_id: UUID, url: str) -> str:
        return f"{self._base}/go/{self._links.token([delivery_id.hex, url])}"

    def pixel(self, delivery_id: UUID) -> str:
        return f"{self._base}/seen/{self._pixels.token(delivery_id.hex)}.gif"

    def read_link(self, token: str) -> Click | None:
        """What a link says, or None where it is not one of ours."""
        try:
            delivery, url = self._links.loads(token)
            return Click(UUID(delivery), str(url))
        except (BadData, ValueError, TypeError, AttributeError):
            return None

    def read_pixel(self, token: str) -> UUID | None:
        """Of which delivery, or None where it is not one of ours."""
        try:
            return UUID(self._pixels.loads(token))
        except (BadData, ValueError, TypeError, AttributeError):
            return None

    def tracked(self, source: str, delivery_id: UUID) -> str:
        """The HTML with its links led past us, and the pixel at its end. Everything else stays as it is, byte for byte.

        Left alone: our own links (to unsubscribe, to preferences), what is no http(s) link, and what has `data-track="false"`.
        """
        found = _Links(self._base)
        found.feed(source)
        found.close()
        parts, end = [], 0
        for begin, tag, url in found.links:
            parts += [source[end:begin], _with_href(tag, self.link(delivery_id, url))]
            end = begin + len(tag)
        image = f'<img src="{self.pixel(delivery_id)}" width="1" height="1" alt="">'
        return _before_the_end("".join(parts) + source[end:], image)


class _Links(HTMLParser):
    """Finds links: where their tags begin, the tags as they are written, their targets."""

    def __init__(self, own: str) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[tuple[int, str, str]] = []
        self._own = own
        self._lines = [0]

    def feed(self, data: str) -> None:
        self._lines += [found.end() for found in re.finditer("\n", data)]
        super().feed(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("a", "area"):
            return
        known: dict[str, str | None] = {}
        for name, value in attrs:
            known.setdefault(name, value)
        url, written = (known.get("href") or "").strip(), self.get_starttag_text()
        if written is not None and known.get("data-track") != "false" and self._leads_away(url):
            line, offset = self.getpos()
            self.links.append((self._lines[line - 1] + offset, written, url))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def _leads_away(self, url: str) -> bool:
        wanted = url.lower().startswith(("http://", "https://")) and len(url) <= LONGEST_TARGET
        return wanted and not f"{url}/".startswith(f"{self._own}/") and url.isprintable()


def _with_href(tag: str, url: str) -> str:
    """The tag with another target."""
    done = False

    def put(found: re.Match[str]) -> str:
        nonlocal done
        if done or found[1].lower() != "href":
            return found[0]
        done = True
        return f'{found[1]}="{html.escape(url)}"'

    return _ATTRIBUTE.sub(put, tag)


def _before_the_end(source: str, image: str) -> str:
    end = source.lower().rfind("</body")
    return source + image if end < 0 else source[:end] + image + source[end:]
