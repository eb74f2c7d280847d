"""The query and the reference name the same members, on a real PostgreSQL. Generated ones: test_rounds.py."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from services.segments.domain.definition import Definition, define
from services.segments.domain.evaluate import is_true
from services.segments.domain.facts import Event, ProfileFacts
from services.segments.domain.parse import parse
from services.segments.domain.sql.query import Doubts, compile_query
from services.segments.models import metadata
from shared.plumbing import json
from tests.unit.segments.case import NOON
from tests.unit.segments.cases import CASES

Profile = tuple[ProfileFacts, list[Event]]
Run = Callable[[Awaitable[Any]], Any]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Of its own, for examples are drawn outside of the tests' event loop."""
    loop = asyncio.new_event_loop()
    yield loop.run_until_complete
    loop.close()


@pytest.fixture(scope="module")
def connection(postgres_server: str, run: Run) -> Iterator["asyncpg.Connection[asyncpg.Record]"]:
    """Temporary tables of the service's own form; the session lives where clocks are set forward and back."""

    async def connect() -> "asyncpg.Connection[asyncpg.Record]":
        opened = await asyncpg.connect(postgres_server, server_settings={"timezone": "America/New_York"})
        await opened.set_type_codec(
            "jsonb", schema="pg_catalog", encoder=json.dumps_text, decoder=json.loads, format="text"
        )
        for name in ("history", "profiles"):
            table = str(CreateTable(metadata.tables[name]).compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]
            await opened.execute(table.replace("CREATE TABLE", "CREATE TEMPORARY TABLE"))
        return opened

    opened = run(connect())
    yield opened
    run(opened.close())


async def members(
    connection: "asyncpg.Connection[asyncpg.Record]",
    profiles: Sequence[Profile],
    asked: Sequence[tuple[list[int], Definition, datetime, str]],
) -> list[set[int]]:
    """For each question (lanes, definition, instant, default zone) the lanes of the members: profile n lives in lane n."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        await insert(connection, profiles)
        answers = []
        for lanes, definition, as_of, default_zone in asked:
            query = compile_query(definition, as_of, default_zone)
            arguments = [*query.arguments]
            if query.doubts is not None:
                rows = await connection.fetch(query.doubts.sql, lanes, *arguments)
                arguments.append(
                    [profiles[row["lane"]][0].id for row in rows if is_member(profiles[row["lane"]], query.doubts)]
                )
            answers.append({row["lane"] for row in await connection.fetch(query.sql, lanes, *arguments)})
        return answers
    finally:
        await transaction.rollback()


def is_member(profile: Profile, doubts: Doubts) -> bool:
    facts, events = profile
    located = ProfileFacts(facts.id, facts.traits, facts.life_events, doubts.default_zone)
    return is_true(doubts.definition, events, located, doubts.as_of)


async def insert(connection: "asyncpg.Connection[asyncpg.Record]", profiles: Sequence[Profile]) -> None:
    rows = [(lane, facts.id, facts.traits, _life_events(facts), NOON) for lane, (facts, _) in enumerate(profiles)]
    await connection.executemany(
        """INSERT INTO profiles (lane, profile_id, version, traits, life_events, created_at, states, truths, revision,
                                 evaluated_at, erased)
           VALUES ($1, $2, 1, $3, $4, $5, '{}', '{}', 1, $5, false)""",
        rows,
    )
    happened = [
        (lane, facts.id, e.timestamp, e.source, e.message_id, e.name, e.properties, e.context)
        for lane, (facts, events) in enumerate(profiles)
        for e in events
    ]
    await connection.executemany("INSERT INTO history VALUES ($1, $2, $3, $4, $5, $6, $7, $8)", happened)


def _life_events(facts: ProfileFacts) -> list[dict[str, object]]:
    return [
        {"kind": fact.kind, "date": fact.date, "recurs": fact.recurs, "subject": fact.subject}
        for fact in facts.life_events
    ]


def test_every_rule_holds_of_the_query(connection: "asyncpg.Connection[asyncpg.Record]", run: Run) -> None:
    profiles = [(case.facts, list(case.events)) for case in CASES]
    asked = [([lane], define(parse(case.condition), {}), case.t, "UTC") for lane, case in enumerate(CASES)]
    answers = run(members(connection, profiles, asked))
    assert [case.rule for case, found in zip(CASES, answers, strict=True) if bool(found) is not case.expected] == []


def test_segments_that_double_at_every_step_make_a_query_that_does_not(
    connection: "asyncpg.Connection[asyncpg.Record]", run: Run
) -> None:
    segments: dict[str, Any] = {"s0": parse({"bucket": [0, 100], "salt": ""})}
    for n in range(1, 40):
        segments[f"s{n}"] = parse({"all": [{"segment": f"s{n - 1}"}, {"segment": f"s{n - 1}"}]})
    definition = define(parse({"segment": "s39"}), segments)
    assert run(members(connection, [(ProfileFacts(UUID(int=1)), [])], [([0], definition, NOON, "UTC")])) == [{0}]


@pytest.mark.parametrize(
    ("kept", "is_in_doubt"),
    [
        ("2026-06-15", False),
        ("2026-06-20", False),
        ("2026-06-15T12:00:00Z", True),
        ("2026-06-18T00:30:00+00:00", True),
        ("2026-06-20T00:30:00+00:00", False),
        ("1999-01-01T00:00:00Z", False),
        ("anything", False),
        (None, False),
    ],
)
def test_only_of_instants_near_the_edge_the_query_asks_back(
    connection: "asyncpg.Connection[asyncpg.Record]", run: Run, kept: object, is_in_doubt: bool
) -> None:
    written = {"trait_date": "on", "from": "-P2D", "until": "P0D", "recurs": "yearly"}
    query = compile_query(define(parse(written), {}), NOON)
    assert query.doubts is not None
    facts = ProfileFacts(UUID(int=1), {"on": kept, "timezone": "Pacific/Kiritimati"})

    async def doubted() -> Any:
        transaction = connection.transaction()
        await transaction.start()
        try:
            await insert(connection, [(facts, [])])
            return await connection.fetch(query.doubts.sql, [0], *query.arguments)  # type: ignore[union-attr]
        finally:
            await transaction.rollback()

    assert bool(run(doubted())) is is_in_doubt
