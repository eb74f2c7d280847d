"""Journeys as functions: where somebody is, and where to next."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.messaging.domain.journey import Definition, Journey, Send
from services.messaging.domain.journey_reading import parse_journey
from services.messaging.domain.local_time import next_time
from services.messaging.domain.walking import (
    LATE,
    Entered,
    Facts,
    Run,
    Walked,
    after_change,
    after_event,
    ended_by_merge,
    enter,
    may_enter,
    moment,
    walk,
)
from shared.schemas.membership import MembershipChanged
from shared.schemas.resolved import Event

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)  # a Tuesday
HOUR = timedelta(hours=1)
NOBODY = Facts({}, frozenset(), ZoneInfo("UTC"))


def journey(*steps: Any, **fields: Any) -> Journey:
    body = {"key": "welcome", "entry": {"event": "Signed Up"}, "steps": list(steps)} | fields
    return Journey(UUID(int=7), "welcome", "running", 1, ((NOW - HOUR, None),), {1: parse_journey(body)})


def begun(of: Journey, at: datetime = NOW, number: int = 1) -> Run:
    return enter(of, UUID(int=number), UUID(int=9), entry_id="web\x1fm1", at=at, begins_at=at)


def event(name: str, at: datetime, message_id: str = "m2", **properties: Any) -> Event:
    return Event(
        name=name,
        type="track",
        source="web",
        message_id=message_id,
        timestamp=at,
        received_at=at,
        properties=properties,
    )


def look(of: Journey, run: Run, now: datetime, facts: Facts = NOBODY) -> Walked:
    """What the mover does when somebody is due."""
    if run.next_at is None or run.next_at > now:
        return Walked(run)
    return walk(run, of.definition, facts, at=moment(run, resumed_at=of.resumed_at, now=now))


def sent(walked: Walked) -> list[str]:
    return [one.campaign for one in walked.told]


def test_steps_follow_each_other_and_waits_take_their_time() -> None:
    of = journey({"send": "a"}, {"wait": "PT1H"}, {"send": "b"})
    first = look(of, begun(of), NOW)
    assert (sent(first), first.run.place, first.run.next_at) == (["a"], "1", NOW + HOUR)
    assert look(of, first.run, NOW + HOUR - timedelta(seconds=1)) == Walked(first.run)
    last = look(of, first.run, NOW + HOUR)
    assert (sent(last), last.run.reason, last.run.next_at) == (["b"], "finished", None)
    assert [stop.step for stop in last.run.path] == ["0", "1", "2"]


WAITING = {
    "wait_for": {"event": "Order Completed", "where": [{"property": "total", "op": ">", "value": 10}]},
    "at_most": "P1D",
    "then": [{"send": "thanks"}],
    "else": [{"send": "reminder"}],
}


@pytest.mark.parametrize(
    ("at", "total", "campaign"),
    [
        (NOW + HOUR, 11, "thanks"),
        (NOW + HOUR, 9, "reminder"),
        (NOW - HOUR, 11, "reminder"),
        (NOW + 24 * HOUR, 11, "reminder"),
    ],
)
def test_an_event_in_time_answers_and_nothing_else_does(at: datetime, total: int, campaign: str) -> None:
    of = journey(WAITING, {"send": "after"})
    run = look(of, begun(of), NOW).run
    run = after_event(run, of.definition, event("Order Completed", at, total=total), running=True)
    assert sent(look(of, run, NOW + 24 * HOUR)) == [campaign, "after"]


def test_what_came_before_they_got_there_does_not_answer() -> None:
    of = journey({"wait": "PT2H"}, WAITING)
    run = look(of, begun(of), NOW).run
    run = after_event(run, of.definition, event("Order Completed", NOW + HOUR, total=11), running=True)
    run = look(of, run, NOW + 2 * HOUR).run
    assert (run.place, run.answered) == ("1", False)


def test_what_came_between_the_end_of_a_wait_and_the_look_answers_what_follows() -> None:
    of = journey({"wait": "PT2H"}, WAITING)
    run = look(of, begun(of), NOW).run
    late = NOW + 2 * HOUR + timedelta(seconds=30)
    run = after_event(run, of.definition, event("Order Completed", late, total=11), running=True)
    assert sent(look(of, run, late + timedelta(seconds=1))) == ["thanks"]


def test_the_event_that_brings_somebody_in_does_not_answer_itself() -> None:
    of = journey(WAITING, entry={"event": "Order Completed"}, goal={"event": "Order Completed"})
    run = begun(of)
    assert after_event(run, of.definition, event("Order Completed", NOW, "m1", total=11), running=True) == run
    assert look(of, run, NOW).run.place == "0"


def test_what_made_them_enter_the_segment_is_no_goal_of_theirs() -> None:
    of = journey(WAITING, entry={"segment": "vip", "on": "entered"}, goal={"event": "Order Completed"})
    run = Run(
        **{**{name: getattr(begun(of), name) for name in Run.__slots__}, "entry": {"cause": {"message_id": "m2"}}}
    )
    assert after_event(run, of.definition, event("Order Completed", NOW + HOUR), running=True) == run


@pytest.mark.parametrize(("field", "reason"), [("goal", "goal"), ("exit_on", "exit_event")])
def test_a_goal_ends_a_run(field: str, reason: str) -> None:
    of = journey({"wait": "P1D"}, {"send": "a"}, **{field: {"event": "Order Completed"}})
    run = look(of, begun(of), NOW).run
    ended = after_event(run, of.definition, event("Order Completed", NOW + HOUR), running=True)
    assert (ended.reason, ended.ended_at, ended.next_at) == (reason, NOW + HOUR, None)


def test_of_keyed_runs_only_events_with_the_same_key_are_heard() -> None:
    of = journey({"wait": "P1D"}, {"send": "a"}, instance="order_id", exit_on={"event": "Order Cancelled"})
    run = look(of, begun(of), NOW).run
    run = Run(**{**{name: getattr(run, name) for name in Run.__slots__}, "instance": "7"})
    for other in ({"order_id": "8"}, {}, {"order_id": None}):
        assert after_event(run, of.definition, event("Order Cancelled", NOW + HOUR, **other), running=True) == run
    ended = after_event(run, of.definition, event("Order Cancelled", NOW + HOUR, order_id=7), running=True)
    assert ended.reason == "exit_event"


def change(segment: str, kind: Literal["entered", "left"], at: datetime) -> MembershipChanged:
    return MembershipChanged(
        id=UUID(int=3), segment_id=UUID(int=4), segment=segment, version=1, profile_id=UUID(int=9), change=kind, at=at
    )


def test_leaving_the_segment_ends_a_run_and_so_does_not_being_in_it() -> None:
    of = journey({"wait": "P1D"}, {"send": "a"}, entry={"segment": "vip", "on": "entered"}, leave_with_segment=True)
    vip = Facts({}, frozenset({"vip"}), ZoneInfo("UTC"))
    run = look(of, begun(of), NOW, vip).run
    assert after_change(run, of.definition, change("vip", "left", NOW + HOUR), running=True).reason == "not_qualified"
    assert after_change(run, of.definition, change("other", "left", NOW + HOUR), running=True) == run
    assert sent(look(of, run, NOW + 24 * HOUR, vip)) == ["a"]
    gone = look(of, run, NOW + 24 * HOUR)
    assert (sent(gone), gone.run.reason) == ([], "not_qualified")


def test_a_segment_is_waited_for_unless_they_are_in_it_already() -> None:
    step = {"wait_for": {"segment": "vip", "on": "entered"}, "at_most": "P1D", "then": [{"send": "vip"}]}
    of = journey(step)
    assert sent(look(of, begun(of), NOW, Facts({}, frozenset({"vip"}), ZoneInfo("UTC")))) == ["vip"]
    run = look(of, begun(of), NOW).run
    run = after_change(run, of.definition, change("vip", "entered", NOW + HOUR), running=True)
    assert sent(look(of, run, NOW + HOUR)) == ["vip"]


def test_a_branch_takes_the_first_arm_that_holds() -> None:
    of = journey(
        {
            "branch": [
                {"if": {"segment": "vip"}, "steps": [{"send": "vip"}, {"exit": True}]},
                {"if": {"trait": "address.country", "op": "=", "value": "DE"}, "steps": [{"send": "german"}]},
            ],
            "else": [{"send": "other"}],
        },
        {"send": "all"},
    )
    zone = ZoneInfo("UTC")
    german = {"address": {"country": "DE"}}
    assert sent(look(of, begun(of), NOW, Facts(german, frozenset({"vip"}), zone))) == ["vip"]
    assert sent(look(of, begun(of), NOW, Facts(german, frozenset(), zone))) == ["german", "all"]
    assert sent(look(of, begun(of), NOW)) == ["other", "all"]


@pytest.mark.parametrize(
    ("now", "at", "zone", "days", "expected"),
    [
        ("2026-03-10T12:00:00+00:00", "09:00", "Europe/Berlin", range(7), "2026-03-11T08:00:00+00:00"),
        ("2026-03-10T08:00:00+00:00", "09:00", "Europe/Berlin", range(7), "2026-03-10T08:00:00+00:00"),
        ("2026-03-10T12:00:00+00:00", "09:00", "Europe/Berlin", [1], "2026-03-17T08:00:00+00:00"),
        # Skipped on the 29th: the instant of the change. Twice on 25 October: the first.
        ("2026-03-28T12:00:00+00:00", "02:30", "Europe/Berlin", range(7), "2026-03-29T01:00:00+00:00"),
        ("2026-10-24T12:00:00+00:00", "02:30", "Europe/Berlin", range(7), "2026-10-25T00:30:00+00:00"),
        ("2026-10-25T00:31:00+00:00", "02:30", "Europe/Berlin", range(7), "2026-10-26T01:30:00+00:00"),
        # Samoa had no 30 December 2011 (a Friday).
        ("2011-12-30T08:00:00+00:00", "09:00", "Pacific/Apia", range(7), "2011-12-30T10:00:00+00:00"),
    ],
)
def test_the_next_time_that_the_clock_shows(now: str, at: str, zone: str, days: Any, expected: str) -> None:
    found = next_time(datetime.fromisoformat(now), time.fromisoformat(at), ZoneInfo(zone), days=frozenset(days))
    assert found == datetime.fromisoformat(expected)


def test_a_late_look_counts_from_itself_and_a_pause_from_its_end() -> None:
    run = look(of := journey({"wait": "PT1H"}, {"send": "a"}), begun(of), NOW).run
    due = NOW + HOUR
    assert moment(run, resumed_at=NOW, now=due + timedelta(seconds=9)) == due
    assert moment(run, resumed_at=NOW, now=due + LATE + timedelta(seconds=1)) == due + LATE + timedelta(seconds=1)
    assert moment(run, resumed_at=due + HOUR, now=due + HOUR + timedelta(seconds=9)) == due + HOUR


@pytest.mark.parametrize(
    ("reentry", "earlier", "may"),
    [
        ("once", [], True),
        ("once", [Entered(NOW - 900 * HOUR, False)], False),
        ("always", [Entered(NOW, False)], True),
        ("always", [Entered(NOW, True)], False),
        ("P1D", [Entered(NOW - 23 * HOUR, False)], False),
        ("P1D", [Entered(NOW - 24 * HOUR, False)], True),
    ],
)
def test_whether_somebody_may_enter_again(reentry: str, earlier: list[Entered], may: bool) -> None:
    assert may_enter(journey({"send": "a"}, reentry=reentry).definition, earlier, at=NOW) is may


def test_of_two_who_are_one_the_run_that_began_first_goes_on() -> None:
    of = journey({"wait": "P1D"})
    later, first = begun(of, NOW, 1), begun(of, NOW - HOUR, 2)
    [ended] = ended_by_merge([later, first], at=NOW)
    assert (ended.id, ended.reason) == (later.id, "merged")


# --- generated journeys

STEPS: st.SearchStrategy[Any] = st.deferred(lambda: st.lists(STEP, min_size=1, max_size=3))
NAMES = st.sampled_from(["A", "B"])
DURATIONS = st.sampled_from(["PT30M", "PT1H", "PT5H"])
STEP: st.SearchStrategy[Any] = st.one_of(
    st.builds(lambda n: {"send": f"c{n}"}, st.integers(0, 3)),
    st.builds(lambda d: {"wait": d}, DURATIONS),
    st.just({"wait_until": "09:00"}),
    st.builds(
        lambda name, d, then, other: {"wait_for": {"event": name}, "at_most": d, "then": then, "else": other},
        NAMES,
        DURATIONS,
        STEPS,
        STEPS,
    ),
    st.builds(lambda one, other: {"branch": [{"if": {"segment": "vip"}, "steps": one}], "else": other}, STEPS, STEPS),
    st.just({"exit": True}),
)
HAPPENINGS = st.lists(st.tuples(st.integers(1, 60 * 40), NAMES), max_size=6)


def lived(of: Journey, happenings: list[tuple[int, str]], looks: list[int]) -> tuple[Run, list[str]]:
    """A run from its entry to its end: events as they come, looks at these seconds behind what is due."""
    run, told = begun(of), []
    pending = sorted((NOW + timedelta(minutes=minutes), name) for minutes, name in happenings)
    for turn in range(400):
        if run.next_at is None:
            break
        look_at = run.next_at + timedelta(seconds=looks[turn % len(looks)])
        if pending and pending[0][0] <= look_at:
            at, name = pending.pop(0)
            run = after_event(run, of.definition, event(name, at, f"e{at}"), running=True)
        else:
            walked = look(of, run, look_at)
            assert look(of, run, look_at) == walked, "the same again, after a rollback"
            run = walked.run
            told += [one.place for one in walked.told]
    return run, told


def _is_somewhere(run: Run, definition: Definition) -> bool:
    if run.next_at is None:
        return run.ended_at is not None and run.reason is not None
    return run.ended_at is None and run.place in definition.steps


@given(STEPS, HAPPENINGS, st.lists(st.integers(0, 59), min_size=1, max_size=3))
@settings(max_examples=60, deadline=None)
def test_everybody_comes_to_an_end_and_passes_each_step_once_whenever_they_are_looked_at(
    steps: Any, happenings: list[tuple[int, str]], looks: list[int]
) -> None:
    of = journey(*steps)
    run, told = lived(of, happenings, [0])
    assert run.ended_at is not None
    assert _is_somewhere(run, of.definition)
    assert len(told) == len(set(told))
    assert all(isinstance(of.definition.steps[place].step, Send) for place in told)
    passed = [stop.step for stop in run.path]
    assert len(passed) == len(set(passed))
    assert [stop.at for stop in run.path] == sorted(stop.at for stop in run.path)
    # When a worker happens to look changes nothing: events that come in between are heard.
    again, told_again = lived(of, happenings, looks)
    assert (told_again, again.path, again.reason) == (told, run.path, run.reason)


def test_days_are_those_of_the_person() -> None:
    tokyo = Facts({}, frozenset(), ZoneInfo("Asia/Tokyo"))
    of = journey({"wait_until": "09:00", "days": ["wed"]})
    run = look(of, begun(of), NOW, tokyo).run
    assert run.next_at is not None
    local = run.next_at.astimezone(ZoneInfo("Asia/Tokyo"))
    assert (local.date(), local.time()) == (date(2026, 3, 11), time(9))
