"""Accepts messages: reads each by itself, and answers when all of them are on disk."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
from prometheus_client import Counter

from services.events.domain.message import read_message
from services.events.domain.records import Limits, Origin, Record, Refusal, Unusable
from services.events.domain.usual import Unusual, UsualWire
from services.events.service.committer import Committer, Unstorable
from services.events.service.schemas import EventSchemas
from services.events.store.copying import Rows, make_rows
from services.events.store.rejected import Rejected
from services.events.store.usual import add_usual
from services.events.store.violations import found_in
from shared.plumbing.ids import new_id

accepted_total = Counter("regulars_events_accepted_total", "Messages kept", ["source"])
duplicates_total = Counter("regulars_events_duplicates_total", "Messages that had been kept before", ["source"])
rejected_total = Counter("regulars_events_rejected_total", "Messages that can't be used", ["source", "reason"])

BREATH = 50
"""After so many messages the committer may go on: each of its steps would otherwise wait for a whole batch to be read."""

UNSTORABLE = Refusal("unstorable", "The database refuses a value of this message.")


class Outcome(msgspec.Struct, gc=False, omit_defaults=True):
    """What became of one message of a request."""

    message_id: str | None = msgspec.field(name="messageId", default=None)
    status: str = msgspec.field(default="")
    reason: str | None = None
    detail: str | None = None


class Ingest:
    """What every path of ingest ends in."""

    def __init__(self, committer: Committer, schemas: EventSchemas, *, limits: Limits) -> None:
        self._committer = committer
        self._schemas = schemas
        self._limits = limits
        self._reading = asyncio.Lock()  # one request at a time, so that a breath is not as long as all of theirs

    async def take(
        self, messages: Sequence[bytes], origin: Origin, *, is_plain: bool, path_type: str | None = None
    ) -> list[Outcome]:
        """Keep the messages, each once. Returns when they are durable, with what became of each, in their order."""
        read = await self._read(messages, origin, is_plain=is_plain, path_type=path_type)
        records = [item for item in read if isinstance(item, Record)]
        rows = make_rows(records, received_at=origin.received_at)
        rejected = [
            Rejected(new_id(), origin, raw, path_type, item)
            for raw, item in zip(messages, read, strict=True)
            if isinstance(item, Refusal)
        ]
        size = sum(map(len, messages))
        try:
            fresh = await self._committer.keep(rows, rejected, size=size, found=found_in(records))
        except Unstorable:
            return await self._one_by_one(messages, read, origin, path_type)
        return _report(read, iter(fresh), origin)

    async def _read(
        self, messages: Sequence[bytes], origin: Origin, *, is_plain: bool, path_type: str | None
    ) -> Sequence[Record | Refusal]:
        read: list[Record | Refusal] = []
        async with self._reading:
            for start in range(0, len(messages), BREATH):
                read += (
                    read_message(
                        raw, origin, make_id=new_id, limits=self._limits, is_plain=is_plain, path_type=path_type
                    )
                    for raw in messages[start : start + BREATH]
                )
                await asyncio.sleep(0)
        return await self._schemas.judge(read, origin.source)

    async def take_usual(self, wires: Sequence[UsualWire], origin: Origin) -> list[Outcome] | None:
        """The same, faster, for messages that are written as nearly everybody writes them.

        None, and nothing is kept, if one of them needs the careful way after all.
        """
        if await self._schemas.speak_of(wires, origin.source):
            return None
        rows = Rows(origin.received_at, [], [], [])
        try:
            async with self._reading:
                for start in range(0, len(wires), BREATH):
                    add_usual(rows, wires[start : start + BREATH], origin, self._limits)
                    await asyncio.sleep(0)
        except (Unusual, Unusable):
            return None
        try:
            fresh = await self._committer.keep(rows, [], size=sum(map(len, rows.columns)))
        except Unstorable:
            return None
        _count(origin.source, accepted=fresh.count(True), duplicates=fresh.count(False))
        return [
            Outcome(wire.message_id, "accepted" if new else "duplicate") for wire, new in zip(wires, fresh, strict=True)
        ]

    async def _one_by_one(
        self, messages: Sequence[bytes], read: Sequence[Record | Refusal], origin: Origin, path_type: str | None
    ) -> list[Outcome]:
        """Something got past the checks that the database will not have: find it, and keep the rest."""
        found: list[Record | Refusal] = []
        fresh: list[bool] = []
        for raw, item in zip(messages, read, strict=True):
            verdict = item
            if isinstance(item, Record):
                try:
                    fresh += await self._committer.keep(
                        make_rows([item], received_at=origin.received_at), [], size=len(raw), found=found_in([item])
                    )
                except Unstorable:
                    verdict = msgspec.structs.replace(
                        UNSTORABLE, message_id=item.message_id, user_id=item.user_id, anonymous_id=item.anonymous_id
                    )
            if isinstance(verdict, Refusal):
                await self._committer.keep(
                    make_rows([], received_at=origin.received_at),
                    [Rejected(new_id(), origin, raw, path_type, verdict)],
                    size=len(raw),
                )
            found.append(verdict)
        return _report(found, iter(fresh), origin)


def _report(read: Sequence[Record | Refusal], fresh: Any, origin: Origin) -> list[Outcome]:
    outcomes: list[Outcome] = []
    accepted = duplicates = 0
    for item in read:
        if isinstance(item, Refusal):
            rejected_total.labels(origin.source, item.reason).inc()
            outcomes.append(Outcome(item.message_id, "rejected", item.reason, item.detail))
        elif next(fresh):
            accepted += 1
            outcomes.append(Outcome(item.message_id, "accepted"))
        else:
            duplicates += 1
            outcomes.append(Outcome(item.message_id, "duplicate"))
    _count(origin.source, accepted=accepted, duplicates=duplicates)
    return outcomes


def _count(source: str, *, accepted: int, duplicates: int) -> None:
    if accepted:
        accepted_total.labels(source).inc(accepted)
    if duplicates:
        duplicates_total.labels(source).inc(duplicates)
