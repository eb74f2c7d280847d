"""Customer.io's SDK for Python. It speaks https only, so a front with a certificate stands before the service."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest
from customerio import CustomerIO, CustomerIOException, Regions

from tests.sdk.certificate import make_certificate
from tests.sdk.front import Front
from tests.sdk.running import RunningEvents, Source
from tests.sdk.story import STORY, check_times, exact
from tests.support.world import API_KEY

USER = "köln/ann 1%2F?#@example.com"
LONG_AGO = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
async def front(events: RunningEvents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Front]:
    certificate = tmp_path / "certificate.pem"
    tls = make_certificate(certificate)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    async with Front("127.0.0.1", events.port, tls=tls) as running:
        yield running


def client_of(front: Front, source: Source, api_key: str = API_KEY) -> CustomerIO:
    return CustomerIO(
        source.write_key, api_key, host="127.0.0.1", port=front.port, region=Regions.EU, retries=0, timeout=30
    )


def tell(client: CustomerIO) -> None:
    """All that it can say."""
    with client:
        client.identify(USER, **STORY["traits"], created_at=1_700_000_000)
        client.track(USER, STORY["event"], STORY["properties"], id="01HB4HBDKTFWYZCK01DMRSWRFD")
        client.backfill(USER, "signup", LONG_AGO, channel="web")
        client.pageview(USER, "/home", referrer="/", load=0.35)
        client.add_device(USER, "token/1", "ios", app_version="2")
        client.delete_device(USER, "token/1")
        client.suppress(USER)
        client.unsuppress(USER)
        client.merge_customers("id", USER, "email", "ann@old.example")
        client.track_anonymous("device/7", "visit", {"n": 1.1})
        operation = {"type": "person", "identifiers": {"id": USER}}
        client.batch(
            [
                operation | {"action": "identify", "attributes": {"plan": "pro"}},
                operation | {"action": "event", "name": "batched", "attributes": {"price": 19.99}},
            ]
        )
        client.delete(USER)


async def test_all_that_it_says_is_understood(events: RunningEvents, source: Source, front: Front) -> None:
    await asyncio.to_thread(tell, client_of(front, source))
    stored = await events.stored(source, 13)
    assert sorted(event["type"] for event in stored) == sorted(
        ["identify", "identify", "track", "track", "track", "track", "page", "device", "device_removed", "suppress",
         "unsuppress", "merge", "erase"]
    )  # fmt: skip
    named = {event["name"] or event["type"]: event for event in stored if event["traits"] != {"plan": "pro"}}
    for name, event in named.items():
        assert event["user_id"] == (None if name == "visit" else USER)
    assert named["identify"]["traits"] == exact(STORY["traits"] | {"created_at": 1_700_000_000})
    assert named[STORY["event"]]["properties"] == exact(STORY["properties"])
    assert named[STORY["event"]]["message_id"] == "01HB4HBDKTFWYZCK01DMRSWRFD"
    check_times(named[STORY["event"]])
    assert datetime.fromisoformat(named["signup"]["timestamp"]) == LONG_AGO
    assert named["Page Viewed"]["properties"] == exact({"name": "/home", "referrer": "/", "load": 0.35})
    assert named["device"]["properties"] == {"token": "token/1", "platform": "ios", "app_version": "2"}
    assert named["device_removed"]["properties"] == {"token": "token/1"}
    assert named["merge"]["previous_id"] == "ann@old.example"
    assert named["visit"]["anonymous_id"] == "device/7"
    assert named["batched"]["properties"] == exact({"price": 19.99})
    found = await events.items("events", f"/v1/events?source={source.name}&user_id={quote(USER, safe='')}")
    assert len(found) == 12


async def test_it_may_do_nothing_without_an_api_key(events: RunningEvents, source: Source, front: Front) -> None:
    def delete() -> None:
        with client_of(front, source, source.write_key) as client, pytest.raises(CustomerIOException, match="401"):
            client.delete(USER)

    await asyncio.to_thread(delete)
    assert not await events.stored(source, 0)
