"""Whatever the order of arrival: the states, stepped past every boundary, say what the whole history says."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.segments.domain.definition import Definition, define
from services.segments.domain.engine.keeper import Kept
from services.segments.domain.evaluate import is_true
from services.segments.domain.facts import Event, ProfileFacts
from services.segments.domain.parse import parse
from services.segments.domain.ruleset import Ruleset
from services.segments.domain.timeline import advance
from tests.unit.segments import generated, lively
from tests.unit.segments.settled import settled

MIDNIGHTS = (0, 5, 10, 11, 18.5)  # in UTC, where the generated profiles live
TICK = timedelta(microseconds=1)
LENGTHS = [timedelta(0), timedelta(seconds=1), *(timedelta(hours=hours) for hours in (6, 12, 24, 48))]
thorough = settings(
    max_examples=90,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def telling_instants(events: Iterable[Event], since: datetime, until: datetime) -> list[datetime]:
    """Where a truth can change, and just before: event times moved by every length, and the zones' local midnights."""
    marks = {event.timestamp + length for event in events for length in LENGTHS}
    days = [since.replace(hour=0, minute=0, second=0) + timedelta(days=n) for n in range((until - since).days + 2)]
    midnights = {day + timedelta(hours=hour) for day in days for hour in MIDNIGHTS}
    return sorted(at for mark in marks | midnights for at in (mark - TICK, mark) if since < at <= until)


def assert_states_follow(
    data: st.DataObject, definitions: dict[int, Definition], facts: ProfileFacts, events: list[Event]
) -> None:
    """Events arrive in any order, a few at each of some looks; between looks only time passes."""
    ruleset = Ruleset.build(definitions)
    arriving = data.draw(st.permutations(events))
    looks = sorted(data.draw(st.lists(generated.instants, min_size=2, max_size=4, unique=True)))
    arriving = generated.told_by(arriving, looks[0])
    known, states = arriving[:4], ruleset.refold(arriving[:4], looks[0], facts)
    for since, until in pairwise(looks):
        truths = ruleset.evaluate(states, facts, since, known).truths
        assert truths == truths_of(definitions, known, facts, since)
        flips = advance(ruleset, ruleset.stand(states, facts, since, known), facts, truths, until).flips
        for at in telling_instants(known, since, until):
            followed = truths | {flip.version_id: flip.truth for flip in flips if flip.at <= at}
            assert followed == truths_of(definitions, known, facts, at), at
        batch = arriving[len(known) : len(known) + 4]
        known = [*known, *batch]
        states = ruleset.trim(ruleset.fold(states, batch, facts), until)
    assert settled(ruleset, states, looks[-1]) == ruleset.refold(known, looks[-1], facts)


@thorough
@given(st.data())
def test_states_stepped_through_time_agree_with_the_whole_history_at_every_instant(data: st.DataObject) -> None:
    base = define(parse(data.draw(generated.conditions())), {})
    other = define(parse(data.draw(generated.conditions(segments=("base",)))), {"base": base.condition})
    events = data.draw(generated.histories)
    assert_states_follow(data, {1: base, 2: other}, data.draw(generated.facts), events)


@thorough
@given(st.data())
def test_what_has_been_so_for_a_time_agrees_too(data: st.DataObject) -> None:
    base = define(parse(data.draw(generated.conditions())), {})
    written = data.draw(generated.conditions(segments=("base",), lasting=("base",)))
    definitions = {
        1: define(parse(written), {"base": base.condition}),
        2: define(parse(data.draw(lively.fors)), {}),
        3: define(parse(data.draw(lively.fors)), {}),
    }
    assert_states_follow(data, definitions, data.draw(generated.facts), data.draw(lively.histories))


@thorough
@given(st.data())
def test_so_do_second_steps_that_are_compared_with_the_first(data: st.DataObject) -> None:
    definitions = {n: define(parse(data.draw(lively.pairs)), {}) for n in range(4)}
    assert_states_follow(data, definitions, data.draw(generated.facts), data.draw(lively.paired))


@thorough
@given(st.data())
def test_states_of_spend_do_so_for_orders_that_change_in_any_order(data: st.DataObject) -> None:
    definitions = {n: define(parse(c), {}) for n, c in enumerate(data.draw(generated.several_spends))}
    assert_states_follow(data, definitions, ProfileFacts(UUID(int=1)), data.draw(generated.order_histories))


@thorough
@given(st.data())
def test_periods_of_the_calendar_begin_and_end_where_the_person_lives(data: st.DataObject) -> None:
    written = data.draw(st.lists(generated.by_calendar, min_size=3, max_size=6))
    definitions = {n: define(parse(condition), {}) for n, condition in enumerate(written)}
    around = data.draw(generated.instants)
    assert_states_follow(data, definitions, data.draw(generated.facts), data.draw(generated.calendar_events(around)))


def truths_of(
    definitions: dict[int, Definition], events: list[Event], facts: ProfileFacts, at: datetime
) -> dict[int, bool]:
    return {version: is_true(definition, events, facts, at) for version, definition in definitions.items()}


@thorough
@given(st.data())
def test_the_state_does_not_depend_on_arrival_order_batches_or_trims(data: st.DataObject) -> None:
    ruleset = Ruleset.build({1: define(parse(data.draw(st.one_of(generated.leaves, lively.pairs))), {})})
    events = data.draw(st.one_of(generated.histories, lively.paired))
    shuffled = data.draw(st.permutations(events))
    trims = iter(sorted(data.draw(st.lists(generated.instants, min_size=len(events), max_size=len(events)))))
    states: dict[str, Kept] = {}
    last = generated.START
    for event in shuffled:
        last = next(trims)
        states = ruleset.trim(ruleset.fold(states, [event]), last)
    assert settled(ruleset, states, last) == ruleset.refold(events, last)


@thorough
@given(generated.conditions(), generated.facts)
def test_every_instant_named_is_later_than_the_one_asked_about(written: object, facts: ProfileFacts) -> None:
    ruleset = Ruleset.build({1: define(parse(written), {})})
    at = datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)
    next_at = ruleset.evaluate({}, facts, at).next_at
    assert next_at is None or next_at > at
