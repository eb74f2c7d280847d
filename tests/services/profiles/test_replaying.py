"""A part of the raw log taken in again: what is missing is put back, and what came later stands."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.profiles.clients import Events
from services.profiles.service.replaying import Replayer
from services.profiles.worker import CONSUMERS
from shared.plumbing.http import Neighbour
from shared.plumbing.lanes import lane_of_text
from shared.schemas.resolved import EventResolved, ProfilesMerged
from tests.services.profiles.standing import NOW, Standing, names_of

TABLES = (
    "profiles", "identifiers", "profile_identifiers", "contacts", "life_events", "consents", "preferences", "devices",
    "merges", "erasures", "erased_identifiers",
)  # fmt: skip


async def rows(standing: Standing) -> dict[str, Any]:
    return {table: sorted(map(str, await standing.rows(table))) for table in TABLES}


def replayer(standing: Standing, *, at_once: int = 2) -> Replayer:
    leases = standing.readers[0]._leases
    events = Events(Neighbour("http://events", token="t", transport=standing.others))
    return Replayer(standing.book, events, leases, consumers=CONSUMERS, due=asyncio.Event(), at_once=at_once)


async def begun(standing: Standing, *, since: Any = NOW - timedelta(days=1), **body: Any) -> Any:
    """Everybody is where they are without one, and it is asked for."""
    standing.others.take_in(await standing.feed())
    await standing.all_pass()
    standing.clock.step(seconds=1)
    asked = {"from": since.isoformat(), "to": standing.clock.now().isoformat()} | body
    return await standing.call("POST", "/v1/replays", asked, status=202)


async def seen_through(standing: Standing, asked: Any, at_work: Replayer | None = None) -> Any:
    at_work = at_work or replayer(standing)
    while await at_work.step():
        pass
    found = await standing.call("GET", f"/v1/replays/{asked['id']}")
    assert (found["status"], found["progress"]) == ("finished", 1)
    return found


async def replayed(standing: Standing, **asked: Any) -> Any:
    """What a replay of everything says in the end."""
    return await seen_through(standing, await begun(standing, **asked))


async def told_again(standing: Standing) -> list[EventResolved]:
    return [told for told in await standing.feed() if isinstance(told, EventResolved) and told.replayed]


async def a_life(standing: Standing) -> None:
    """Visits, a merge, a shared device, an alias, refusals, calls, and messages that came late."""
    now = standing.clock.now()
    await standing.take(anonymous_id="a1", context={"timezone": "Europe/Berlin", "device": {"token": "t1"}})
    await standing.take("identify", user_id="u1", anonymous_id="a1", traits={"plan": "free", "email": "u1@example.com"})
    standing.clock.step(hours=2)
    await standing.take("identify", user_id="u1", traits={"plan": "pro", "city": None})
    await standing.take("identify", user_id="u1", traits={"plan": "old"}, timestamp=now - timedelta(days=1))
    await standing.take("identify", user_id="u2", traits={"birthday": "1990-02-28"})
    await standing.take(user_id="u2", anonymous_id="a1", context={"device": {"token": "t1"}})
    await standing.take("alias", user_id="u3", previous_id="a3")
    await standing.take(user_id="u4", anonymous_id="a3")
    await standing.take("suppress", user_id="u1")
    await standing.take("unsuppress", user_id="u1")
    await standing.take("suppress", user_id="u1")
    await standing.take("identify", identifiers={"email": "Nobody@Example.com"}, traits={"email": "Nobody@Example.com"})
    profile_id = await standing.id_of(user_id="u1")
    await standing.call("PATCH", f"/v1/profiles/{profile_id}", {"traits": {"plan": "gold", "city": "Bonn"}})
    await standing.take(profile_id=profile_id, name="Email Sent", source="messaging")
    await standing.call("DELETE", f"/v1/profiles/{profile_id}/devices/t1", status=404)
    await standing.call("PUT", f"/v1/profiles/{profile_id}/devices/t2", {"platform": "ios"})
    await standing.call("DELETE", f"/v1/profiles/{profile_id}/devices/t2")


async def test_where_nothing_is_missing_nothing_changes(standing: Standing) -> None:
    await a_life(standing)
    asked = await begun(standing)
    before, told_before = await rows(standing), await standing.db.fetchval("SELECT sum(seq) FROM lane_heads")
    found = await seen_through(standing, asked)
    assert (found["messages"], found["repaired"]) == (13, 0)
    assert await rows(standing) == before
    told = (await told_again(standing)), await standing.db.fetchval("SELECT sum(seq) FROM lane_heads") - told_before
    assert (len(told[0]), told[1]) == (13, 13), "every message is told once more, and nothing else"
    assert all(each.imported and each.profile is not None and each.traits_changed is None for each in told[0])


async def test_a_lost_trait_comes_back_and_a_newer_one_stays(standing: Standing) -> None:
    await standing.take("identify", user_id="u1", traits={"plan": "pro", "city": "Bonn", "shoe": 42})
    await standing.take(user_id="u1", context={"locale": "de-DE"})
    profile_id = await standing.id_of(user_id="u1")
    await standing.call("PATCH", f"/v1/profiles/{profile_id}", {"traits": {"city": "Köln"}})
    before = await standing.look_up(user_id="u1")
    await standing.db.execute(
        "UPDATE profiles SET traits = traits - 'plan' - 'locale', provenance = provenance - 'plan'"
    )
    await standing.db.execute("""UPDATE profiles SET traits = traits || '{"shoe": 7}'""")
    found = await replayed(standing)
    assert (found["messages"], found["repaired"]) == (2, 2)
    after = await standing.look_up(user_id="u1")
    assert after["traits"] == before["traits"] == {"plan": "pro", "city": "Köln", "shoe": 42, "locale": "de-DE"}
    identify, track = await told_again(standing)
    assert identify.profile is not None
    assert track.profile is not None
    assert (identify.profile.version, track.profile.version) == (4, 5)


LOSSES = {
    "a profile": "DELETE FROM profiles",
    "its names": "DELETE FROM identifiers; DELETE FROM profile_identifiers",
    "where names lead": "DELETE FROM identifiers",
    "what it is called": "DELETE FROM profile_identifiers",
    "all of it": "DELETE FROM identifiers; DELETE FROM profile_identifiers; DELETE FROM profiles; DELETE FROM contacts",
}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
async def test_a_lost_profile_comes_back_with_its_id(standing: Standing, loss: str) -> None:
    await standing.take("identify", user_id="u1", traits={"plan": "pro", "email": "u1@example.com"})
    await standing.take(user_id="u1", anonymous_id="a1")
    await standing.take(user_id="u1", identifiers={"card": "c1"})
    profile_id = await standing.id_of(user_id="u1")
    await standing.take(profile_id=profile_id, name="Email Sent", source="messaging")
    before = await standing.look_up(user_id="u1")
    version = await standing.db.fetchval("SELECT version FROM profiles")
    asked = await begun(standing)
    await standing.db.execute(loss)
    found = await seen_through(standing, asked)
    assert (found["messages"], found["repaired"] > 0) == (4, True)
    for name in ({"user_id": "u1"}, {"anonymous_id": "a1"}, {"card": "c1"}):
        assert (
            await standing.db.fetchval(
                "SELECT profile_id FROM identifiers WHERE (namespace, value) = ($1, $2)", *next(iter(name.items()))
            )
            == profile_id
        )
    after = await standing.look_up(user_id="u1")
    assert names_of(after) == names_of(before)
    for key in ("id", "user_id", "traits", "created_at"):
        assert after[key] == before[key], key
    assert (await standing.look_up(email="u1@example.com"))["id"] == before["id"]
    if "profiles;" in f"{loss};" or "profile_identifiers" in loss:
        assert await standing.db.fetchval("SELECT version FROM profiles") > version, "or nobody would believe it"


async def test_a_device_that_changed_hands_stays_and_its_messages_are_whose_they_were(standing: Standing) -> None:
    await standing.take(anonymous_id="a1", name="Looked")
    await standing.take("identify", user_id="u1", anonymous_id="a1")
    one = await standing.id_of(user_id="u1")
    standing.clock.step(hours=1)
    until = standing.clock.now()
    await standing.take(user_id="u2")
    await standing.take(user_id="u2", anonymous_id="a1")
    found = await replayed(standing, to=until.isoformat())
    assert (found["messages"], found["repaired"]) == (2, 0)
    assert await standing.id_of(anonymous_id="a1") == await standing.id_of(user_id="u2") != one
    assert {told.profile_id for told in await told_again(standing)} == {one}


async def test_an_alias_does_not_unite_whom_its_name_leads_to_by_now(standing: Standing) -> None:
    await standing.take(anonymous_id="a1")
    await standing.take("alias", user_id="u1", previous_id="a1")
    await standing.take(user_id="u2")
    await standing.take(user_id="u2", anonymous_id="a1")
    assert (await replayed(standing))["repaired"] == 0
    assert await standing.id_of(user_id="u1") != await standing.id_of(user_id="u2")


async def test_a_merge_is_not_repeated_and_one_that_was_lost_is_made(standing: Standing) -> None:
    await standing.take(anonymous_id="a1")
    await standing.take(user_id="u1")
    await standing.take("identify", user_id="u1", anonymous_id="a1")
    assert (await replayed(standing))["repaired"] == 0
    # what every consumer has passed may be gone from the feed
    assert len([told for told in await standing.feed() if isinstance(told, ProfilesMerged)]) <= 1

    other = await standing.make("u9")  # somebody unknown by hand, to whom the device's name leads
    await standing.db.execute("UPDATE profiles SET user_id = NULL WHERE id = $1", UUID(other))
    await standing.db.execute("DELETE FROM profile_identifiers WHERE value IN ('a1', 'u9')")
    await standing.db.execute("UPDATE identifiers SET profile_id = $1 WHERE value = 'a1'", UUID(other))
    await replayed(standing)
    assert await standing.id_of(anonymous_id="a1") == await standing.id_of(user_id="u1")
    made = [told for told in await standing.feed() if isinstance(told, ProfilesMerged) and told.imported]
    assert [told.profile_id for told in made] == [UUID(other)]


async def test_a_refusal_that_was_lost_comes_back_and_is_lifted_if_it_was(standing: Standing) -> None:
    await standing.take("suppress", user_id="u1")
    standing.clock.step(minutes=1)
    await standing.take("unsuppress", user_id="u1")
    standing.clock.step(minutes=1)
    await standing.take("suppress", user_id="u1")
    known = "SELECT status, source, at, lifted_at FROM consents ORDER BY at"
    before = await standing.db.fetch(known)
    assert (await replayed(standing))["repaired"] == 0
    await standing.db.execute("DELETE FROM consents")
    assert (await replayed(standing))["repaired"] == 3
    assert await standing.db.fetch(known) == before


async def test_the_erased_stay_erased_and_what_is_left_of_theirs_is_dropped(standing: Standing) -> None:
    await standing.take("identify", user_id="u1", anonymous_id="a1", traits={"plan": "pro"})
    await standing.take(user_id="u1")
    gone = await standing.id_of(user_id="u1")
    standing.others.take_in(await standing.feed())
    await standing.call("DELETE", f"/v1/profiles/{gone}", status=202)
    standing.clock.step(minutes=1)
    await standing.take(anonymous_id="a1")  # somebody else at the same machine, afterwards
    new = await standing.id_of(anonymous_id="a1")
    await standing.all_pass()
    asked = await begun(standing)
    standing.others.forgotten.clear()  # as if events had not got to it
    before = await rows(standing)
    found = await seen_through(standing, asked)
    assert (found["messages"], found["repaired"]) == (3, 0)
    after = await rows(standing)
    assert after.pop("erasures")
    assert before.pop("erasures")
    assert after == before
    assert await standing.look_up(user_id="u1") is None
    assert await standing.id_of(anonymous_id="a1") == new
    assert [told.profile_id for told in await told_again(standing)] == [new]


async def test_a_name_of_an_erased_person_was_another_persons_before(standing: Standing) -> None:
    await standing.take(anonymous_id="a1", name="Looked")
    await standing.take("identify", user_id="u1", anonymous_id="a1")
    await standing.take(user_id="u2")
    await standing.take(user_id="u2", anonymous_id="a1")
    one, two = await standing.id_of(user_id="u1"), await standing.id_of(user_id="u2")
    standing.others.take_in(await standing.feed())
    await standing.call("DELETE", f"/v1/profiles/{two}", status=202)
    found = await replayed(standing)
    assert found["repaired"] == 0
    assert [told.profile_id for told in await told_again(standing)] == [one, one]
    assert names_of(await standing.look_up(user_id="u1")) == {("user_id", "u1")}


async def test_another_worker_goes_on_where_one_was_killed(standing: Standing) -> None:
    for number in range(7):
        await standing.take("identify", user_id="u1", traits={f"t{number}": number})
    asked = await begun(standing)
    await standing.db.execute("UPDATE profiles SET traits = '{}', provenance = '{}'")
    first = replayer(standing)
    while (await standing.call("GET", f"/v1/replays/{asked['id']}"))["messages"] < 3:
        assert await first.step()
    standing.clock.step(minutes=1)  # it hangs
    standing.readers = [await standing.hire("two")]
    found = await seen_through(standing, asked)
    assert (found["messages"], found["repaired"]) == (7, 7)
    assert (await standing.look_up(user_id="u1"))["traits"] == {f"t{number}": number for number in range(7)}
    assert len(await told_again(standing)) == 7
    assert not await first.step()


async def test_it_waits_until_everybody_has_taken_in_what_was_told_before(standing: Standing) -> None:
    await standing.all_pass()
    await standing.take(user_id="u1")
    standing.clock.step(seconds=1)
    body = {"from": NOW.isoformat(), "to": standing.clock.now().isoformat()}
    asked = await standing.call("POST", "/v1/replays", body, status=202)
    at_work = replayer(standing)
    assert not await at_work.step()
    await standing.all_pass()
    assert (await seen_through(standing, asked, at_work))["messages"] == 1


async def test_what_live_traffic_has_not_resolved_yet_is_left_to_it(standing: Standing) -> None:
    await standing.take(user_id="u1")
    standing.put(user_id="u1")
    found = await replayed(standing)
    assert (found["messages"], len(await told_again(standing))) == (1, 1)


async def test_of_lanes_in_which_nothing_was_resolved_nobody_is_asked(standing: Standing) -> None:
    asked = await begun(standing)
    standing.others.away.add("events")
    assert (await seen_through(standing, asked))["messages"] == 0


async def test_it_waits_while_events_is_away(standing: Standing) -> None:
    await standing.take(user_id="u1")
    asked = await begun(standing)
    at_work = replayer(standing)
    standing.others.away.add("events")
    while await at_work.step():
        pass
    assert (await standing.call("GET", f"/v1/replays/{asked['id']}"))["messages"] == 0
    standing.others.away.clear()
    assert (await seen_through(standing, asked, at_work))["messages"] == 1


async def test_what_was_parked_stays_parked_and_what_fails_now_is_parked(
    standing: Standing, monkeypatch: pytest.MonkeyPatch
) -> None:
    await standing.take("identify", user_id="u1", traits={"plan": "pro"})
    await standing.take("identify", user_id="u1", traits={"city": "Bonn"})
    await standing.db.execute("UPDATE profiles SET traits = '{}', provenance = '{}'")
    lane = lane_of_text("u1")
    standing.others.log[lane][1]["timestamp"] = "no time"
    found = await replayed(standing)
    assert (found["messages"], found["repaired"]) == (2, 1)
    [parked] = (await standing.call("GET", "/v1/parked"))["items"]
    assert (parked["feed"], parked["lane"], parked["seq"]) == ("replay", lane, 2)
    parked["message"]["timestamp"] = NOW.isoformat()
    await standing.db.execute("UPDATE parked SET message = $1", parked["message"])
    await standing.call("POST", f"/v1/parked/{parked['id']}/retry")
    assert (await standing.look_up(user_id="u1"))["traits"] == {"plan": "pro", "city": "Bonn"}

    await standing.db.execute("UPDATE profiles SET traits = '{}', provenance = '{}'")
    await standing.db.execute(
        """INSERT INTO parked (lane, id, feed, seq, message, reason, tries, parked_at)
           VALUES ($1, $2, 'raw', 1, '{}', 'a defect', 3, $3)""",
        lane,
        UUID(int=1),
        NOW,
    )
    standing.others.log[lane][1]["timestamp"] = NOW.isoformat()
    assert (await replayed(standing))["repaired"] == 1
    assert (await standing.look_up(user_id="u1"))["traits"] == {"city": "Bonn"}


async def test_what_was_parked_in_a_replay_is_forgotten_with_its_person(standing: Standing) -> None:
    await standing.take(anonymous_id="a1")
    await standing.take("identify", user_id="u1", anonymous_id="a1")
    await standing.take(user_id="u2")
    await standing.take(user_id="u2", anonymous_id="a1")
    first = standing.others.log[lane_of_text("a1")][0]
    first["timestamp"] = "no time"
    await replayed(standing)
    one, two = await standing.id_of(user_id="u1"), await standing.id_of(user_id="u2")
    await standing.call("DELETE", f"/v1/profiles/{two}", status=202)
    assert [row["feed"] for row in await standing.rows("parked")] == ["replay"], "the device was another's then"
    await standing.call("DELETE", f"/v1/profiles/{one}", status=202)
    assert await standing.rows("parked") == []
