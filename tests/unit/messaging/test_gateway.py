"""What a gateway is told, and what its answers say."""

import hashlib
import hmac
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.messaging.clients.gateway import GatewayProvider, gateway_answer
from services.messaging.domain.answers import Accepted, NotNow, Rejected, Unsure
from shared.plumbing import json

DELIVERY: Any = SimpleNamespace(
    id=UUID(int=9),
    channel="sms",
    address="+49171",
    profile_id=UUID(int=1),
    campaign="hello",
    purpose="marketing",
    content={"subject": None, "text": "Hi"},
)


def provider(answer: Any) -> GatewayProvider:
    transport = httpx.MockTransport(answer)
    return GatewayProvider("sms", "http://gateway/in", secret="s", timeout=1, room=1, transport=transport)


async def test_a_message_is_signed_and_known_by_its_delivery() -> None:
    seen: list[httpx.Request] = []

    def take(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(202)

    gateway = provider(take)
    assert await gateway.send(DELIVERY) == Accepted("202")
    await gateway.close()
    [request] = seen
    assert request.headers["Idempotency-Key"] == str(UUID(int=9))
    assert request.headers["X-Regulars-Signature"] == hmac.new(b"s", request.content, hashlib.sha256).hexdigest()
    body = json.loads(request.content)
    assert (body["to"], body["text"], body["campaign"]) == ("+49171", "Hi", "hello")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, Accepted("200")),
        (429, NotNow("429")),
        (503, NotNow("503")),
        (400, Rejected("400")),
        (301, Rejected("301")),
        (410, Rejected("410", bounced=True)),
    ],
)
def test_what_a_status_says(status: int, expected: Any) -> None:
    assert gateway_answer(status) == expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (httpx.ConnectError, NotNow),
        (httpx.ConnectTimeout, NotNow),
        (httpx.ReadTimeout, Unsure),
        (httpx.RemoteProtocolError, Unsure),
        (httpx.WriteError, Unsure),
    ],
)
async def test_only_a_failure_before_anything_was_said_is_certain(error: Any, expected: Any) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise error("x", request=request)

    gateway = provider(fail)
    assert isinstance(await gateway.send(DELIVERY), expected)
    await gateway.close()
