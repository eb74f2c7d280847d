"""When a message is due by the clock on somebody's wall."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.messaging.domain.campaign import Broadcast
from services.messaging.domain.campaign_reading import parse_definition
from services.messaging.domain.decision import decide
from services.messaging.domain.local_time import first_on_earth, instant_of, next_time, zone, zone_names
from services.messaging.domain.timing import due_where
from services.messaging.domain.verdict import Defer, History, Refuse, Send
from shared.language.errors import ConditionError
from tests.unit.messaging.builders import NOW, campaign, person, request

HOUR = timedelta(hours=1)
WALL, NINE = (datetime.fromisoformat(text) for text in ("2000-01-01", "2026-03-10T09:00"))
LOCAL = {"segment": "vip", "local": "2026-03-10T09:00"}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("place", "wall", "instant"),
    [
        ("UTC", "2026-03-10T09:00", "2026-03-10T09:00"),
        ("Pacific/Kiritimati", "2026-03-10T09:00", "2026-03-09T19:00"),
        ("Pacific/Pago_Pago", "2026-03-10T09:00", "2026-03-10T20:00"),
        # Skipped: 02:00 becomes 03:00 at 01:00 UTC. Twice: 02:00 to 03:00 comes again at 01:00 UTC.
        ("Europe/Berlin", "2026-03-29T02:30", "2026-03-29T01:00"),
        ("Europe/Berlin", "2026-10-25T02:30", "2026-10-25T00:30"),
        ("Australia/Lord_Howe", "2026-10-04T02:15", "2026-10-03T15:30"),
        # A whole day that never was.
        ("Pacific/Apia", "2011-12-30T12:00", "2011-12-30T10:00"),
    ],
)
def test_a_local_time_is_an_instant(place: str, wall: str, instant: str) -> None:
    assert instant_of(datetime.fromisoformat(wall), zone(place)) == at(instant)


walls = st.integers(0, 37 * 365 * 86_400).map(lambda second: WALL + timedelta(seconds=second))


@given(walls, st.sampled_from(sorted(zone_names())))
def test_nobody_is_before_the_first_on_earth_and_all_clocks_have_come_to_it(wall: datetime, name: str) -> None:
    place = zone(name)
    instant = instant_of(wall, place)
    assert first_on_earth(wall) <= instant <= first_on_earth(wall) + timedelta(hours=26)
    assert instant.astimezone(place).replace(tzinfo=None) >= wall
    assert (instant - timedelta(seconds=1)).astimezone(place).replace(tzinfo=None) < wall


@given(walls, st.times().map(lambda one: one.replace(microsecond=0)), st.sampled_from(sorted(zone_names())))
def test_the_next_time_of_the_day_is_within_a_day_or_so(begin: datetime, clock: time, name: str) -> None:
    since = begin.replace(tzinfo=UTC)
    found = next_time(since, clock, zone(name))
    assert since <= found <= since + timedelta(hours=49)
    local = found.astimezone(zone(name))
    assert (
        local.time() == clock
        or local.utcoffset() != (local - 2 * HOUR).astimezone(UTC).astimezone(zone(name)).utcoffset()
    )


@pytest.mark.parametrize(
    ("fields", "place", "due"),
    [
        ({}, "UTC", None),
        ({"trigger": LOCAL}, "America/New_York", "2026-03-10T13:00"),
        ({"trigger": LOCAL, "delay": "P1D"}, "America/New_York", "2026-03-11T13:00"),
        ({"local_time": "09:00"}, "Europe/Berlin", "2026-03-11T08:00"),
        ({"local_time": "13:00"}, "Europe/Berlin", "2026-03-10T12:00"),
        ({"local_time": "09:00", "delay": "PT21H"}, "Europe/Berlin", "2026-03-12T08:00"),
        ({"local_time": "24:00"}, "Europe/Berlin", "2026-03-10T23:00"),
    ],
)
def test_when_it_is_due_where_somebody_is(fields: Any, place: str, due: str | None) -> None:
    found = due_where(campaign(**fields).definition, NOW, zone(place))
    assert found == (at(due) if due else None)


def test_it_waits_for_the_time_there_before_anything_is_decided() -> None:
    nobody = person(traits={"timezone": "Europe/Berlin"}, consents=())
    asked = request(campaign=campaign(local_time="09:00"), recipient=nobody)
    morning = at("2026-03-11T08:00")
    waiting = decide(asked, History(), now=NOW)
    assert waiting == Defer("local_time", morning, {"timezone": "Europe/Berlin", "until": morning}, first_due=True)
    decided = decide(asked, History(), now=morning)
    assert isinstance(decided, Refuse)
    assert decided.reason == "no_consent"


@pytest.mark.parametrize("name", [None, "Mars/Olympus", 5, "europe/berlin"])
def test_a_zone_that_is_none_is_the_deployments(name: Any) -> None:
    asked = request(
        campaign=campaign(local_time="09:00"), recipient=person(traits={"timezone": name}), default_zone="Asia/Tokyo"
    )
    waiting = decide(asked, History(), now=NOW)
    assert isinstance(waiting, Defer)
    assert waiting.until == at("2026-03-11T00:00")


def test_it_is_stale_by_when_it_was_due_there() -> None:
    one = campaign(trigger=LOCAL, stale_after="PT1H")
    there = person(traits={"email": "ada@example.com", "timezone": "Pacific/Pago_Pago"})
    asked = request(campaign=one, recipient=there, trigger_at=first_on_earth(NINE), due_at=NOW - 17 * HOUR)
    due = at("2026-03-10T20:00")
    assert isinstance(decide(asked, History(), now=due + HOUR), Send)
    late = decide(asked, History(), now=due + HOUR + timedelta(seconds=1))
    assert isinstance(late, Refuse)
    assert (late.reason, late.facts["due_at"]) == ("stale", due)


def test_a_local_broadcast_takes_its_members_when_the_first_clocks_show_the_time() -> None:
    found = campaign(trigger=LOCAL)
    assert found.definition.trigger == Broadcast("vip", at("2026-03-09T19:00"), NINE)
    assert found.taken_at == at("2026-03-09T19:00")


def test_those_who_are_members_already_are_taken_at_the_first_start() -> None:
    existing = campaign(trigger={"segment": "vip", "on": "entered", "existing": True})
    assert existing.taken_at == NOW - timedelta(days=1)
    assert campaign().taken_at is None


@pytest.mark.parametrize(
    ("change", "loc"),
    [
        ({"trigger": LOCAL | {"local": "2026-03-10T09:00Z"}}, ["trigger", "local"]),
        ({"trigger": LOCAL | {"local": "2026-03-10"}}, ["trigger", "local"]),
        ({"trigger": LOCAL | {"local": 5}}, ["trigger", "local"]),
        ({"trigger": LOCAL | {"local": "9999-03-10T09:00"}}, ["trigger", "local"]),
        ({"trigger": LOCAL | {"at": "2026-03-10T09:00:00Z"}}, ["trigger", "local"]),
        ({"trigger": {"segment": "vip", "on": "left", "existing": True}}, ["trigger", "existing"]),
        ({"trigger": {"segment": "vip", "on": "entered", "existing": "yes"}}, ["trigger", "existing"]),
        ({"local_time": "nine"}, ["local_time"]),
    ],
)
def test_faults_have_their_path(change: Any, loc: list[Any]) -> None:
    with pytest.raises(ConditionError) as caught:
        parse_definition({"key": "k", "template": "t", "purpose": "p", "trigger": LOCAL} | change)
    assert loc in [error["loc"] for error in caught.value.errors]
