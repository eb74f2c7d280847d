"""A replay: whatever happened, no cap and no quiet hour is violated, everybody has one outcome, and what was known then decides."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.messaging.domain.campaign import Campaign
from services.messaging.domain.reach import Suppression
from services.messaging.domain.replay import Decided, Past, Replay, as_of
from services.messaging.domain.tally import Tally
from services.messaging.domain.triggers import Fired
from services.messaging.domain.verdict import Message
from shared.schemas.recipients import Consent
from tests.unit.messaging.builders import campaign, granted, offer, person, rules

START = datetime(2026, 3, 26, tzinfo=UTC)  # clocks change in Berlin on the 29th
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ZONES = ("UTC", "Europe/Berlin", "Pacific/Kiritimati", "America/St_Johns")
QUIET = {"from": "21:30", "until": "08:00"}
CAPS = [
    {"purpose": "marketing", "max": 2, "within": "PT40H"},
    {"purpose": "marketing", "max": 3, "within": "PT60H", "per": "household"},
]


def past(number: int, **fields: Any) -> Past:
    """Of the first six, three live together twice."""
    traits = {"email": f"p{number}@example.com", "timezone": ZONES[number % 4]}
    consents = (granted(days=-100),)
    return Past(person(traits=traits, consents=consents), household=str(number % 2) if number < 6 else None, **fields)


def replay_of(definition: Campaign, people: dict[UUID, Past], **rulebook: Any) -> Replay:
    return Replay(definition, (offer(),), rules(**rulebook), "UTC", lambda _channel, _address: (), people)


def trigger(definition: Campaign, who: UUID, at: datetime, number: int = 0) -> Fired:
    due = at + definition.definition.delay
    return Fired(definition, who, None, str(number), at, due, look_at=due, paused=False, context={})


@given(
    st.lists(st.tuples(st.integers(0, 7), st.integers(0, 10_000)), max_size=60),
    st.sampled_from([{}, {"when_capped": {"wait": "P2D"}}, {"delay": "PT5H", "reentry": "PT9H"}]),
)
def test_caps_and_quiet_hours_hold_and_everybody_has_an_outcome(events: list[tuple[int, int]], fields: Any) -> None:
    definition = campaign(**({"reentry": "always", "stale_after": "P9D"} | fields))
    people = {UUID(int=number + 1): past(number) for number in range(8)}
    replay = replay_of(definition, people, frequency_caps=CAPS, quiet_hours=QUIET)
    for number, (who, minute) in enumerate(events):
        at = START + timedelta(minutes=minute)
        replay.add(trigger(definition, UUID(int=who + 1), at, number), UUID(int=who + 1), met_at=at)
    found = list(replay.run(START + 30 * DAY))
    assert len(found) == len(events)
    assert found == sorted(found, key=lambda one: one.at)
    sent = [one for one in found if one.decision == "sent"]
    for one in sent:
        before = [other for other in sent if one.at - 40 * HOUR < other.at <= one.at]
        assert Counter(other.profile_id for other in before)[one.profile_id] <= 2
        home = people[one.profile_id].household
        near = [other for other in sent if one.at - 60 * HOUR < other.at <= one.at]
        assert home is None or sum(people[other.profile_id].household == home for other in near) <= 3
        local = one.at.astimezone(ZoneInfo(ZONES[(one.profile_id.int - 1) % 4])).time()
        assert time(8) <= local < time(21, 30)


ADA = UUID(int=1)


def decisions(who: Past, *hours: int, suppression: Suppression | None = None, **fields: Any) -> list[str]:
    """What becomes of triggers so many hours after the start."""
    definition = campaign(**({"reentry": "always"} | fields))
    known = (suppression,) if suppression else ()
    cap = [{"purpose": "marketing", "max": 1, "within": "PT3H"}]
    replay = Replay(definition, (offer(),), rules(frequency_caps=cap), "UTC", lambda _c, _a: known, {ADA: who})
    for number, hour in enumerate(hours):
        replay.add(trigger(definition, ADA, START + hour * HOUR, number), ADA, met_at=START + hour * HOUR)
    return [one.reason for one in replay.run(START + 30 * DAY)]


def test_what_was_not_yet_said_then_does_not_count() -> None:
    later = START + 5 * HOUR
    withdrawn = Consent(purpose="marketing", channel="email", status="withdrawn", at=later, recorded_at=later)
    dated_back = Consent(
        purpose="marketing",
        channel="email",
        status="withdrawn",
        at=START - DAY,
        recorded_at=later,
        lifted_at=later + HOUR,
    )
    granted_before = granted(days=-100)
    assert decisions(Past(person(consents=(granted_before, withdrawn))), 0, 5) == ["sent", "no_consent"]
    assert decisions(Past(person(consents=(granted_before, dated_back))), 0, 5, 6) == ["sent", "no_consent", "sent"]
    blocked = Suppression("", "manual", yields=False, created_at=later)
    assert decisions(Past(person(consents=(granted_before,))), 0, 5, suppression=blocked) == ["sent", "suppressed"]
    other = Message("marketing", "email", later)
    assert decisions(Past(person(consents=(granted_before,)), messages=[other]), 0, 5, 8) == [
        "sent",
        "frequency_cap",
        "sent",
    ]


def test_who_has_left_by_the_time_it_is_due_does_not_qualify() -> None:
    definition = campaign(delay="PT2H", reentry="always")
    for left_after, expected in ((HOUR, "not_qualified"), (3 * HOUR, "sent")):
        replay = replay_of(definition, {ADA: Past(person(consents=(granted(days=-100),)))})
        replay.saw(ADA, START, "entered")
        replay.saw(ADA, START + left_after, "left")
        replay.add(trigger(definition, ADA, START), ADA, met_at=START)
        assert [one.reason for one in replay.run(START + DAY)] == [expected]


def test_somebody_of_whom_nothing_can_be_known_has_an_outcome_too() -> None:
    assert decisions(Past(None), 0) == ["no_profile"]
    assert decisions(Past(None, unreadable=True), 0) == ["unreadable_profile"]


def test_as_of_keeps_everything_but_what_was_said_later() -> None:
    who = person(consents=(granted(), granted("denied", days=1)), user_id="ada")
    then = as_of(who, granted().at)
    assert (then.user_id, then.traits, len(then.consents)) == ("ada", who.traits, 1)


@pytest.mark.parametrize(("hours", "days"), [(1, 1), (24, 1), (25, 2), (48, 2)])
def test_a_tally_names_every_day(hours: int, days: int) -> None:
    tally = Tally()
    for number in range(30):
        tally.add(Decided(UUID(int=number % 3), None, START, "sent", "sent", {}))
    shown = tally.shown(START, START + hours * HOUR)
    assert [day["day"] for day in shown["days"]] == [(START + n * DAY).date() for n in range(days)]
    assert shown["days"][0] == {"day": START.date(), "sent": 30, "held_out": 0, "not_sent": 0}
    assert shown["per_person"] == {"max": 10, "mean": 10, "histogram": {"10": 3}}
    assert len(shown["sample"]) == 20


def test_what_is_met_after_the_end_is_not_waiting() -> None:
    definition = campaign(delay="PT5H")
    replay = replay_of(definition, {ADA: past(6)})
    for number, at in enumerate((START, START + 3 * HOUR)):
        replay.add(trigger(definition, ADA, at, number), ADA, met_at=at)
    assert list(replay.run(START + 2 * HOUR)) == []
    assert [waiting.fired.trigger_id for waiting in replay.waiting(START + 2 * HOUR)] == ["0"]


def test_a_rate_makes_them_wait_for_their_turns_in_order_and_only_who_is_sent_something_takes_one() -> None:
    """Each is sent within its minute's room, in the order in which they came; refusals take none of it."""
    definition = campaign(reentry="always", rate=60)
    refused = Past(person(consents=()))
    people = {UUID(int=number): past(number) if number % 2 else refused for number in range(1, 401)}
    replay = replay_of(definition, people)
    for number, who in enumerate(people):
        replay.add(trigger(definition, who, START, number), who, met_at=START)
    found = list(replay.run(START + HOUR))
    sent = [one for one in found if one.decision == "sent"]
    assert (len(sent), len(found)) == (200, 400)
    assert [one.profile_id.int for one in sent] == list(range(1, 401, 2))
    for one in sent:
        assert sum(one.at - timedelta(minutes=1) < other.at <= one.at for other in sent) <= 60
    assert timedelta(minutes=3) < sent[-1].at - START < timedelta(minutes=4)
    assert (sent[0].waited, sent[1].waited) == ((), ("rate",))


def test_who_waits_too_long_for_a_turn_is_stale_but_of_a_broadcast() -> None:
    for turns, expected in ((False, {"sent", "stale"}), (True, {"sent"})):
        definition = campaign(reentry="always", rate=2, stale_after="PT10M")
        people = {UUID(int=number): past(number) for number in range(1, 61)}
        replay = replay_of(definition, people)
        for number, who in enumerate(people):
            due = timedelta(minutes=number) if turns else timedelta()
            fired = replace(trigger(definition, who, START, number), due_at=START + due)
            replay.add(fired, who, met_at=START)
        assert {one.reason for one in replay.run(START + DAY)} == expected


def test_whoever_still_waits_for_a_turn_is_not_decided() -> None:
    definition = campaign(rate=2)
    replay = replay_of(definition, {UUID(int=number): past(number) for number in range(1, 61)})
    for number in range(1, 61):
        replay.add(trigger(definition, UUID(int=number), START, number), UUID(int=number), met_at=START)
    found = list(replay.run(START + timedelta(minutes=10)))
    waiting = list(replay.waiting(START + timedelta(minutes=10)))
    assert len(found) + len(waiting) == 60
    assert {one.waited for one in waiting} == {("rate",)}
