"""Static lists: people who are in a segment because somebody said so."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from services.segments.api.list_bodies import MOST_BYTES
from services.segments.service.lists import HEARD_OF, Upload
from services.segments.store import catalogue, lists
from shared.plumbing import json
from shared.plumbing.errors import Conflict, NotFound
from shared.plumbing.ids import new_id
from tests.services.segments.listing import PATH, know, make_list
from tests.services.segments.standing import NOW, Standing
from tests.services.segments.told import changed, did, erased, merged, person

ANN, BEN, CLEO = person("ann"), person("ben"), person("cleo")


@pytest.fixture
async def guests(segments: Standing) -> Standing:
    """A list, and three people."""
    made = await make_list(segments)
    assert (made["kind"], made["condition"], made["name"]) == ("list", None, "guests")
    await know(segments, "ann", "ben", "cleo")
    return segments


async def put(segments: Standing, *names: str) -> Any:
    return await segments.call("PUT", PATH, {"user_ids": names})


async def add(segments: Standing, *names: str) -> Any:
    return await segments.call("POST", PATH, {"user_ids": names})


async def remove(segments: Standing, *names: str) -> Any:
    return await segments.call("DELETE", PATH, {"user_ids": names})


def counts(answer: Any) -> tuple[int, int, int, int]:
    return answer["added"], answer["removed"], answer["kept"], answer["unknown"]


async def test_people_are_added_replaced_and_taken_off(guests: Standing) -> None:
    assert counts(await add(guests, "ann", "ann", "nobody", "somebody")) == (1, 0, 0, 2)
    assert await guests.members("guests") == {ANN}
    again = await add(guests, "ann", "ben", "nobody")
    assert counts(again) == (1, 0, 1, 1)
    assert again["first_unknown"] == [{"namespace": "user_id", "value": "nobody"}]
    assert counts(await put(guests, "ben", "cleo")) == (1, 1, 1, 0)
    assert await guests.members("guests") == {BEN, CLEO}
    assert counts(await remove(guests, "ann", "ben")) == (0, 1, 1, 0)
    assert await guests.members("guests") == {CLEO}
    assert counts(await put(guests)) == (0, 1, 0, 0)
    assert await guests.changes("guests", CLEO) == [("entered", "import", NOW), ("left", "import", NOW)]
    causes = [item["cause"] for item in await guests.items("/v1/segments/guests/changes")]
    assert causes == [{"kind": "import", "list": "guests"}] * 6
    assert await guests.replayed("guests") == set()


async def test_a_list_is_shown_as_one_and_keeps_its_kind(guests: Standing) -> None:
    await add(guests, "ann")
    shown = await guests.call("GET", "/v1/segments/guests")
    assert (shown["kind"], shown["condition"], shown["status"], shown["size"]) == ("list", None, "live", 1)
    await guests.define("all", {"all": []})
    assert [item["kind"] for item in await guests.items("/v1/segments")] == ["condition", "list"]
    renamed = await guests.call("PUT", "/v1/segments/guests", {"name": "Guests"})
    assert (renamed["name"], renamed["kind"]) == ("Guests", "list")
    for query in ("", "?dry_run=true"):
        refused = await guests.call("PUT", f"/v1/segments/guests{query}", {"condition": {"all": []}}, status=422)
        assert [error["loc"] for error in refused["errors"]] == [["body", "condition"]]
    [version] = (await guests.call("GET", "/v1/segments/guests/versions"))["items"]
    assert version["condition"] is None


async def test_one_address_may_be_several_people(guests: Standing) -> None:
    guests.others.people["email", "family@example.com"] = [ANN, BEN]
    body: dict[str, Any] = {
        "identifiers": [{"namespace": "email", "value": "family@example.com"}],
        "user_ids": ["ann"],
        "profile_ids": [CLEO],
    }
    assert counts(await guests.call("PUT", PATH, body)) == (3, 0, 0, 0)
    assert await guests.members("guests") == {ANN, BEN, CLEO}


async def test_a_list_is_uploaded_as_csv(guests: Standing) -> None:
    content, headers = b"first_name,user_id\nAnn,ann\nBen,ben\nNobody,nobody\n", {"Content-Type": "text/csv"}
    answer = await guests.http.put(f"{PATH}?column=user_id", content=content, headers=headers)
    assert answer.status_code == 200, answer.text
    assert counts(json.loads(answer.content)) == (2, 0, 0, 1)
    assert await guests.members("guests") == {ANN, BEN}


async def test_a_body_that_cannot_be_taken_changes_nothing(guests: Standing) -> None:
    await add(guests, "ann")
    for kind, content, status in (
        ("text/csv", b"ann@example.com\n", 422),
        ("application/json", b"user_id\nben\n", 400),
        ("application/json", b"{}", 422),
        ("text/csv", b"user_id\n" + b"x\n" * 100_001, 413),
        ("text/csv", b"user_id\n" + b"x" * MOST_BYTES, 413),
    ):
        answer = await guests.http.put(PATH, content=content, headers={"Content-Type": kind})
        assert answer.status_code == status, answer.text
        assert answer.json()["code"] in ("invalid", "malformed", "too_large")
    assert await guests.members("guests") == {ANN}


async def test_only_a_list_takes_people_by_name(guests: Standing) -> None:
    await guests.define("buyers", {"event": "Order Completed", "op": ">=", "value": 1})
    for method in ("PUT", "POST", "DELETE"):
        refused = await guests.call(method, "/v1/segments/buyers/list", {"user_ids": ["ann"]}, status=409)
        assert refused["code"] == "not_a_list"
        await guests.call(method, "/v1/segments/nothing/list", {"user_ids": ["ann"]}, status=404)
    ways: list[dict[str, Any]] = [{"condition": {"all": []}}, {"template": {"key": "lapsed"}}]
    for body in ways:
        refused = await guests.call("POST", "/v1/segments", {"key": "s", "list": True, **body}, status=422)
        assert [error["loc"] for error in refused["errors"]] == [["body", "list"]]


async def test_where_profiles_cannot_be_asked_nothing_changes(guests: Standing) -> None:
    await add(guests, "ann")
    guests.others.away.add("profiles")
    await guests.call("PUT", PATH, {"user_ids": ["ben"]}, status=503)
    assert await guests.members("guests") == {ANN}


async def test_no_condition_can_name_who_is_on_a_list_but_by_its_key(guests: Standing) -> None:
    shown = await guests.call("GET", "/v1/segments/guests")
    await guests.define("s", {"all": []})
    for path in ("$lists", f"$lists.{shown['id']}"):
        condition = {"any": [{"trait": path, "op": "exists"}]}
        for method, where, body in (
            ("POST", "/v1/segments", {"key": "x", "condition": condition}),
            ("PUT", "/v1/segments/s", {"condition": condition}),
            ("POST", "/v1/segments/preview", {"condition": condition}),
        ):
            refused = await guests.call(method, where, body, status=422)
            assert [error["loc"] for error in refused["errors"]] == [["body", "condition", "any", 0, "trait"]]


async def test_what_profiles_tells_of_a_person_leaves_lists_alone(guests: Standing) -> None:
    shown = await guests.call("GET", "/v1/segments/guests")
    await add(guests, "ann")
    claims: dict[str, Any] = {"$lists": {shown["id"]: "2020-01-01"}}
    await guests.take(changed("ann", version=2, plan="pro"), changed("ben", version=2, **claims))
    await guests.take(changed("ann", version=3, **{"$lists": None}), did("ann", "A"))
    assert await guests.members("guests") == {ANN}
    await guests.define("pro", {"trait": "plan", "op": "=", "value": "pro"})
    assert await guests.members("pro") == set()


async def test_other_segments_refer_to_a_list(guests: Standing) -> None:
    both = {"all": [{"segment": "guests"}, {"event": "Order Completed", "op": ">=", "value": 1}]}
    await guests.define("guests-who-bought", both)
    await guests.define("others", {"not": {"segment": "guests"}})
    await guests.take(did("ann", "Order Completed"), did("ben", "Order Completed"))
    await add(guests, "ann", "cleo")
    assert await guests.members("guests-who-bought") == {ANN}
    assert await guests.members("others") == {BEN}
    assert (await guests.items("/v1/segments/guests-who-bought/changes"))[-1]["cause"] == {
        "kind": "import", "list": "guests",
    }  # fmt: skip
    await guests.take(did("cleo", "Order Completed"))
    await remove(guests, "ann")
    assert await guests.members("guests-who-bought") == {CLEO}
    preview = await guests.call("POST", "/v1/segments/preview", {"condition": {"segment": "guests"}})
    assert (preview["count"], [each["user_id"] for each in preview["sample"]]) == (1, ["cleo"])
    refused = await guests.call("DELETE", "/v1/segments/guests", status=409)
    assert refused["code"] == "in_use"


async def test_explain_says_since_when_somebody_is_on_a_list(guests: Standing) -> None:
    await guests.define("both", {"all": [{"segment": "guests"}]})
    await add(guests, "ann")
    await guests.later(days=1)
    await add(guests, "ann")
    tree = await guests.call("GET", f"/v1/segments/guests/explain?profile_id={ANN}")
    assert (tree["kind"], tree["value"], tree["facts"]) == ("list", True, {"since": "2026-05-01T12:00:00.000000Z"})
    assert tree["condition"] == {"list": True}
    other = await guests.call("GET", f"/v1/segments/both/explain?profile_id={BEN}")
    assert other["segments"]["guests"]["facts"] == {"since": None}
    assert "$lists" not in json.dumps_text([tree, other])


async def test_having_been_on_a_list_for_so_long(guests: Standing) -> None:
    await guests.define("for-a-day", {"for": "P1D", "of": {"segment": "guests"}})
    await add(guests, "ann", "ben")
    await guests.later(hours=23)
    await remove(guests, "ben")
    await add(guests, "ben")
    assert await guests.members("for-a-day") == set()
    at = await guests.later(hours=1)
    assert await guests.members("for-a-day") == {ANN}
    assert await guests.changes("for-a-day") == [("entered", "time", at)]
    tree = await guests.call("GET", f"/v1/segments/for-a-day/explain?profile_id={ANN}")
    assert tree["value"] is True
    assert "$lists" not in json.dumps_text(tree)


async def test_the_survivor_of_a_merge_is_on_a_list_if_either_was(guests: Standing) -> None:
    await know(guests, "dan")
    await add(guests, "ben", "cleo")
    await guests.take(merged("ben", "ann"), merged("dan", "cleo"))
    assert await guests.members("guests") == {ANN, CLEO}
    assert await guests.changes("guests", BEN) == [("entered", "import", NOW), ("left", "merge", NOW)]
    assert await guests.changes("guests", ANN) == [("entered", "merge", NOW)]
    # also where profiles named them before they were one
    assert counts(await remove(guests, "ben")) == (0, 1, 0, 0)
    assert counts(await put(guests, "dan")) == (0, 0, 1, 0)
    assert await guests.members("guests") == {CLEO}


async def test_who_is_erased_is_on_no_list(guests: Standing) -> None:
    await add(guests, "ann", "ben")
    await guests.take(erased("ann"))
    assert await guests.members("guests") == {BEN}
    assert counts(await put(guests, "ann", "ben")) == (0, 0, 1, 0)
    assert await guests.members("guests") == {BEN}
    traits = await guests.db.fetchval("SELECT traits FROM profiles WHERE profile_id = $1", ANN)
    assert traits == {}


async def test_a_person_who_is_yet_to_be_told_of_can_be_listed(guests: Standing) -> None:
    guests.others.people["user_id", "dan"] = [person("dan")]
    await guests.define("all", {"all": []})
    assert counts(await add(guests, "dan")) == (1, 0, 0, 0)
    await guests.take(changed("dan", plan="pro"))
    assert await guests.members("guests") == {person("dan")}
    [member] = await guests.items("/v1/segments/guests/members")
    assert member["user_id"] == "dan"
    assert await guests.changes("all", person("dan")) == [("entered", "profile", NOW)]
    assert counts(await remove(guests, "eve")) == (0, 0, 0, 1)


async def test_a_list_can_be_filled_while_it_is_being_built(segments: Standing) -> None:
    await know(segments, "ann", "ben")
    await make_list(segments)
    await add(segments, "ann")
    assert await segments.members("guests") == {ANN}
    await segments.worker.work()
    await add(segments, "ben")
    assert await segments.members("guests") == {ANN, BEN}
    assert [kind for _, kind, _ in await segments.changes("guests")] == ["import", "import"]


async def test_a_deleted_list_is_forgotten_and_its_key_may_be_taken_anew(guests: Standing) -> None:
    await add(guests, "ann", "ben")
    await guests.call("DELETE", "/v1/segments/guests", status=204)
    await make_list(guests)
    await guests.worker.work()
    assert await guests.members("guests") == set()
    while await guests.worker.clear():
        pass
    left = await guests.db.fetch("SELECT traits FROM profiles WHERE traits -> '$lists' <> '{}'")
    assert left == []
    await add(guests, "ann")
    assert await guests.members("guests") == {ANN}


async def test_an_upload_that_was_cut_off_is_sent_again(guests: Standing) -> None:
    before = [f"old{n}" for n in range(25)]
    after = [f"new{n}" for n in range(25)]
    await know(guests, *before, *after)
    await put(guests, *before)
    upload, done = await _upload(guests), 0

    def stop() -> None:
        nonlocal done
        done += 1
        if done == 2:
            raise ZeroDivisionError

    dying = replace(upload, committed=stop)
    with pytest.raises(ZeroDivisionError):
        await dying.put([person(name) for name in before], on=False)
    half = await guests.members("guests")
    assert len(half) < len(before)
    assert await guests.replayed("guests") == half
    busy = await guests.call("PUT", PATH, {"user_ids": after}, status=409)
    assert busy["code"] == "list_busy"
    await guests.later(seconds=20)
    assert counts(await put(guests, *after)) == (len(after), len(half), 0, 0)
    assert await guests.members("guests") == {person(name) for name in after}
    with pytest.raises(Conflict):  # the one that was taken for dead can do nothing any more
        await upload.put([ANN], on=True)
    assert await guests.replayed("guests") == {person(name) for name in after}


async def _upload(segments: Standing) -> Upload:
    """One that has begun, and never ends."""
    async with segments.db.transaction() as tx:
        segment = await catalogue.find_segment(tx, "guests")
        assert segment is not None
        upload = Upload(new_id(), segment, segments.db, segments.worker.book, segments.clock, lambda: None, at_once=10)
        until = segments.clock.now() + HEARD_OF
        assert await lists.begin_upload(tx, segment.id, upload.id, now=segments.clock.now(), until=until)
    return upload


async def test_an_upload_to_a_list_that_is_deleted_meanwhile_ends(guests: Standing) -> None:
    upload = await _upload(guests)
    assert await upload.put([ANN], on=True) == (1, 0)
    await guests.call("DELETE", "/v1/segments/guests", status=204)
    with pytest.raises(NotFound):
        await upload.put([BEN], on=True)
    while await guests.worker.clear():
        pass
    assert await guests.db.fetch("SELECT traits FROM profiles WHERE traits -> '$lists' <> '{}'") == []
    assert await guests.db.fetch("SELECT * FROM list_uploads") == []


async def test_in_a_replacement_who_becomes_one_with_somebody_named_stays(guests: Standing) -> None:
    """The member that is to be taken off has meanwhile been merged into one that is named."""
    await put(guests, "ann", "ben")
    await guests.take(merged("ben", "ann"))
    upload = await _upload(guests)
    assert await upload.put([BEN], on=False, but={ANN}) == (0, 0)
    assert await guests.members("guests") == {ANN}


async def test_uploads_and_live_traffic_at_once(guests: Standing) -> None:
    names = [f"p{n}" for n in range(100)]
    await know(guests, *names)
    await guests.define("regulars", {"all": [{"segment": "guests"}, {"event": "A", "op": ">=", "value": 2}]})
    for turn in range(4):
        guests.tell(*(did(name, "A") for name in names), *(changed(name, version=turn + 2) for name in names))
        named = [name for number, name in enumerate(names) if number % 4 >= turn]
        await asyncio.gather(put(guests, *named), guests.worker.work())
        await guests.worker.work()
        assert await guests.members("guests") == {person(name) for name in named}
    listed: set[UUID] = await guests.members("guests")
    assert await guests.members("regulars") == listed
    for key in ("guests", "regulars"):
        assert await guests.replayed(key) == listed
        counted = await guests.call("POST", "/v1/segments/preview", {"condition": {"segment": key}})
        assert counted["count"] == len(listed)
