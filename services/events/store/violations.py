"""How often what was broken: one row for each event, source, path and rule."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import blake2b

import asyncpg
import msgspec

from services.events.domain.records import Origin, Record, Refusal, Violation
from shared.plumbing.db import Connection, Database
from shared.plumbing.lanes import by_lane, lane_of_text


class Found(msgspec.Struct, gc=False):
    """What one message breaks."""

    source: str
    message_id: str | None
    at: datetime
    violations: tuple[Violation, ...]


class _Count(msgspec.Struct, gc=False):
    """What a group of messages adds to one row."""

    lane: int
    key: bytes
    source: str
    violation: Violation
    count: int
    first_seen: datetime
    last_seen: datetime
    message_id: str | None


def found_in(records: Sequence[Record]) -> dict[int, Found]:
    """What each record breaks that breaks anything, by its number."""
    return {
        number: Found(record.source, record.message_id, record.received_at, record.violations)
        for number, record in enumerate(records)
        if record.violations
    }


def found_in_rejected(origin: Origin, refusal: Refusal) -> Found:
    """What a message breaks that was refused for it."""
    return Found(origin.source, refusal.message_id, origin.received_at, refusal.violations)


async def count_violations(tx: Connection, found: Iterable[Found]) -> None:
    """Add these. Rows are locked in the order of lanes and keys, so that two committers never wait for each other."""
    counts = sorted(_counted(found), key=lambda each: each.key)
    await tx.executemany(
        """INSERT INTO violations (lane, key, event, source, path, rule, message, count, first_seen, last_seen,
                                   example_message_id)
           SELECT $1, * FROM unnest($2::bytea[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[],
                                    $9::timestamptz[], $10::timestamptz[], $11::text[])
           ON CONFLICT (lane, key) DO UPDATE SET
             message = excluded.message, count = violations.count + excluded.count,
             first_seen = least(violations.first_seen, excluded.first_seen),
             last_seen = greatest(violations.last_seen, excluded.last_seen),
             example_message_id = coalesce(excluded.example_message_id, violations.example_message_id)""",
        [
            (lane, *map(list, zip(*map(_row, group), strict=True)))
            for lane, group in by_lane(counts, lambda each: each.lane)
        ],
    )


def _counted(found: Iterable[Found]) -> list[_Count]:
    counts: dict[tuple[str, str, str, str], _Count] = {}
    for item in found:
        for violation in item.violations:
            place = (violation.event, item.source, violation.path, violation.rule)
            there = counts.get(place)
            if there is None:
                key = blake2b("\x00".join(place).encode(), digest_size=16).digest()
                lane = lane_of_text(violation.event, item.source)
                counts[place] = _Count(lane, key, item.source, violation, 1, item.at, item.at, item.message_id)
            else:
                there.count += 1
                there.first_seen, there.last_seen = min(there.first_seen, item.at), max(there.last_seen, item.at)
    return list(counts.values())


def _row(each: _Count) -> tuple[object, ...]:
    what = each.violation
    return (
        each.key, what.event, each.source, what.path, what.rule, what.message, each.count, each.first_seen, each.last_seen,
        each.message_id,
    )  # fmt: skip


async def list_violations(
    db: Database,
    *,
    event: str | None,
    source: str | None,
    since: datetime | None,
    after: Sequence[str] | None,
    limit: int,
) -> list[asyncpg.Record]:
    """By event, source, path and rule. `since`: those that were seen at this instant or later."""
    return await db.fetch(
        """SELECT event, source, path, rule, message, count, first_seen, last_seen, example_message_id FROM violations
           WHERE ($1::text IS NULL OR event = $1) AND ($2::text IS NULL OR source = $2)
             AND ($3::timestamptz IS NULL OR last_seen >= $3)
             AND ($4::text IS NULL OR (event, source, path, rule) > ($4, $5, $6, $7))
           ORDER BY event, source, path, rule LIMIT $8""",
        event,
        source,
        since,
        *(after or (None, None, None, None)),
        limit,
    )


async def find_old_violations(db: Database, *, before: datetime, limit: int) -> list[asyncpg.Record]:
    """Some (lane, key) of those that were not seen since."""
    return await db.fetch("SELECT lane, key FROM violations WHERE last_seen < $1 LIMIT $2", before, limit)


async def delete_violations(tx: Connection, rows: Sequence[asyncpg.Record], *, before: datetime) -> None:
    """Forget these, unless one was seen again meanwhile."""
    await tx.executemany(
        "DELETE FROM violations WHERE lane = $1 AND key = ANY($2::bytea[]) AND last_seen < $3",
        [(lane, sorted(row["key"] for row in group), before) for lane, group in by_lane(rows, lambda row: row["lane"])],
    )


async def forget_examples(tx: Connection, message_ids: Sequence[str]) -> None:
    """These messages are gone, and an id that the caller chose may itself tell of a person."""
    if not message_ids:
        return
    rows = await tx.fetch("SELECT lane, key FROM violations WHERE example_message_id = ANY($1::text[])", message_ids)
    await tx.executemany(
        "UPDATE violations SET example_message_id = NULL WHERE lane = $1 AND key = ANY($2::bytea[])",
        [(lane, sorted(row["key"] for row in group)) for lane, group in by_lane(rows, lambda row: row["lane"])],
    )
