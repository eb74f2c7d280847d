"""Links in messages that say who wants what, signed so that nobody can say it for another. They hold no personal data."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from itsdangerous import BadData

from services.messaging.domain.content import Links
from services.messaging.domain.sealing import Seal

OLDEST_PAGE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class LinkContent:
    """Which message the link stood in, and whose address (by its keyed hash) is meant for which purpose."""

    delivery_id: UUID
    channel: str
    purpose: str
    address_hash: str


class Linker:
    """Makes and reads links. `secret` is for this purpose alone."""

    def __init__(self, secret: str, base: str) -> None:
        self._serializer = Seal(secret, salt="links")
        self._pages = Seal(secret, salt="pages")
        self._confirmations = Seal(secret, salt="confirmations")
        self._base = base

    def links(self, content: LinkContent, *, confirms: LinkContent | None = None) -> Links:
        """The links of a message; one that `confirms` only where it asks for that: no other link can."""
        token = self._serializer.token(_told(content))
        confirm = None if confirms is None else f"{self._base}/confirm/{self._confirmations.token(_told(confirms))}"
        return Links(f"{self._base}/unsubscribe/{token}", f"{self._base}/preferences/{token}", confirm)

    def read(self, token: str) -> LinkContent | None:
        """What a link says, or None where it is not one of ours."""
        return _read(self._serializer, token)

    def read_confirmation(self, token: str) -> LinkContent | None:
        """The same of a link that confirms."""
        return _read(self._confirmations, token)

    def remember(self, what: str, content: Any, link: LinkContent, at: datetime) -> str:
        """What a page gives its form to bring back: only there, and only from behind this link."""
        return self._pages.token([what, *_whose(link), int(at.timestamp()), content])

    def recall(self, what: str, remembered: str, link: LinkContent, now: datetime) -> Any:
        """What a form brought back; None where it is not from a page of this link, or too old."""
        try:
            kind, delivery, hashed, at, content = self._pages.loads(remembered)
        except (BadData, ValueError, TypeError):
            return None
        fits = [kind, delivery, hashed] == [what, *_whose(link)]
        return content if fits and 0 <= now.timestamp() - at < OLDEST_PAGE.total_seconds() else None


def _told(content: LinkContent) -> list[str]:
    return [content.delivery_id.hex, content.channel, content.purpose, content.address_hash]


def _read(serializer: Seal, token: str) -> LinkContent | None:
    try:
        delivery, channel, purpose, hashed = serializer.loads(token)
        return LinkContent(UUID(delivery), str(channel), str(purpose), str(hashed))
    except (BadData, ValueError, TypeError):
        return None


def _whose(link: LinkContent) -> list[str]:
    return [link.delivery_id.hex, link.address_hash]
