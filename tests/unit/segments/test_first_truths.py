"""First truths in one query: those of the reference, and nothing turns by itself before its profile is due."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from services.segments.domain.definition import Definition, define
from services.segments.domain.evaluate import is_true
from services.segments.domain.facts import ProfileFacts
from services.segments.domain.parse import parse
from services.segments.domain.ruleset import Ruleset
from services.segments.domain.sql.first_truths import compile_first_truths
from services.segments.domain.timeline import advance
from tests.unit.segments import generated
from tests.unit.segments.case import NOON
from tests.unit.segments.cases import CASES
from tests.unit.segments.test_sql import Profile, Run, connection, insert, run

__all__ = ["connection", "run"]

Found = dict[int, tuple[set[int] | None, datetime | None]]  # None: the query has doubts


async def first_truths(
    connection: "asyncpg.Connection[asyncpg.Record]",
    profiles: Sequence[Profile],
    definitions: Sequence[Definition],
    as_of: datetime,
) -> Found:
    """By lane (profile n lives in lane n): the definitions that are true of it, and when it is due."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        await insert(connection, profiles)
        query = compile_first_truths(dict(enumerate(definitions)), as_of, "UTC")
        rows = await connection.fetch(query.sql, list(range(len(profiles))), *query.arguments)
        return {row["lane"]: (None if row["truths"] is None else set(row["truths"]), row["due_at"]) for row in rows}
    finally:
        await transaction.rollback()


def check(found: Found, profiles: Sequence[Profile], definitions: Sequence[Definition], as_of: datetime) -> None:
    ruleset = Ruleset.build(dict(enumerate(definitions)))
    for lane, (facts, events) in enumerate(profiles):
        seen, due_at = found.get(lane, (set(), None))
        if seen is None:
            continue
        truths = seen
        assert truths == {n for n, one in enumerate(definitions) if is_true(one, events, facts, as_of)}
        standing = ruleset.stand(ruleset.refold(events, as_of, facts), facts, as_of, events)
        known = {n: n in truths for n in range(len(definitions))}
        flips = advance(ruleset, standing, facts, known, as_of + timedelta(days=800)).flips
        if flips:
            assert due_at is not None
            assert due_at <= flips[0].at
        assert due_at is None or due_at >= as_of


def test_every_rule(connection: "asyncpg.Connection[asyncpg.Record]", run: Run) -> None:
    decided = 0
    for case in CASES:
        profiles, definitions = [(case.facts, list(case.events))], [define(parse(case.condition), {})]
        found = run(first_truths(connection, profiles, definitions, NOON))
        check(found, profiles, definitions, NOON)
        decided += found.get(0, (set(), None))[0] is not None
    assert decided > 0.8 * len(CASES)  # it asks back for few


thorough = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)


@thorough
@given(st.data())
def test_first_truths_agree_with_the_reference(
    connection: "asyncpg.Connection[asyncpg.Record]", run: Run, data: st.DataObject
) -> None:
    base = parse(data.draw(generated.conditions()))
    conditions = generated.conditions(segments=("base",), lasting=("base",))
    definitions = [
        define(parse(written), {"base": base}) for written in data.draw(st.lists(conditions, min_size=1, max_size=4))
    ]
    profiles: list[Profile] = data.draw(
        st.lists(st.tuples(generated.facts, generated.histories), min_size=1, max_size=4)
    )
    as_of = data.draw(generated.instants)
    found: Any = run(first_truths(connection, profiles, definitions, as_of))
    located = [(ProfileFacts(f.id, f.traits, f.life_events), events) for f, events in profiles]
    check(found, located, definitions, as_of)


@thorough
@given(st.data())
def test_periods_of_the_calendar_are_those_of_each_zone(
    connection: "asyncpg.Connection[asyncpg.Record]", run: Run, data: st.DataObject
) -> None:
    definitions = [
        define(parse(written), {}) for written in data.draw(st.lists(generated.by_calendar, min_size=1, max_size=4))
    ]
    as_of = data.draw(generated.instants)
    person = st.tuples(generated.travellers, generated.calendar_events(as_of))
    drawn: list[Profile] = data.draw(st.lists(person, min_size=2, max_size=5))
    profiles = [(replace(facts, id=UUID(int=n)), events) for n, (facts, events) in enumerate(drawn)]
    check(run(first_truths(connection, profiles, definitions, as_of)), profiles, definitions, as_of)
