"""What events learns from its neighbours: whose each row is, who is forgotten, what became of messages; and the lag."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from shared.plumbing.auth import derive
from shared.plumbing.ids import new_id
from shared.plumbing.lanes import lane_of
from shared.schemas.history import EventsPage
from shared.schemas.resolved import EventResolved
from tests.services.events.conftest import SECRET, Connection, Events, running, track
from tests.services.events.neighbours import Neighbours
from tests.support.waiting import until

AT = "2026-11-01T12:00:00Z"


@pytest.fixture
def neighbours() -> Neighbours:
    return Neighbours()


@pytest.fixture
async def joined(events_url: str, neighbours: Neighbours) -> AsyncIterator[Events]:
    async with running(events_url, transport=neighbours) as service:
        yield service


async def resolve(events: Events, neighbours: Neighbours, profile_id: UUID, *messages: dict[str, Any]) -> list[Any]:
    """Send messages and let profiles say that they are this profile's; returns their places in the log."""
    before = {(item["lane"], item["seq"]) for item in await events.feed()}
    await events.send(*messages)
    items = [item for item in await events.feed() if (item["lane"], item["seq"]) not in before]
    for item in items:
        event = {
            name: item["message"].get(name)
            for name in ("name", "type", "source", "message_id", "timestamp", "received_at")
        }
        log = {"lane": item["lane"], "seq": item["seq"], "received_at": item["message"]["received_at"]}
        neighbours.append(
            "profiles",
            lane_of(profile_id),
            {"kind": "event", "profile_id": str(profile_id), "event": event, "log": log},
        )
    return items


async def names(events: Events, profile_id: UUID) -> list[str]:
    return [item["name"] for item in await events.items(f"/v1/events?profile_id={profile_id}")]


def merge(loser: UUID, survivor: UUID) -> dict[str, Any]:
    snapshot = {"id": str(survivor), "version": 1, "created_at": AT, "updated_at": AT}
    return {"kind": "merge", "profile_id": str(loser), "survivor_id": str(survivor), "profile": snapshot, "at": AT}


def consent(profile_id: UUID) -> dict[str, Any]:
    """Nothing that events keeps."""
    said = {"purpose": "news", "channel": "any", "status": "granted", "at": AT}
    return {"kind": "consent", "profile_id": str(profile_id), "id": str(new_id())} | said


async def test_events_are_listed_by_profile(joined: Events, neighbours: Neighbours) -> None:
    ann, bea = new_id(), new_id()
    neighbours.append("profiles", lane_of(ann), consent(ann))
    await resolve(
        joined,
        neighbours,
        ann,
        track("A", timestamp="2026-11-01T00:00:00Z"),
        track("B", timestamp="2026-11-02T00:00:00Z"),
    )
    await resolve(joined, neighbours, bea, track("C", "bea"))
    await until(lambda: _has(joined, ann, 2))
    await until(lambda: _has(joined, bea, 1))
    assert await names(joined, ann) == ["B", "A"]
    items = await joined.items(f"/v1/events?profile_id={ann}&limit=1")
    assert [item["name"] for item in items] == ["B", "A"]
    assert {item["profile_id"] for item in items} == {str(ann)}
    assert [item["name"] for item in await joined.items(f"/v1/events?profile_id={ann}&name=A")] == ["A"]


async def _has(events: Events, profile_id: UUID, count: int) -> bool:
    return len(await names(events, profile_id)) == count


async def test_merged_profiles_are_listed_as_one_whichever_came_first(joined: Events, neighbours: Neighbours) -> None:
    a, b, c = new_id(), new_id(), new_id()
    await resolve(joined, neighbours, a, track("A", "a"))
    await resolve(joined, neighbours, b, track("B", "b"))
    await resolve(joined, neighbours, c, track("C", "c"))
    neighbours.append("profiles", lane_of(b), merge(b, c))
    neighbours.append("profiles", lane_of(a), merge(a, b))
    for profile_id in (a, b, c):
        await until(lambda profile_id=profile_id: _has(joined, profile_id, 3))  # type: ignore[misc]
    await resolve(joined, neighbours, a, track("late", "a"))
    await until(lambda: _has(joined, c, 4))
    assert {item["profile_id"] for item in await joined.items(f"/v1/events?profile_id={a}")} == {str(c)}


async def test_the_events_of_a_name_and_a_time_are_handed_on_with_whose_they_are(
    joined: Events, neighbours: Neighbours
) -> None:
    """To messaging, which sees by them what a campaign would have done."""
    ann, bea = new_id(), new_id()
    for day in range(1, 6):
        at = f"2026-11-0{day}T00:00:00Z"
        more: dict[str, Any] = {"properties": {"n": day}, "context": {"ip": "0.0.0.0"}}
        await resolve(joined, neighbours, ann if day % 2 else bea, track("A", timestamp=at, **more))
    await resolve(joined, neighbours, ann, track("B", timestamp="2026-11-03T00:00:00Z"))
    await joined.send(track("A", timestamp="2026-11-03T00:00:00Z"))  # nobody knows whose
    neighbours.append("profiles", lane_of(bea), merge(bea, ann))
    await until(lambda: _has(joined, bea, 6))
    found: list[EventResolved] = []
    body: dict[str, Any] = {"name": "A", "since": "2026-11-02T00:00:00Z", "before": "2026-11-05T00:00:00Z", "limit": 2}
    token = derive(SECRET, "internal")
    while True:
        page = EventsPage.of(await joined.call("POST", "/internal/events", body, key=token))
        found += page.items
        if page.next is None:
            break
        body["after"] = page.next
    assert [one.event.properties for one in found] == [{"n": 2}, {"n": 3}, {"n": 4}]
    assert {one.profile_id for one in found} == {ann}
    assert found[0].event.context["ip"] == "0.0.0.0"
    await joined.call("POST", "/internal/events", body, status=401)


async def test_an_erased_person_leaves_no_trace_also_not_in_what_comes_later(
    joined: Events, neighbours: Neighbours, database: Connection
) -> None:
    ann, old, bea = new_id(), new_id(), new_id()
    await resolve(joined, neighbours, ann, track("A", "ann-id"), track("B", "ann-id"))
    await resolve(joined, neighbours, old, track("C", "ann-old"))
    await resolve(joined, neighbours, bea, track("D", "bea-id"))
    neighbours.append("profiles", lane_of(old), merge(old, ann))
    await until(lambda: _has(joined, ann, 3))
    await joined.send(
        {"type": "track", "userId": "ann-id", "messageId": "r1"},
        {"type": "track", "event": "E", "messageId": "r2", "properties": {"mail": "Änn@Example.org"}},
        {"type": "track", "event": "E", "messageId": "r3", "properties": {"mail": "bea@example.org"}},
    )
    erased = {
        "kind": "erase", "profile_id": str(ann), "profile_ids": [str(ann), str(old)], "receipt_id": str(new_id()),
        "identifiers": [{"namespace": "user_id", "value": "ann-id"}, {"namespace": "user_id", "value": "ann-old"}],
        "addresses": [{"namespace": "email", "value": "änn@example.org"}],
        "at": joined.clock.now() + timedelta(seconds=1),
    }  # fmt: skip
    neighbours.append("profiles", lane_of(ann), erased)

    async def rows() -> bool:
        left = await database.fetchval("SELECT count(*) FROM log WHERE user_id LIKE 'ann%'")
        return bool(left == 0)

    await until(rows, "rows")
    assert {item["message_id"] for item in await joined.items("/v1/rejected")} == {"r2", "r3"}
    assert await names(joined, bea) == ["D"]
    assert await database.fetchval("SELECT count(*) FROM profile_events") == 1
    await resolve(joined, neighbours, old, track("late", "ann-late"))

    async def late_is_gone() -> bool:
        return bool(await database.fetchval("SELECT count(*) FROM log WHERE user_id = 'ann-late'") == 0)

    await until(late_is_gone, "late is gone")
    assert await names(joined, old) == []


async def test_a_dropped_event_is_forgotten(joined: Events, neighbours: Neighbours, database: Connection) -> None:
    await joined.send(track("A"))
    [item] = await joined.feed()
    log = {"lane": item["lane"], "seq": item["seq"], "received_at": item["message"]["received_at"]}
    profile_id = new_id()
    dropped = {"kind": "dropped", "profile_id": str(profile_id), "log": log, "at": AT}
    neighbours.append("profiles", lane_of(profile_id), {"kind": "household", "profile_id": str(profile_id)})
    neighbours.append("profiles", lane_of(profile_id), dropped)

    async def gone() -> bool:
        return bool(await database.fetchval("SELECT count(*) FROM log") == 0)

    await until(gone, "gone")


async def test_outcomes_become_events_once(joined: Events, neighbours: Neighbours) -> None:
    profile_id = new_id()
    outcome = {
        "kind": "outcome", "message_id": "delivery-1:sent", "profile_id": str(profile_id), "name": "Email Sent",
        "properties": {"campaign": "thanks"}, "at": AT,
    }  # fmt: skip
    for _ in range(3):
        neighbours.append("messaging", lane_of(profile_id), outcome)
    neighbours.append("messaging", lane_of(profile_id), outcome | {"message_id": "behind them"})

    async def there() -> bool:
        return "behind them" in {one["message_id"] for one in await joined.messages()}

    await until(there, "there")
    item, _ = await joined.feed()
    assert item["lane"] == lane_of(profile_id)
    message = item["message"]
    assert (message["source"], message["type"], message["name"]) == ("messaging", "track", "Email Sent")
    assert (message["profile_id"], message["properties"]) == (str(profile_id), {"campaign": "thanks"})
    assert len(await joined.items("/v1/events?message_id=delivery-1:sent")) == 1


async def test_a_poisonous_message_is_parked_and_those_behind_it_go_on(joined: Events, neighbours: Neighbours) -> None:
    profile_id = new_id()
    lane = lane_of(profile_id)
    neighbours.append("messaging", lane, {"kind": "outcome", "profile_id": "nobody"})
    good = {"kind": "outcome", "message_id": "m", "profile_id": str(profile_id), "name": "Email Sent", "at": AT}
    neighbours.append("messaging", lane, good)

    async def there() -> bool:
        return len(await joined.messages()) == 1

    await until(there, "there")
    [parked] = await joined.items("/v1/parked")
    assert (parked["feed"], parked["message"]["profile_id"]) == ("outcomes", "nobody")
    assert parked["reason"]


# --- lag


async def lag(events: Events, *, status: int = 200) -> Any:
    return await events.call("GET", "/v1/lag", status=status)


async def test_lag_counts_what_each_step_lacks(joined: Events, neighbours: Neighbours) -> None:
    assert await lag(joined) == {"events": 0, "seconds": 0}
    await joined.send(*(track(user=f"u{n}") for n in range(10)))
    found = await lag(joined)
    assert found["events"] == 10
    joined.clock.step(timedelta(seconds=30))
    assert (await lag(joined))["seconds"] >= 30
    heads: dict[int, int] = {}
    for item in await joined.feed():
        heads[item["lane"]] = max(item["seq"], heads.get(item["lane"], 0))
    neighbours.cursors["profiles"]["events"] = heads
    assert (await lag(joined))["events"] == 0

    neighbours.append("profiles", 3, {"kind": "later"})
    neighbours.oldest["profiles"] = (joined.clock.now() - timedelta(seconds=7)).isoformat()
    assert (await lag(joined))["events"] == 1
    assert 7 <= (await lag(joined))["seconds"] < 60
    neighbours.cursors["segments"]["profiles"] = {3: 1}
    assert (await lag(joined))["events"] == 1
    neighbours.cursors["messaging"]["profiles"] = {3: 1}

    async def nothing() -> bool:
        return bool((await lag(joined))["events"] == 0)

    await until(nothing, "nothing")
    neighbours.append("segments", 5, {})
    assert (await lag(joined))["events"] == 1
    neighbours.cursors["messaging"]["segments"] = {5: 1}
    neighbours.pending["messaging"] = (2, (joined.clock.now() - timedelta(seconds=9)).isoformat())
    found = await lag(joined)
    assert found["events"] == 2
    assert 9 <= found["seconds"] < 60
    neighbours.pending.clear()
    assert await lag(joined) == {"events": 0, "seconds": 0}


async def test_lag_asks_upstream_first(joined: Events, neighbours: Neighbours) -> None:
    neighbours.asked.clear()
    await lag(joined)
    assert neighbours.asked == ["profiles", "segments", "messaging"]


async def test_what_became_of_a_message_while_lag_is_asked_is_still_pending(
    joined: Events, neighbours: Neighbours
) -> None:
    outcome = {
        "kind": "outcome", "message_id": "delivery-1:sent", "profile_id": str(new_id()), "name": "Email Sent",
        "properties": {}, "at": AT,
    }  # fmt: skip

    async def it_is_taken_in_meanwhile() -> None:
        neighbours.append("messaging", 7, outcome)
        await until(joined.messages, "it is an event")

    neighbours.before_progress["messaging"] = it_is_taken_in_meanwhile
    assert (await lag(joined))["events"] == 1


@pytest.mark.parametrize("service", ["profiles", "segments", "messaging"])
async def test_with_a_service_away_lag_is_unavailable_but_counted(
    joined: Events, neighbours: Neighbours, service: str
) -> None:
    neighbours.down = {service}
    found = await lag(joined, status=503)
    assert (found["events"], found["out_of_reach"]) == (0, [service])
    await joined.send(*(track(user=f"u{n}") for n in range(10)))
    joined.clock.step(timedelta(seconds=30))
    found = await lag(joined, status=503)
    assert (found["events"], found["out_of_reach"]) == (10, [service])
    assert found["seconds"] >= 30


async def test_lag_and_who_is_out_of_reach_are_metrics(joined: Events, neighbours: Neighbours) -> None:
    async def shown() -> dict[str, float]:
        await joined.app.state.lag.show()
        text = (await joined.http.get("/metrics")).text
        lines = [line.rsplit(" ", 1) for line in text.splitlines() if line.startswith(("regulars_lag", "regulars_out"))]
        return {name: float(value) for name, value in lines}

    await joined.send(*(track(user=f"u{n}") for n in range(10)))
    joined.clock.step(timedelta(seconds=30))
    found = await shown()
    assert found["regulars_lag_events"] == 10
    assert found["regulars_lag_seconds"] >= 30
    assert found['regulars_out_of_reach{service="messaging"}'] == 0
    neighbours.down.add("messaging")
    found = await shown()
    assert found["regulars_lag_events"] == 10
    assert found['regulars_out_of_reach{service="messaging"}'] == 1
    assert found['regulars_out_of_reach{service="segments"}'] == 0


async def test_what_waits_for_one_who_is_away_is_counted_from_where_it_last_said_it_was(
    joined: Events, neighbours: Neighbours
) -> None:
    for number in range(5):
        neighbours.append("profiles", 3, {"kind": "later", "number": number})
    neighbours.cursors["messaging"]["profiles"] = {3: 5}
    neighbours.readers["profiles"] = {"segments": {3: 2}}
    neighbours.down = {"segments"}

    async def three() -> bool:
        return bool((await lag(joined, status=503))["events"] == 3)

    await until(three, "three")
