"""What is accepted is kept once, durable before the answer, and handed on."""

import asyncio
import gzip
from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.events.domain.months import months_from
from services.events.service.chores import delete_old_keys, make_partitions
from services.events.store.partitions import existing_partitions, move_out_of_net
from shared.plumbing import json
from tests.services.events.conftest import WRITE_KEY, Connection, Events, running, track
from tests.support.waiting import until


async def test_a_batch_is_kept_and_handed_on(events: Events) -> None:
    answer = await events.send(track(properties={"total": 10, "tax": 1}), track("Product Viewed", "bea"))
    assert answer["success"] is True
    assert [item["status"] for item in answer["results"]] == ["accepted", "accepted"]
    messages = {message["user_id"]: message for message in await events.messages()}
    assert messages["ann"]["properties"] == {"total": 10, "tax": 1}
    assert messages["ann"]["name"] == "Order Completed"
    assert messages["ann"]["source"] == "default"
    assert messages["bea"]["name"] == "Product Viewed"


async def test_the_same_batch_from_eight_clients_ten_times_is_kept_once(events: Events, database: Connection) -> None:
    bad = {"type": "track", "userId": "ann", "messageId": "nameless"}
    batch = {"batch": [*(track(messageId=f"m{n}", user=f"u{n % 7}") for n in range(50)), bad]}
    statuses: list[str] = []

    async def client() -> None:
        for _ in range(10):
            answer = await events.post("/v1/batch", batch)
            statuses.extend(item["status"] for item in answer["results"])

    await asyncio.gather(*(client() for _ in range(8)))
    assert await database.fetchval("SELECT count(*) FROM log") == 50
    assert await database.fetchval("SELECT count(*) FROM rejected") == 1
    assert len(await events.messages()) == 50
    assert {status: statuses.count(status) for status in set(statuses)} == {
        "accepted": 50, "duplicate": 79 * 50, "rejected": 80,
    }  # fmt: skip


async def test_two_processes_keep_the_same_batch_once(events: Events, events_url: str, database: Connection) -> None:
    batch = {"batch": [track(messageId=f"m{n}", user=f"u{n % 7}") for n in range(40)]}
    async with running(events_url, role="api") as second:
        await asyncio.gather(*(one.post("/v1/batch", batch) for one in (events, second) for _ in range(8)))
    assert await database.fetchval("SELECT count(*) FROM log") == 40
    rows = await database.fetch("SELECT lane, array_agg(seq ORDER BY seq) AS seqs FROM log GROUP BY lane")
    assert all(row["seqs"] == list(range(1, len(row["seqs"]) + 1)) for row in rows), "numbers without gaps"


async def test_a_duplicate_within_a_batch_counts_once_and_the_first_wins(events: Events) -> None:
    answer = await events.send(track(messageId="m", user="ann"), track(messageId="m", user="bea"))
    assert [item["status"] for item in answer["results"]] == ["accepted", "duplicate"]
    [message] = await events.messages()
    assert message["user_id"] == "ann"


async def test_sources_do_not_share_message_ids(events: Events) -> None:
    source = await events.call("POST", "/v1/sources", {"name": "ios", "kind": "ios"}, status=201)
    for key in (WRITE_KEY, source["write_key"]):
        answer = await events.post("/v1/batch", {"batch": [track(messageId="m")]}, key=key)
        assert answer["accepted"] == 1
    assert sorted(message["source"] for message in await events.messages()) == ["default", "ios"]


async def test_one_devices_messages_keep_their_order(events: Events) -> None:
    for start in range(0, 60, 20):
        await events.send(*(track(f"step {n}", "", anonymousId="device") for n in range(start, start + 20)))
    assert [message["name"] for message in await events.messages()] == [f"step {n}" for n in range(60)]


async def test_all_that_was_sent_arrives_exactly(events: Events) -> None:
    body = b"""{"batch": [{"type": "track", "event": "E", "userId": "ann", "messageId": "m", "properties":
        {"tenth": 0.1, "kept": 1.10, "big": 1234567890123456789012345678901234567890, "e": 1e100, "small": 1E-100,
         "text": "\\u00e4\\ud83d\\ude00 \\"x\\" \\\\ \\n", "null": null, "list": [1, [2.50, {}]]},
        "context": {"ip": "::1"}}]}"""
    await events.post("/v1/batch", body)
    [message] = await events.messages()
    properties = message["properties"]
    assert json.dumps(properties["tenth"]) == b"0.1"
    assert json.dumps(properties["kept"]) == b"1.10"
    assert properties["big"] == 1234567890123456789012345678901234567890
    assert properties["e"] == 10**100
    assert properties["small"] == json.loads("1e-100")
    assert properties["text"] == 'ä😀 "x" \\ \n'
    assert properties["list"] == [1, [json.loads("2.50"), {}]]
    assert message["context"] == {"ip": "::1"}


async def test_the_four_times_are_kept(events: Events) -> None:
    now = events.clock.now()
    stamped, sent = now + timedelta(hours=3), now + timedelta(hours=3, seconds=2)
    await events.send(track(timestamp=stamped.isoformat()), sentAt=sent.isoformat())
    [item] = await events.items("/v1/events")
    times = {
        name: json.loads(json.dumps(item[name]))
        for name in ("timestamp", "original_timestamp", "sent_at", "received_at")
    }
    assert times["original_timestamp"] == stamped.isoformat().replace("+00:00", "Z")
    assert times["sent_at"] == sent.isoformat().replace("+00:00", "Z")
    assert abs((events.clock.now() - now).total_seconds()) < 60
    assert times["timestamp"] < times["received_at"]


async def test_history_is_marked(events: Events) -> None:
    await events.send(track(), path="/v1/import")
    [message] = await events.messages()
    assert message["imported"] is True


# --- what can't be used


MALFORMED: dict[str, tuple[bytes, int]] = {
    "not JSON": (b"{", 400),
    "an array": (b"[]", 400),
    "a number": (b"1", 400),
    "empty": (b"", 400),
    "no batch": (b"{}", 400),
    "a batch that is no list": (b'{"batch": {"a": 1}}', 400),
    "broken gzip": (gzip.compress(b"{}")[:-3], 400),
    "too large": (b'{"batch": [' + b" " * 4_200_000 + b"]}", 413),
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_hopeless_bodies_are_refused(standing: Events, name: str) -> None:
    body, status = MALFORMED[name]
    problem = await standing.post("/v1/batch", body, status=status)
    assert problem["code"]
    assert problem["message"]


async def test_a_gzip_bomb_is_refused(standing: Events) -> None:
    bomb = gzip.compress(b'{"batch": [' + b" " * 100_000_000 + b"]}")
    problem = await standing.post("/v1/batch", bomb, status=413)
    assert problem["code"]
    assert problem["message"]


BAD: dict[str, tuple[bytes, str]] = {
    "no name": (b'{"type":"track","userId":"u"}', "no_event_name"),
    "no id": (b'{"type":"track","event":"e"}', "no_id"),
    "too large": (b'{"type":"track","event":"e","userId":"u","properties":{"x":"' + b"y" * 33_000 + b'"}}', "too_large"),
    "null character": (b'{"type":"track","event":"a\\u0000b","userId":"u"}', "null_character"),
    "half a surrogate pair": (b'{"type":"track","event":"\\ud800","userId":"u"}', "invalid_json"),
    "NaN": (b'{"type":"track","event":"e","userId":"u","properties":{"x":NaN}}', "invalid_json"),
    "huge number": (b'{"type":"track","event":"e","userId":"u","properties":{"x":1e999}}', "number_out_of_range"),
    "many digits": (b'{"type":"track","event":"e","userId":"u","properties":{"x":' + b"9" * 5000 + b"}}", "number_out_of_range"),
    "deep": (b'{"type":"track","event":"e","userId":"u","properties":{"x":' + b"[" * 15000 + b"]" * 15000 + b"}}", "too_deep"),
    "very deep": (b'{"x":' + b"[" * 200_000 + b"]" * 200_000 + b"}", "too_large"),
    "not UTF-8": (b'{"type":"track","event":"\xff","userId":"u"}', "invalid_text"),
    "wrong types": (b'{"type":"track","event":{},"userId":[],"messageId":{}}', "wrong_type"),
    "no object": (b"3", "wrong_type"),
    "null": (b"null", "wrong_type"),
    "year 1": (b'{"type":"track","event":"e","userId":"u","timestamp":"0001-01-01T00:00:00Z"}', "bad_timestamp"),
    "no date": (b'{"type":"track","event":"e","userId":"u","timestamp":"99999-99-99"}', "bad_timestamp"),
    "a type for insiders": (b'{"type":"erase","userId":"u"}', "unknown_type"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_message_is_kept_with_its_reason_and_harms_no_other(standing: Events, name: str) -> None:
    raw, reason = BAD[name]
    good = [json.dumps(track(f"beside {name}", messageId=f"{name} {n}")) for n in range(2)]
    answer = await standing.post("/v1/batch", b'{"batch": [' + good[0] + b"," + raw + b"," + good[1] + b"]}")
    assert [item["status"] for item in answer["results"]] == ["accepted", "rejected", "accepted"]
    assert answer["results"][1]["reason"] == reason
    assert len(await standing.items(f"/v1/events?name=beside {name}")) == 2
    assert len(await standing.items(f"/v1/rejected?reason={reason}&limit=1")) >= 1


async def test_a_bad_single_message_is_kept_with_its_reason(events: Events) -> None:
    answer = await events.post("/v1/track", {"userId": "ann"})
    assert (answer["success"], answer["rejected"]) == (True, 1)
    [item] = await events.items("/v1/rejected")
    assert item["message"] == {"userId": "ann"}


async def test_a_value_that_only_the_database_refuses_harms_no_other(events: Events, database: Connection) -> None:
    await database.execute("ALTER TABLE log ADD CONSTRAINT hostile CHECK (1 / (length(name) - 6) IS NOT NULL)")
    answers = await asyncio.gather(
        *(events.send(track("good"), track("poison" if n == 2 else "fine", messageId=f"m{n}")) for n in range(5))
    )
    statuses = [item["status"] for answer in answers for item in answer["results"]]
    assert statuses.count("rejected") == 1
    assert statuses.count("accepted") == 9
    [item] = await events.items("/v1/rejected")
    assert (item["reason"], item["message_id"]) == ("unstorable", "m2")


# --- keys


async def test_an_unknown_key_is_refused(standing: Events) -> None:
    problem = await standing.post("/v1/batch", {"batch": []}, key="cunknown", status=401)
    assert problem["code"] == "unauthorized"
    await standing.post("/v1/batch", {"batch": []}, key=None, status=401)


@pytest.mark.parametrize("place", ["header", "query", "body", "verbatim"])
async def test_the_key_may_stand_elsewhere(standing: Events, place: str) -> None:
    options: dict[str, Any] = {
        "header": {"headers": {"X-Write-Key": f"{WRITE_KEY}:secret"}},
        "query": {"params": {"writeKey": WRITE_KEY}},
        "verbatim": {"headers": {"Authorization": WRITE_KEY}},
    }.get(place, {})
    body: dict[str, Any] = {"batch": [track()]} | ({"writeKey": WRITE_KEY} if place == "body" else {})
    assert (await standing.post("/v1/batch", body, key=None, **options))["accepted"] == 1


# --- when nothing more can be kept


async def test_a_full_disk_is_refused_before_anything_is_lost(events_url: str, tmp_path: Any) -> None:
    async with running(events_url, disk_path=tmp_path, disk_reserve_mb=10**12) as events:
        answer = await events.http.post("/v1/batch", content=json.dumps({"batch": [track()]}), auth=(WRITE_KEY, ""))
        assert answer.status_code == 429
        assert int(answer.headers["Retry-After"]) > 0
        assert int(answer.headers["X-RateLimit-Reset"]) > 0
        assert await events.messages() == []


async def test_too_much_waiting_is_refused(events_url: str) -> None:
    async with running(events_url, max_waiting=-1) as events:
        await events.post("/v1/batch", {"batch": [track()]}, status=429)


async def _accepted_again(events: Events, batch: Any) -> dict[str, int]:
    """What the first answer says that is no 503; connections may still be the old ones."""
    answered: list[httpx.Response] = []

    async def is_taken() -> bool:
        answered.append(await events.http.post("/v1/batch", content=json.dumps(batch), auth=(WRITE_KEY, "")))
        assert answered[-1].status_code in (200, 503)
        return answered[-1].status_code == 200

    await until(is_taken, "it is accepted again")
    told = json.loads(answered[-1].content)
    return {"accepted": told["accepted"], "duplicates": told["duplicates"]}


async def test_a_database_that_is_away_is_a_503_and_nothing_is_half_done(events: Events, database: Connection) -> None:
    await events.send(track(messageId="m0"))
    await database.execute("ALTER TABLE log RENAME TO away")
    batch = {"batch": [track(messageId="m1")]}
    answer = await events.http.post("/v1/batch", content=json.dumps(batch), auth=(WRITE_KEY, ""))
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    await database.execute("ALTER TABLE away RENAME TO log")
    assert await _accepted_again(events, batch) == {"accepted": 1, "duplicates": 0}


async def test_connections_that_were_cut_are_replaced(events: Events, database: Connection) -> None:
    await events.send(track(messageId="m0"))
    await database.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
    )
    for n in range(1, 10):
        await _accepted_again(events, {"batch": [track(messageId=f"m{n}")]})
    assert await database.fetchval("SELECT count(*) FROM log") == 10


# --- partitions


async def test_months_are_made_ahead_and_rows_move_out_of_the_net(events: Events, database: Connection) -> None:
    await events.send(track(messageId="now"))
    events.clock.step(timedelta(days=400))
    await events.send(track(messageId="later"))
    in_net = await database.fetchval("SELECT count(*) FROM log_default")
    assert in_net >= 1
    await make_partitions(events.app.state.frame.db, now=events.clock.now())
    assert await database.fetchval("SELECT count(*) FROM log_default") == 0
    assert await database.fetchval("SELECT count(*) FROM log") == 2
    assert len(await events.messages()) == 2
    month = events.clock.now().strftime("log_%Y_%m")
    assert await database.fetchval(f"SELECT message_id FROM {month}") == "later"


async def _waiting(database: Connection) -> bool:
    """Whether somebody waits for a lock."""
    asked = """SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = database
               WHERE NOT granted AND datname = current_database()"""
    return bool(await database.fetch(asked))


async def test_who_looks_while_rows_move_out_of_the_net_sees_them(events: Events, database: Connection) -> None:
    events.clock.step(timedelta(days=4000))
    await events.send(track(messageId="m"))
    async with database.transaction():
        await move_out_of_net(database, months_from(events.clock.now())[0])
        looking = asyncio.ensure_future(events.messages())
        await until(lambda: _waiting(database), "it waits")
    assert [one["message_id"] for one in await looking] == ["m"]


async def test_nobody_who_writes_waits_while_a_partition_waits_for_somebody_who_reads(
    events: Events, database: Connection
) -> None:
    db, ahead = events.app.state.frame.db, events.clock.now() + timedelta(days=8000)
    await make_partitions(db, now=events.clock.now())  # else what is sent is for the net, which is locked
    async with database.transaction():
        await database.fetch("SELECT FROM log")
        making = asyncio.create_task(make_partitions(db, now=ahead, patience=timedelta(minutes=1)))
        await until(lambda: _waiting(database), "it waits")
        await events.send(track(messageId="m"))
        assert await _waiting(database)
    await making
    assert {month.table for month in months_from(ahead)} <= await existing_partitions(db)


async def test_partitions_are_left_for_another_time_while_somebody_reads_on(
    events: Events, database: Connection
) -> None:
    db, ahead = events.app.state.frame.db, events.clock.now() + timedelta(days=12_000)
    async with database.transaction():
        await database.fetch("SELECT FROM log")
        await make_partitions(db, now=ahead, patience=timedelta(milliseconds=10))
    await make_partitions(db, now=ahead)
    assert {month.table for month in months_from(ahead)} <= await existing_partitions(db)


async def test_old_dedup_keys_are_forgotten_in_time(events: Events, database: Connection) -> None:
    await events.send(*(track(messageId=f"m{n}") for n in range(20)))
    db, now = events.app.state.frame.db, events.clock.now()
    assert await delete_old_keys(db, before=now - timedelta(days=90)) == 0
    assert await delete_old_keys(db, before=now + timedelta(days=1)) == 20
    assert await database.fetchval("SELECT count(*) FROM event_keys") == 0
    assert len(await events.items("/v1/events?message_id=m3")) == 0
    events.clock.step(timedelta(days=100))
    assert len(await events.items("/v1/events?message_id=m3")) == 1


async def test_what_was_served_bounds_what_is_searched_but_a_replay_sees_all(
    events: Events, database: Connection
) -> None:
    await events.send(*(track(f"e{n}") for n in range(5)))
    first = await events.feed()
    assert len(first) == 5
    assert len(await events.feed()) == 5
    assert await events.feed(after=5) == []
