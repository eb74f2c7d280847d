"""A schema with only what plumbing needs, new for each test."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import asyncpg
import pytest
from sqlalchemy import MetaData
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from shared.plumbing import json
from shared.plumbing.clock import ShiftedClock
from shared.plumbing.db import Database
from shared.plumbing.feed import Entry, FeedServer, append
from shared.plumbing.ids import new_id
from shared.plumbing.lanes import lane_of
from shared.plumbing.leases import Leases
from shared.plumbing.migrate import seed_lane_heads, seed_work
from shared.plumbing.tables import feed_table, key_table, lane_tables
from shared.plumbing.wake import Wake
from tests.support.postgres import MakeDatabase


class _Statements:
    def __init__(self) -> None:
        self.all: list[str] = []

    def execute(self, statement: str) -> None:
        self.all.append(statement)


async def _make_tables(url: str) -> None:
    metadata = MetaData()
    lane_tables(metadata)
    feed_table(metadata)
    key_table(metadata)
    op = _Statements()
    seed_lane_heads(op)
    seed_work(op, "trial")
    connection = await asyncpg.connect(url)
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    await connection.execute("CREATE SCHEMA trial; SET search_path = trial")
    for table in metadata.sorted_tables:
        await connection.execute(str(CreateTable(table).compile(dialect=dialect)))
        for index in table.indexes:
            await connection.execute(str(CreateIndex(index).compile(dialect=dialect)))
    for statement in op.all:
        await connection.execute(statement)
    await connection.close()


@dataclass
class Bench:
    """A provider and what consumers need, in one schema."""

    db: Database
    wake: Wake
    server: FeedServer
    clock: ShiftedClock = field(default_factory=ShiftedClock)

    def leases(self, owner: str = "one") -> Leases:
        return Leases(self.db, work="trial", owner=owner, clock=self.clock)

    async def publish(self, *numbers: int) -> None:
        """Append a message of each number, each to the lane of a new profile."""
        ids = [new_id() for _ in numbers]
        entries = [
            Entry(lane_of(i), i, json.dumps_text({"profile_id": i, "n": n})) for i, n in zip(ids, numbers, strict=True)
        ]
        async with self.db.transaction() as tx:
            await append(tx, entries, at=self.clock.now())
        self.wake.hint()

    async def pull(
        self, consumer: str, cursors: Mapping[int, int], *, limit: int, wait: float, linger: float = 0.0
    ) -> bytes:
        items = await self.server.pull(consumer, cursors, limit=limit, wait=wait)
        return json.dumps({"items": [{"lane": i.lane, "seq": i.seq, "message": json.loads(i.message)} for i in items]})


@pytest.fixture
async def bench(make_database: MakeDatabase) -> AsyncIterator[Bench]:
    db = await Database.open(await make_database(_make_tables), schema="trial", size=6)
    wake = Wake(db, across_processes=False)
    yield Bench(db, wake, FeedServer(db, wake, consumers=["reader"]))
    await db.close()
