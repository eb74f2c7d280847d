"""The tracking plan in use: kept in the process, looked up anew every two seconds; and its use cases."""

import asyncio
from collections.abc import Sequence
from time import perf_counter
from typing import Any
from uuid import UUID

from services.events.domain.dedup import dedup_key
from services.events.domain.plan import EventSchema, InvalidSchema, Plan, Plans, judge
from services.events.domain.records import Record, Refusal
from services.events.domain.usual import UsualWire
from services.events.store import schemas as store
from services.events.store.log import known_keys
from shared.plumbing.clock import Clock
from shared.plumbing.db import Connection, Database, is_unavailable
from shared.plumbing.errors import Conflict, Invalid, NotFound, Unavailable
from shared.plumbing.ids import new_id
from shared.plumbing.log import get_logger

log = get_logger()
MAX_AGE = 2.0
"""Seconds; after so many a change has reached every process."""
MOST_SCHEMAS = 2000
BREATH = 0.005
"""Seconds of checking, after which others may go on."""


class EventSchemas:
    """All schemas there are."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._plans: Plans | None = None
        self._compiled: dict[str, tuple[UUID, EventSchema | None]] = {}
        self._looked_at = 0.0
        self._looking = asyncio.Lock()

    async def plans(self, *, max_age: float = MAX_AGE) -> Plans:
        """What is in force; the last known while the database is away."""
        now = asyncio.get_running_loop().time
        if self._plans is not None and now() - self._looked_at < max_age:
            return self._plans
        asked = now()
        async with self._looking:
            if self._plans is None or (self._looked_at < asked and now() - self._looked_at >= max_age):
                started = now()
                self._plans = await self._look(self._plans)
                self._looked_at = started
            return self._plans

    async def _look(self, before: Plans | None) -> Plans:
        try:
            versions = await store.schema_versions(self._db)
            changed = [name for name, version in versions.items() if self._version_of(name) != version]
            rows = await store.read_schemas(self._db, changed) if changed else []
        except Exception as error:
            if not is_unavailable(error):
                raise
            if before is None:
                raise Unavailable("The database is out of reach; try again.") from error
            return before
        gone = self._compiled.keys() - versions.keys()
        if before is not None and not rows and not gone:
            return before
        for name in gone:
            del self._compiled[name]
        for row in rows:
            self._compiled[row["name"]] = (row["version"], _compiled(row))
            await asyncio.sleep(0)
        return Plans([schema for _, schema in self._compiled.values() if schema is not None])

    def _version_of(self, name: str) -> UUID | None:
        there = self._compiled.get(name)
        return there and there[0]

    async def speak_of(self, wires: Sequence[UsualWire], source: str) -> bool:
        """Whether one of these messages may have a schema."""
        return (await self.plans()).of(source).speaks_of(wires)

    async def judge(self, read: Sequence[Record | Refusal], source: str) -> Sequence[Record | Refusal]:
        """What the plan says of each."""
        return await judge_each(self._db, read, (await self.plans()).of(source))

    async def put(
        self, name: str, *, schema: dict[str, Any], on_violation: str, sources: Sequence[str] | None
    ) -> dict[str, Any]:
        """Make or replace an event's schema; here it holds at once."""
        try:
            EventSchema(name, schema, rejects=False, sources=sources)
        except InvalidSchema as error:
            raise Invalid(
                "This schema can't be used.",
                errors=[{"loc": ["body", "schema", *fault.place], "msg": fault.message} for fault in error.faults],
            ) from error
        version, now = new_id(), self._clock.now()

        async def work(tx: Connection) -> dict[str, Any]:
            await _check_sources(tx, sources or ())
            if await store.count_others(tx, name) >= MOST_SCHEMAS:
                raise Conflict(f"There may be {MOST_SCHEMAS} event schemas at most; delete one first.")
            return dict(
                await store.save_schema(
                    tx, name=name, version=version, schema=schema, on_violation=on_violation, sources=sources, at=now
                )
            )

        saved = await self._db.run(work)
        await self.plans(max_age=0)
        return saved

    async def get(self, name: str) -> dict[str, Any]:
        """The schema of this event."""
        row = await store.find_schema(self._db, name)
        if row is None:
            raise NotFound("This event has no schema.")
        return dict(row)

    async def delete(self, name: str) -> None:
        """The event is not looked at any more; what was found of it so far stays."""
        if not await store.delete_schema(self._db, name):
            raise NotFound("This event has no schema.")
        await self.plans(max_age=0)


def _compiled(row: Any) -> EventSchema | None:
    """None for a schema that was fine when it was put and is no more: it must not stop everybody's events."""
    try:
        return EventSchema(row["name"], row["schema"], rejects=row["on_violation"] == "reject", sources=row["sources"])
    except InvalidSchema as error:
        log.error("event_schema_unusable", schema_name=row["name"], faults=[fault.message for fault in error.faults])
        return None


async def _check_sources(tx: Connection, names: Sequence[str]) -> None:
    there = await store.source_names(tx, names)
    errors = [
        {"loc": ["body", "sources", number], "msg": "there is no such source"}
        for number, name in enumerate(names)
        if name not in there
    ]
    if errors:
        raise Invalid("There is no such source.", errors=errors)


async def judge_each(
    db: "Database | Connection", read: Sequence[Record | Refusal], plan: Plan
) -> Sequence[Record | Refusal]:
    """What the plan says of each; the repeat of one that was kept stays that, whatever the plan says now."""
    if not plan.schemas:
        return read
    judged: list[Record | Refusal] = []
    since = perf_counter()
    for item in read:
        judged.append(judge(item, plan))
        if perf_counter() - since > BREATH:
            await asyncio.sleep(0)
            since = perf_counter()
    return await _leave_repeats(db, read, judged)


async def _leave_repeats(
    db: "Database | Connection", read: Sequence[Record | Refusal], judged: Sequence[Record | Refusal]
) -> Sequence[Record | Refusal]:
    refused = [
        item
        for item, verdict in zip(read, judged, strict=True)
        if isinstance(item, Record) and isinstance(verdict, Refusal)
    ]
    if not refused:
        return judged
    known = await known_keys(db, [dedup_key(item.source, item.message_id) for item in refused])
    left: list[Record | Refusal] = []
    for item, verdict in zip(read, judged, strict=True):
        if isinstance(item, Refusal):
            left.append(verdict)
            continue
        key = dedup_key(item.source, item.message_id)
        left.append(item if key in known else verdict)
        if isinstance(verdict, Record):
            known.add(key)
    return left
