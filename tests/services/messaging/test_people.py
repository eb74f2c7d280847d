"""Merges and erasure: what follows a person, and what remains of one who is forgotten."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.messaging.models import metadata
from services.messaging.store.people import MOVED
from shared.plumbing.ids import new_id
from shared.plumbing.lanes import lane_of
from tests.services.messaging.conftest import Messaging
from tests.services.messaging.neighbours import Neighbours, consent
from tests.support.waiting import until

HOUR = timedelta(hours=1)


def test_whole_rows_follow_a_person() -> None:
    for table, columns in MOVED.items():
        theirs = {column.name for column in metadata.tables[table].columns}
        assert {"lane", "profile_id", *columns.split(", ")} == theirs, table


def two(near: Neighbours, *, same_lane: bool = False, **fields: Any) -> tuple[UUID, UUID]:
    """Two people whose rows lie in different lanes, or in one."""
    while True:
        loser, survivor = new_id(), new_id()
        if (lane_of(loser) == lane_of(survivor)) == same_lane:
            near.add_person(id=loser, user_id="loser", **fields)
            near.add_person(id=survivor, user_id="survivor", **fields)
            return loser, survivor


@pytest.mark.parametrize("same_lane", [False, True])
async def test_re_entry_sees_what_both_had(messaging: Messaging, same_lane: bool) -> None:
    await messaging.campaign()
    loser, survivor = two(messaging.near, same_lane=same_lane)
    await messaging.enter(loser)
    await messaging.settle()
    messaging.near.merge(loser, survivor, messaging.clock.now())
    await messaging.settle()
    await messaging.enter(survivor)
    await messaging.settle()
    assert len(await messaging.mailbox()) == 1
    decisions = await messaging.decisions(f"profile_id={loser}")
    assert sorted(one["reason"] for one in decisions) == ["reentry", "sent"]
    assert {(one["profile_id"], one["user_id"]) for one in decisions} == {(str(survivor), "survivor")}


@pytest.mark.parametrize("same_lane", [False, True])
async def test_the_survivor_is_known_by_the_first_user_id_that_either_had(
    messaging: Messaging, same_lane: bool
) -> None:
    await messaging.campaign()
    loser, survivor = two(messaging.near, same_lane=same_lane)
    await messaging.enter(loser, survivor)
    await messaging.settle()
    messaging.near.merge(loser, survivor, messaging.clock.now(), user_id="loser")
    await messaging.settle()
    decisions = await messaging.decisions(f"profile_id={survivor}")
    assert [one["user_id"] for one in decisions] == ["loser", "loser"]


@pytest.mark.parametrize("same_lane", [False, True])
async def test_what_waits_follows_the_person_and_is_said_once(messaging: Messaging, same_lane: bool) -> None:
    await messaging.campaign(delay="PT1H")
    loser, survivor = two(messaging.near, same_lane=same_lane)
    await messaging.enter(loser, survivor)
    await messaging.settle()
    messaging.near.merge(loser, survivor, messaging.clock.now())
    await messaging.settle()
    messaging.step(HOUR)
    await messaging.settle()
    assert [mail["to"] for mail in await messaging.mailbox()] == ["survivor@example.com"]
    assert sorted(one["reason"] for one in await messaging.decisions()) == ["reentry", "sent"]


@pytest.mark.parametrize("same_lane", [False, True])
async def test_a_merge_loses_no_row(messaging: Messaging, same_lane: bool) -> None:
    await messaging.campaign()
    await messaging.campaign("later", delay="PT1H")
    await messaging.campaign("other", trigger={"segment": "other", "on": "entered"})
    loser, survivor = two(messaging.near, same_lane=same_lane)
    messaging.near.down.add("profiles/internal/consents")
    await messaging.enter(loser, survivor)
    await messaging.enter(loser, segment="other")
    await messaging.settle()
    for mail in (mail for mail in await messaging.mailbox() if mail["campaign"] == "hello"):
        assert (await messaging.http.post(mail["headers"]["List-Unsubscribe"].strip("<>"))).status_code == 200

    async def kept() -> dict[str, int]:
        tables = ("sends", "deliveries", "memberships_seen", "consent_outbox")
        return {table: len(await messaging.rows(f"SELECT * FROM {table}")) for table in tables}

    assert await kept() == {"sends": 5, "deliveries": 3, "memberships_seen": 3, "consent_outbox": 2}
    messaging.near.merge(loser, survivor, messaging.clock.now())
    merged = "SELECT * FROM people WHERE merged_into IS NOT NULL"
    await until(lambda: messaging.rows(merged), "the merge is taken in")
    # Both were in `vip`: of that membership the survivor's own stays.
    assert await kept() == {"sends": 5, "deliveries": 3, "memberships_seen": 2, "consent_outbox": 2}
    for table in await kept():
        rows = await messaging.rows(f"SELECT DISTINCT lane, profile_id FROM {table}")
        assert [tuple(row) for row in rows] == [(lane_of(survivor), survivor)], table


async def test_what_arrives_for_the_loser_is_the_survivors(messaging: Messaging) -> None:
    await messaging.campaign()
    loser, survivor = two(messaging.near)
    messaging.near.merge(loser, survivor, messaging.clock.now())
    await messaging.settle()
    await messaging.enter(loser)
    await messaging.settle()
    [mail] = await messaging.mailbox()
    assert (mail["to"], mail["profile_id"]) == ("survivor@example.com", str(survivor))


async def test_a_chain_of_merges_ends_at_the_last(messaging: Messaging) -> None:
    await messaging.campaign()
    first, second = two(messaging.near)
    third = messaging.near.add_person(user_id="third")
    await messaging.enter(first)
    await messaging.settle()
    messaging.near.merge(second, third, messaging.clock.now())
    await messaging.settle()
    messaging.near.merge(first, second, messaging.clock.now())
    await messaging.settle()
    assert {one["profile_id"] for one in await messaging.decisions(f"profile_id={first}")} == {str(third)}


async def test_leaving_by_a_merge_does_not_disqualify_the_survivor(messaging: Messaging) -> None:
    await messaging.campaign(delay="PT1H")
    loser, survivor = two(messaging.near)
    await messaging.enter(loser)
    messaging.near.change(loser, "vip", messaging.clock.now(), "left", cause="merge")
    await messaging.settle()
    messaging.near.merge(loser, survivor, messaging.clock.now())
    messaging.near.change(survivor, "vip", messaging.clock.now(), cause="merge")
    await messaging.settle()
    messaging.step(HOUR)
    await messaging.settle()
    assert await messaging.decided() == {str(survivor): "sent"}


async def test_caps_count_what_both_were_sent(messaging: Messaging) -> None:
    cap = {"purpose": "marketing", "max": 1, "within": "P7D"}
    await messaging.call("PUT", "/v1/settings", {"frequency_caps": [cap], "quiet_hours": None})
    await messaging.campaign()
    await messaging.campaign("second", trigger={"segment": "other", "on": "entered"})
    loser, survivor = two(messaging.near)
    await messaging.enter(loser)
    await messaging.settle()
    messaging.near.merge(loser, survivor, messaging.clock.now())
    await messaging.settle()
    await messaging.enter(survivor, segment="other")
    await messaging.settle()
    assert [one["reason"] for one in await messaging.decisions("campaign=second")] == ["frequency_cap"]


async def test_a_merge_that_profiles_knows_first_is_waited_for(messaging: Messaging) -> None:
    await messaging.campaign()
    loser, survivor = two(messaging.near)
    messaging.near.merged[loser] = survivor
    await messaging.enter(loser)
    for _ in range(20):
        assert await messaging.mailbox() == []
        await messaging.progress()
    messaging.near.merge(loser, survivor, messaging.clock.now())
    await messaging.settle()  # else it may be put off once more after the step
    messaging.step(timedelta(seconds=2))
    await messaging.settle()
    [mail] = await messaging.mailbox()
    assert mail["profile_id"] == str(survivor)


async def test_nothing_of_an_erased_person_remains_but_the_hash_of_their_refusal(messaging: Messaging) -> None:
    await messaging.campaign(delay="PT1H")
    await messaging.campaign("now", trigger={"event": "Signed Up"})
    ada = messaging.near.add_person(user_id="ada-lovelace")
    merged = messaging.near.add_person(user_id="ada-before")
    now = messaging.clock.now()
    await messaging.enter(ada, merged)
    messaging.near.event(ada, "Signed Up", now, {"secret": "ada-lovelace's"})
    await messaging.settle()
    [mail] = await messaging.mailbox()
    link = mail["headers"]["List-Unsubscribe"].strip("<>")
    await messaging.call("POST", "/v1/suppressions", {"channel": "email", "address": mail["to"], "reason": "asked"})
    messaging.near.merge(merged, ada, now)
    await messaging.settle()
    messaging.near.erase(ada, now, merged, addresses=[{"namespace": "email", "value": mail["to"]}])
    await messaging.settle()
    tables = await messaging.rows("SELECT table_name FROM information_schema.tables WHERE table_schema = 'messaging'")
    for table in (row["table_name"] for row in tables):
        found = await messaging.rows(f'SELECT "{table}"::text AS row FROM "{table}"')
        assert [row["row"] for row in found if "ada-" in row["row"]] == [], table
    assert await messaging.decisions() == await messaging.mailbox() == []
    [suppression] = await messaging.items("/v1/suppressions?channel=email&address=ADA-lovelace@example.com")
    assert (suppression["address"], suppression["reason"]) == (None, "asked")
    # Whatever still arrives for them is nobody's, and their link still works for their address.
    await messaging.enter(ada, merged)
    await messaging.settle()
    assert await messaging.decisions() == []
    assert (await messaging.http.post(link)).status_code == 200
    assert await messaging.rows("SELECT * FROM consent_outbox") == []


async def test_an_erased_person_comes_back_as_somebody_else_and_stays_suppressed(messaging: Messaging) -> None:
    await messaging.campaign()
    ada = messaging.near.add_person(user_id="ada")
    await messaging.call("POST", "/v1/suppressions", {"channel": "email", "address": "ada@example.com", "reason": "x"})
    messaging.near.erase(ada, messaging.clock.now(), addresses=[{"namespace": "email", "value": "ada@example.com"}])
    again = messaging.near.add_person(user_id="ada", consents=[consent(at="2026-02-01")])
    await messaging.enter(again)
    await messaging.settle()
    assert await messaging.decided() == {str(again): "suppressed"}
