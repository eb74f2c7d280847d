"""Whose a message is, by what is in the database: links, merges, shared devices, aliases."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from shared.plumbing.lanes import lane_of
from shared.schemas.resolved import EventResolved, ProfileChanged, ProfilesMerged
from tests.services.profiles.standing import Standing, names_of


async def test_an_unknown_visitor_is_a_profile(standing: Standing) -> None:
    await standing.take(anonymous_id="a1")
    found = await standing.look_up(anonymous_id="a1")
    assert names_of(found) == {("anonymous_id", "a1")}
    assert found["user_id"] is None
    [told] = await standing.feed()
    assert isinstance(told, EventResolved)
    assert told.profile_id == UUID(found["id"])
    assert told.profile is not None
    assert (told.profile.version, told.log.seq) == (1, 1)


async def test_an_event_that_changes_nothing_carries_no_profile(standing: Standing) -> None:
    await standing.take(user_id="u1")
    await standing.take(user_id="u1")
    first, second = await standing.feed()
    assert isinstance(first, EventResolved)
    assert isinstance(second, EventResolved)
    assert first.profile is not None
    assert second.profile is None


async def test_an_event_names_its_person_by_the_first_user_id_whatever_it_came_with(standing: Standing) -> None:
    await standing.take(user_id="first", anonymous_id="a1")
    await standing.take("alias", user_id="second", previous_id="first")
    for given in ({"anonymous_id": "a1"}, {"user_id": "second"}):
        await standing.take(name="Shopped", **given)
    told = [one for one in await standing.feed() if isinstance(one, EventResolved) and one.event.name == "Shopped"]
    assert [one.event.user_id for one in told] == ["first", "first"]


async def test_a_message_with_both_ids_makes_two_profiles_one(standing: Standing) -> None:
    await standing.take(anonymous_id="a1")
    await standing.take(user_id="u1")
    loser, survivor = await standing.id_of(anonymous_id="a1"), await standing.id_of(user_id="u1")
    assert loser is not None
    assert survivor is not None
    await standing.take("identify", user_id="u1", anonymous_id="a1", traits={"plan": "pro"})
    assert await standing.id_of(anonymous_id="a1") == survivor
    by_old_id = await standing.call("GET", f"/v1/profiles/{loser}")
    assert by_old_id["id"] == str(survivor)
    assert names_of(by_old_id) == {("anonymous_id", "a1"), ("user_id", "u1")}
    [merged] = [told for told in await standing.feed() if isinstance(told, ProfilesMerged)]
    assert (merged.profile_id, merged.survivor_id) == (loser, survivor)
    assert merged.profile.traits == {"plan": "pro"}
    lane = await standing.db.fetchval('SELECT lane FROM feed WHERE message LIKE \'%"kind":"merge"%\'')
    assert lane == lane_of(loser)


async def test_the_survivor_is_as_old_as_the_older_of_the_two(standing: Standing) -> None:
    await standing.take(anonymous_id="a1")
    born = standing.clock.now()
    standing.clock.step(days=1)
    await standing.take(user_id="u1")
    await standing.take(user_id="u1", anonymous_id="a1")
    assert (await standing.look_up(user_id="u1"))["created_at"] == born.isoformat().replace("+00:00", "Z")


async def test_events_of_a_merged_away_id_go_to_the_survivor(standing: Standing) -> None:
    await standing.take(anonymous_id="a1")
    old = await standing.id_of(anonymous_id="a1")
    await standing.take(user_id="u1")
    await standing.take(user_id="u1", anonymous_id="a1")
    await standing.take(profile_id=old, name="Email Sent")
    told = [t for t in await standing.feed() if isinstance(t, EventResolved) and t.event.name == "Email Sent"]
    assert [each.profile_id for each in told] == [await standing.id_of(user_id="u1")]


async def test_a_chain_of_merges_leads_every_old_id_to_the_last_survivor(standing: Standing) -> None:
    ids = []
    for name in ("a1", "a2", "a3"):
        await standing.take(anonymous_id=name)
        ids.append(await standing.id_of(anonymous_id=name))
    await standing.take("alias", user_id="u1", previous_id="a3")
    await standing.take("alias", user_id="u1", previous_id="a2")
    await standing.take(user_id="u2")
    await standing.take("alias", user_id="u2", previous_id="a1")
    await standing.take("alias", user_id="u2", previous_id="u1")
    final = await standing.id_of(user_id="u2")
    for old in ids:
        assert (await standing.call("GET", f"/v1/profiles/{old}"))["id"] == str(final)
    merges = (await standing.call("GET", f"/v1/profiles/{final}/merges"))["items"]
    assert {item["cause"] for item in merges} == {"alias"}


class TestSharedDevice:
    async def test_a_device_leads_to_whom_used_it_last_and_nobody_is_merged(self, standing: Standing) -> None:
        await standing.take("identify", user_id="dan", anonymous_id="tablet")
        await standing.take("identify", user_id="eva", anonymous_id="tablet")
        dan, eva = await standing.look_up(user_id="dan"), await standing.look_up(user_id="eva")
        assert dan["id"] != eva["id"]
        assert await standing.id_of(anonymous_id="tablet") == UUID(eva["id"])
        assert names_of(dan) == {("user_id", "dan")}
        assert names_of(eva) == {("user_id", "eva"), ("anonymous_id", "tablet")}
        await standing.take(user_id="dan", anonymous_id="tablet")
        assert await standing.id_of(anonymous_id="tablet") == UUID(dan["id"])

    async def test_the_one_who_lost_the_device_is_told_to_the_others(self, standing: Standing) -> None:
        await standing.take(user_id="dan", anonymous_id="tablet")
        await standing.take(user_id="eva", anonymous_id="tablet")
        dan = await standing.id_of(user_id="dan")
        [told] = [each for each in await standing.feed() if isinstance(each, ProfileChanged)]
        assert told.profile_id == dan
        assert [name.namespace for name in told.profile.identifiers] == ["user_id"]

    async def test_an_alias_makes_two_known_people_one(self, standing: Standing) -> None:
        await standing.take(user_id="dan")
        standing.clock.step(seconds=1)
        await standing.take(user_id="eva")
        dan = await standing.id_of(user_id="dan")
        await standing.take("alias", user_id="eva", previous_id="dan")
        merged = await standing.look_up(user_id="eva")
        assert UUID(merged["id"]) == dan
        assert merged["user_id"] == "dan"


class TestAlias:
    async def test_to_itself_is_nothing(self, standing: Standing) -> None:
        await standing.take("alias", user_id="u1", previous_id="u1")
        assert names_of(await standing.look_up(user_id="u1")) == {("user_id", "u1")}

    @pytest.mark.parametrize("later", ["anonymous_id", "user_id"])
    async def test_before_anything_else_is_known_of_the_other_id(self, standing: Standing, later: str) -> None:
        await standing.take("alias", user_id="u1", previous_id="x")
        assert names_of(await standing.look_up(user_id="u1")) == {("user_id", "u1"), ("anonymous_id", "x")}
        await standing.take(**{later: "x"})
        found = await standing.look_up(user_id="u1")
        assert await standing.id_of(**{later: "x"}) == UUID(found["id"])
        assert (later, "x") in names_of(found)
        assert found["user_id"] == "u1"


class TestBlockedValues:
    @pytest.mark.parametrize("value", ["null", "NULL ", "-1", "0", "0000-0000", "anonymous", "undefined", "NaN", " "])
    async def test_join_nobody(self, standing: Standing, value: str) -> None:
        await standing.take("identify", user_id=value, anonymous_id="a1")
        await standing.take("identify", user_id=value, anonymous_id="a2")
        one, other = await standing.look_up(anonymous_id="a1"), await standing.look_up(anonymous_id="a2")
        assert one["id"] != other["id"]
        assert one["user_id"] is None
        assert await standing.look_up(user_id=value) is None

    async def test_alone_make_a_profile_for_each_message(self, standing: Standing) -> None:
        await standing.take(anonymous_id="undefined")
        await standing.take(anonymous_id="undefined")
        assert len({told.profile_id for told in await standing.feed()}) == 2
        assert await standing.rows("identifiers") == []


async def test_other_namespaces_link_too(standing: Standing) -> None:
    await standing.take(anonymous_id="till-7", identifiers={"loyalty_card": "c1"})
    await standing.take(user_id="u1", identifiers={"loyalty_card": "c1"})
    found = await standing.look_up(loyalty_card="c1")
    assert names_of(found) == {("user_id", "u1"), ("anonymous_id", "till-7"), ("loyalty_card", "c1")}


async def test_an_address_does_not_make_two_people_one(standing: Standing) -> None:
    await standing.take("identify", user_id="u1", traits={"email": "Family@Example.com"})
    await standing.take("identify", user_id="u2", traits={"email": "family@example.com "})
    assert await standing.id_of(user_id="u1") != await standing.id_of(user_id="u2")
    assert await standing.id_of(email=" FAMILY@example.com") == await standing.id_of(user_id="u1")


async def test_an_address_does_where_the_deployment_says_so(url: str) -> None:
    async with Standing(url, merge_on={"email"}) as standing:
        await standing.take("identify", anonymous_id="a1", traits={"email": "ann@example.com"})
        await standing.take("identify", user_id="u1", traits={"email": "ANN@example.com"})
        assert await standing.id_of(anonymous_id="a1") == await standing.id_of(user_id="u1")


async def test_an_address_alone_finds_its_person_or_makes_one(standing: Standing) -> None:
    await standing.take(identifiers={"email": "Ann@Example.com"})
    await standing.take(identifiers={"email": "ann@example.com"})
    assert len({told.profile_id for told in await standing.feed()}) == 1
    assert (await standing.look_up(email="ann@example.com"))["traits"] == {"email": "ann@example.com"}


async def test_a_kiosk_does_not_swallow_everybody(url: str) -> None:
    async with Standing(url, max_identifiers=3) as standing:
        for number in range(5):
            await standing.take(user_id="kiosk", anonymous_id=f"a{number}")
        assert len(names_of(await standing.look_up(user_id="kiosk"))) == 4
        assert await standing.look_up(anonymous_id="a4") is None
        await standing.take(anonymous_id="a4")
        assert await standing.id_of(anonymous_id="a4") != await standing.id_of(user_id="kiosk")


async def test_a_kind_of_name_may_have_its_own_limit_in_a_time(url: str) -> None:
    limits = {"anonymous_id": {"values": 2, "within": "P1D"}}
    async with Standing(url, identifier_limits=limits) as standing:
        for number in range(4):
            await standing.take(user_id="kiosk", anonymous_id=f"a{number}")
        assert len(names_of(await standing.look_up(user_id="kiosk"))) == 3
        standing.clock.step(days=1)
        await standing.take(user_id="kiosk", anonymous_id="a9")
        assert len(names_of(await standing.look_up(user_id="kiosk"))) == 4


async def test_twenty_devices_that_meet_one_new_user_at_once_are_one_person(standing: Standing) -> None:
    await standing.hire_three_more()
    for number in range(40):
        standing.put(anonymous_id=f"a{number}", user_id="u1")
        standing.put(anonymous_id=f"a{number}", identifiers={"loyalty_card": "c1"})
    await standing.work()
    assert len({await standing.id_of(anonymous_id=f"a{number}") for number in range(40)}) == 1
    living = [row for row in await standing.rows("profiles") if row["merged_into"] is None]
    assert len(living) == 1


async def test_merges_from_both_sides_at_once_leave_one_profile(standing: Standing) -> None:
    users = [f"u{number}" for number in range(6)]
    ids = [await standing.make(user) for user in users]

    async def merge(one: int, other: int) -> Any:
        return await standing.call("POST", "/v1/profiles/merge", {"profile_ids": [ids[one], ids[other]]})

    await asyncio.gather(*(merge(n, (n + 1) % 6) for n in range(6)), *(merge((n + 2) % 6, n) for n in range(6)))
    assert len({await standing.id_of(user_id=user) for user in users}) == 1
    for old in ids:
        assert (await standing.call("GET", f"/v1/profiles/{old}"))["id"] == ids[0]
    tombstones = [row for row in await standing.rows("profiles") if row["merged_into"] is not None]
    assert {str(row["merged_into"]) for row in tombstones} == {ids[0]}
    told = [each for each in await standing.feed() if isinstance(each, ProfilesMerged)]
    assert len(told) == 5


async def test_a_poisonous_message_is_parked_and_those_behind_it_go_on(standing: Standing) -> None:
    standing.put(anonymous_id="a1")
    standing.put(anonymous_id="a1", user_id="x" * 9000 + "".join(map(chr, range(256, 6000))))
    standing.put(anonymous_id="a1", name="Behind")
    await standing.work()
    [parked] = (await standing.call("GET", "/v1/parked"))["items"]
    assert (parked["feed"], parked["message"]["message_id"]) == ("raw", "m-000002")
    names = [told.event.name for told in await standing.feed() if isinstance(told, EventResolved)]
    assert names == ["Seen", "Behind"]
