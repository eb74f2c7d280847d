"""Links in messages that say who wants what, signed so that nobody can say it for another. They hold no personal data."""

from dataclasses import dataclass
from uuid import UUID

from itsdangerous import BadData, URLSafeSerializer

from services.messaging.domain.content import Links


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
        self._serializer = URLSafeSerializer(secret, salt="links")
        self._base = base

    def links(self, content: LinkContent) -> Links:
        """The two links of a message."""
        token: str = self._serializer.dumps(
            [content.delivery_id.hex, content.channel, content.purpose, content.address_hash]
        )
        return Links(f"{self._base}/unsubscribe/{token}", f"{self._base}/preferences/{token}")

    def read(self, token: str) -> LinkContent | None:
        """What a link says, or None where it is not one of ours."""
        try:
            delivery, channel, purpose, hashed = self._serializer.loads(token)
            return LinkContent(UUID(delivery), str(channel), str(purpose), str(hashed))
        except (BadData, ValueError, TypeError):
            return None
