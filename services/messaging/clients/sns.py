"""What Amazon SNS is asked for: its certificates, and to confirm a subscription."""

import httpx

from services.messaging.domain.provider_events.sns import is_amazons, is_certificate

LONGEST = 20_000  # bytes of a certificate
MOST_KEPT = 20


class Sns:
    """Fetches from SNS itself and nowhere else: no redirect is followed."""

    def __init__(self, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._client = httpx.AsyncClient(timeout=5, transport=transport)
        self._kept: dict[str, bytes] = {}

    async def certificate(self, url: object) -> bytes | None:
        """In PEM; None for an address that is not SNS's, or has none. Raises httpx.HTTPError."""
        if not is_certificate(url):
            return None
        if url not in self._kept:
            answer = await self._client.get(url)
            if answer.status_code != 200 or len(answer.content) > LONGEST:
                return None
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[url] = answer.content
        return self._kept[url]

    async def confirm(self, url: object) -> bool:
        """Whether SNS has taken the subscription; never for an address that is not SNS's. Raises httpx.HTTPError."""
        if not is_amazons(url):
            return False
        return (await self._client.get(url)).is_success

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()
