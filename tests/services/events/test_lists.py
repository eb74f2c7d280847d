"""What is stored and what was rejected, listed, filtered, tried again."""

from datetime import timedelta
from typing import Any

import pytest

from services.events.service.chores import delete_old_rejected
from shared.plumbing.ids import new_id
from shared.plumbing.pages import encode_cursor
from tests.services.events.conftest import Events, track


async def test_events_are_listed_newest_first_in_pages(events: Events) -> None:
    now = events.clock.now()
    batch = [track(f"e{n}", timestamp=(now - timedelta(minutes=n)).isoformat()) for n in (3, 0, 2, 4, 1)]
    await events.send(*batch)
    assert [item["name"] for item in await events.items("/v1/events")] == ["e0", "e1", "e2", "e3", "e4"]
    assert [item["name"] for item in await events.items("/v1/events?user_id=ann&limit=2")] == [
        "e0",
        "e1",
        "e2",
        "e3",
        "e4",
    ]
    assert len((await events.call("GET", "/v1/events?limit=2"))["items"]) == 2


async def test_pages_hold_at_the_same_instant(events: Events) -> None:
    await events.send(*(track("same", f"u{n}", timestamp="2026-01-01T00:00:00Z") for n in range(25)))
    items = await events.items("/v1/events?name=same&limit=4")
    assert len({item["user_id"] for item in items}) == 25


async def test_filters_select(events: Events) -> None:
    await events.send(
        track("A", "ann", messageId="m1"),
        track("B", "ann", messageId="m2"),
        track("A", "", anonymousId="d", messageId="m3"),
    )

    async def ids(query: str) -> set[str]:
        return {item["message_id"] for item in await events.items(f"/v1/events?{query}")}

    assert await ids("name=A") == {"m1", "m3"}
    assert await ids("user_id=ann") == {"m1", "m2"}
    assert await ids("user_id=ann&name=A") == {"m1"}
    assert await ids("anonymous_id=d") == {"m3"}
    assert await ids("message_id=m2") == {"m2"}
    assert await ids("message_id=m2&name=A") == set()
    assert await ids("message_id=unknown") == set()
    assert await ids("source=default") == {"m1", "m2", "m3"}
    assert await ids(f"profile_id={new_id()}") == set()


async def test_listing_needs_an_api_key(standing: Events) -> None:
    for path in ("/v1/events", "/v1/rejected", "/v1/lag", "/v1/parked", "/v1/keys", "/v1/sources"):
        await standing.call("GET", path, key="wrong", status=401)
    await standing.call("GET", "/v1/events?cursor=nonsense", status=422)
    await standing.call("GET", "/v1/events?limit=1001", status=422)
    await standing.call("GET", "/v1/events?profile_id=ann", status=422)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/events?userid=ann",
        "/v1/rejected?event=Seen",
        "/v1/violations?name=Seen",
        "/v1/event-schemas?event=Seen",
        "/v1/sources?name=web",
        "/v1/keys?role=read",
        "/v1/parked?feed=outcomes",
        "/v1/lag?since=2026-01-01",
    ],
)
async def test_a_parameter_that_a_list_does_not_know_is_refused(standing: Events, path: str) -> None:
    refused = await standing.call("GET", path, status=422)
    name = path.partition("?")[2].partition("=")[0]
    assert refused["errors"][0]["loc"] == ["query", name]
    assert refused["detail"].startswith(f"{name}: is not known here; known: ")


async def test_trackers_may_put_any_parameter_behind_their_paths(events: Events) -> None:
    for path in ("/v1/track", "/v1/import", "/v1/batch"):
        message = track(messageId=path)
        body = message if path == "/v1/track" else {"batch": [message]}
        answer = await events.post(f"{path}?cache=7&userid=ann", body)
        assert answer["accepted"] == 1, path


# --- rejected


async def one_rejected(events: Events, message: dict[str, Any], path: str = "/v1/batch") -> Any:
    await events.send(message, path=path)
    [item] = await events.items("/v1/rejected")
    return item


async def test_a_rejected_message_is_shown_as_it_came(events: Events) -> None:
    item = await one_rejected(events, {"type": "track", "userId": "ann", "messageId": "m1", "properties": {"n": 1}})
    assert (item["reason"], item["message_id"], item["user_id"]) == ("no_event_name", "m1", "ann")
    assert item["message"] == {"type": "track", "userId": "ann", "messageId": "m1", "properties": {"n": 1}}
    assert await events.items("/v1/rejected?user_id=bea") == []
    assert await events.items("/v1/rejected?reason=no_id") == []
    assert len(await events.items("/v1/rejected?user_id=ann&message_id=m1&reason=no_event_name&source=default")) == 1


async def test_an_edited_message_is_taken_in_at_the_time_it_first_came(events: Events) -> None:
    item = await one_rejected(events, {"type": "track", "userId": "ann", "messageId": "m1"}, path="/v1/import")
    came = events.clock.now()
    events.clock.step(timedelta(hours=5))
    retry = f"/v1/rejected/{item['id']}/retry"
    again = await events.call("POST", retry)
    assert (again["status"], again["reason"]) == ("rejected", "no_event_name")
    answer = await events.call("POST", retry, track("Mended", messageId="m1"))
    assert answer["status"] == "accepted"
    [message] = await events.messages()
    assert (message["name"], message["imported"]) == ("Mended", True)
    [stored] = await events.items("/v1/events?message_id=m1")
    assert abs((_at(stored["timestamp"]) - came).total_seconds()) < 60
    assert _at(stored["received_at"]) - came > timedelta(hours=4)
    assert await events.items("/v1/rejected") == []
    assert (await events.call("POST", retry, track("Twice", messageId="m1")))["status"] == "accepted"
    assert len(await events.messages()) == 1


async def test_a_retry_that_repeats_what_was_kept_is_a_duplicate(events: Events) -> None:
    await events.send(track(messageId="m1"))
    item = await one_rejected(events, {"type": "track", "userId": "ann", "messageId": "m1"})
    answer = await events.call("POST", f"/v1/rejected/{item['id']}/retry", track("Late", messageId="m1"))
    assert answer["status"] == "duplicate"
    assert len(await events.messages()) == 1


async def test_a_retry_does_not_let_the_public_erase(events: Events) -> None:
    item = await one_rejected(events, {"type": "erase", "userId": "ann", "messageId": "m1"})
    answer = await events.call("POST", f"/v1/rejected/{item['id']}/retry")
    assert (answer["status"], answer["reason"]) == ("rejected", "unknown_type")


async def test_retries_that_make_no_sense_are_refused(standing: Events) -> None:
    await standing.call("POST", f"/v1/rejected/{new_id()}/retry", status=404)
    await standing.call("POST", "/v1/rejected/none/retry", status=422)
    reading = await standing.call("POST", "/v1/keys", {"name": "reports", "role": "read"}, status=201)
    await standing.call("POST", f"/v1/rejected/{new_id()}/retry", key=reading["key"], status=403)


def _at(text: str) -> Any:
    from datetime import datetime

    return datetime.fromisoformat(text)


async def test_rejected_messages_are_forgotten_in_time(events: Events) -> None:
    kept = timedelta(days=events.settings.rejected_days)
    db = events.app.state.frame.db
    await events.send({"type": "track", "userId": "ann"})
    events.clock.step(timedelta(days=20))
    await events.send({"type": "track", "userId": "bea"})
    assert await delete_old_rejected(db, before=events.clock.now() - kept) == 0
    events.clock.step(timedelta(days=11))
    assert await delete_old_rejected(db, before=events.clock.now() - kept) == 1
    assert [item["user_id"] for item in await events.items("/v1/rejected")] == ["bea"]


async def test_a_cursor_beyond_the_calendar_is_none_of_ours(events: Events) -> None:
    cursor = encode_cursor(["9999-12-31T23:59:59-01:00", 1, 1])
    refused = await events.call("GET", f"/v1/events?cursor={cursor}", status=422)
    assert refused["errors"] == [{"loc": ["query", "cursor"], "msg": "not a cursor"}]


async def test_a_rejected_message_is_listed_with_the_type_it_states(events: Events) -> None:
    await events.post("/v1/batch", {"batch": [{"type": "group", "userId": "a", "messageId": "g1"}]})
    await events.post("/v1/track", {"userId": "a", "messageId": "t1"})
    assert {item["type"] for item in await events.items("/v1/rejected")} == {"group", "track"}
