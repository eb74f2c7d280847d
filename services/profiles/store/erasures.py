"""Erasing people from this database, and the receipts of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.profiles.domain.contacts import CONTACTS, contacts_of
from services.profiles.domain.erasure import Receipt
from services.profiles.domain.fold import Erasing
from services.profiles.domain.names import ANONYMOUS, USER
from services.profiles.store.devices import forget_devices
from shared.plumbing import json
from shared.plumbing.db import Connection, Database
from shared.plumbing.feed import Entry
from shared.plumbing.lanes import by_lane, lane_of
from shared.schemas.resolved import EventDropped, EventResolved, Identifier, LogPosition, ProfileErased, parse_resolved

_TABLES = ("profile_identifiers", "life_events", "consents", "preferences")


async def forget(tx: Connection, erasing: Erasing, *, phone_region: str, now: datetime) -> list[Entry]:
    """Delete all rows of a person, and return what the others are told: one message in every lane that has rows of them."""
    lanes = by_lane(sorted(erasing.profile_ids), lane_of)
    tokens = await forget_devices(tx, erasing.profile_ids)
    for table in _TABLES:
        await tx.executemany(f"DELETE FROM {table} WHERE lane = $1 AND profile_id = ANY($2::uuid[])", lanes)
    await tx.executemany("DELETE FROM merges WHERE lane = $1 AND survivor_id = ANY($2::uuid[])", lanes)
    for lane, ids in lanes:
        await _empty_feed(tx, lane, ids, now)
    dropped = await _forget_parked(tx, erasing, now)
    addresses = _addresses(erasing.traits, phone_region)
    addresses += [Identifier(namespace="device", value=token) for token in tokens]
    erased = [_erased(erasing, ids[0], addresses) for _, ids in lanes]
    all_told: list[EventDropped | ProfileErased] = [*dropped, *erased]
    return [Entry(lane_of(told.profile_id), told.profile_id, json.dumps_text(told)) for told in all_told]


def _erased(erasing: Erasing, profile_id: UUID, addresses: Sequence[Identifier]) -> ProfileErased:
    return ProfileErased(
        profile_id=profile_id,
        profile_ids=erasing.profile_ids,
        identifiers=tuple(Identifier(namespace=name.namespace, value=name.value) for name in erasing.names),
        addresses=tuple(addresses),
        receipt_id=erasing.receipt_id,
        at=erasing.at,
    )


def _addresses(traits: Mapping[str, Any], phone_region: str) -> list[Identifier]:
    """As they are looked up, and as they were written where that differs."""
    written = {(key, value) for key in CONTACTS if isinstance(value := traits.get(key), str)}
    return [
        Identifier(namespace=key, value=value) for key, value in sorted(written | contacts_of(traits, phone_region))
    ]


async def _empty_feed(tx: Connection, lane: int, ids: Sequence[UUID], now: datetime) -> None:
    """Leave nothing of the person in the feed but where the raw log keeps their messages, for those who have yet to read it."""
    rows = await tx.fetch(
        "SELECT seq, message FROM feed WHERE lane = $1 AND profile_id = ANY($2::uuid[])", lane, list(ids)
    )
    kept: list[tuple[int, str]] = []
    for row in rows:
        told = parse_resolved(row["message"])
        if isinstance(told, EventResolved | EventDropped):
            drop = EventDropped(profile_id=told.profile_id, log=told.log, at=now)
            kept.append((row["seq"], json.dumps_text(drop)))
    await tx.execute(
        """UPDATE feed SET message = kept.message FROM unnest($2::bigint[], $3::text[]) AS kept (seq, message)
           WHERE feed.lane = $1 AND feed.seq = kept.seq""",
        lane,
        [seq for seq, _ in kept],
        [message for _, message in kept],
    )
    gone = {row["seq"] for row in rows} - {seq for seq, _ in kept}
    await tx.execute("DELETE FROM feed WHERE lane = $1 AND seq = ANY($2::bigint[])", lane, sorted(gone))


async def _forget_parked(tx: Connection, erasing: Erasing, now: datetime) -> list[EventDropped]:
    """Messages of the person that were put aside are forgotten too; the raw log learns where they are. By their names only
    where they don't say whose they are."""
    users = [name.value for name in erasing.names if name.namespace == USER]
    devices = [name.value for name in erasing.names if name.namespace == ANONYMOUS]
    rows = await tx.fetch(
        """DELETE FROM parked WHERE feed IN ('raw', 'replay') AND coalesce(message->>'owner' = ANY($1::uuid[]::text[]),
             profile_id = ANY($1::uuid[]) OR message->>'user_id' = ANY($2::text[]) OR message->>'anonymous_id' = ANY($3::text[])
             OR message->>'previous_id' = ANY($2::text[] || $3::text[]))
           RETURNING lane, seq, message->>'received_at' AS received_at""",
        list(erasing.profile_ids),
        users,
        devices,
    )
    return [
        EventDropped(
            profile_id=erasing.profile_id,
            log=LogPosition(lane=row["lane"], seq=row["seq"], received_at=datetime.fromisoformat(row["received_at"])),
            at=now,
        )
        for row in rows
    ]


# --- receipts


async def write_receipt(tx: Connection, erasing: Erasing, rows: Mapping[int, int], now: datetime) -> None:
    """A receipt, not complete yet. `rows`: where the others are told, by lane."""
    await tx.execute(
        """INSERT INTO erasures (id, profile_id, status, requested_at, rows, services)
           VALUES ($1, $2, 'pending', $3, $4, '{}')""",
        erasing.receipt_id,
        erasing.profile_id,
        now,
        {str(lane): seq for lane, seq in rows.items()},
    )


def _lanes(value: Any) -> dict[int, int] | None:
    return None if value is None else {int(lane): seq for lane, seq in value.items()}


def _receipt(row: asyncpg.Record) -> Receipt:
    return Receipt(
        id=row["id"],
        profile_id=row["profile_id"],
        status=row["status"],
        requested_at=row["requested_at"],
        completed_at=row["completed_at"],
        rows=_lanes(row["rows"]) or {},
        raw_heads=_lanes(row["raw_heads"]),
        heads=_lanes(row["heads"]),
        services=row["services"],
    )


async def find_receipt(db: "Database | Connection", receipt_id: UUID, *, lock: bool = False) -> Receipt | None:
    """A receipt by its id."""
    row = await db.fetchrow(f"SELECT * FROM erasures WHERE id = $1 {'FOR UPDATE' if lock else ''}", receipt_id)
    return None if row is None else _receipt(row)


async def find_receipt_of(db: "Database | Connection", profile_id: UUID) -> Receipt | None:
    """The first receipt of a profile."""
    row = await db.fetchrow("SELECT * FROM erasures WHERE profile_id = $1 ORDER BY id LIMIT 1", profile_id)
    return None if row is None else _receipt(row)


async def list_receipts(db: Database, *, before: UUID | None, limit: int) -> list[Receipt]:
    """Receipts, the newest first."""
    rows = await db.fetch(
        "SELECT * FROM erasures WHERE $1::uuid IS NULL OR id < $1 ORDER BY id DESC LIMIT $2", before, limit
    )
    return [_receipt(row) for row in rows]


async def list_pending(db: Database) -> list[Receipt]:
    """Receipts that are not complete, the oldest first, some at a time."""
    rows = await db.fetch("SELECT * FROM erasures WHERE status = 'pending' ORDER BY id LIMIT 200")
    return [_receipt(row) for row in rows]


async def note_raw_heads(db: Database, receipt_ids: Sequence[UUID], heads: Mapping[int, int]) -> None:
    """How far the raw log was when these were asked for, or a little later."""
    await db.execute(
        "UPDATE erasures SET raw_heads = $2 WHERE id = ANY($1::uuid[]) AND raw_heads IS NULL",
        list(receipt_ids),
        {str(lane): seq for lane, seq in heads.items()},
    )


async def note_heads(db: Database, work: str) -> None:
    """For receipts whose part of the raw log has been resolved: how far the own feed is by now."""
    await db.execute(
        """UPDATE erasures SET heads = (SELECT jsonb_object_agg(lane, seq) FROM lane_heads)
           WHERE status = 'pending' AND heads IS NULL AND raw_heads IS NOT NULL AND NOT EXISTS (
             SELECT FROM work_lanes WHERE work = $1 AND cursor < coalesce((raw_heads->>lane::text)::bigint, 0))""",
        work,
    )


async def read_passed(db: "Database | Connection", consumers: Sequence[str]) -> dict[str, dict[int, int]]:
    """How far each consumer of the feed is, by lane."""
    rows = await db.fetch(
        "SELECT consumer, lane, seq FROM feed_readers WHERE consumer = ANY($1::text[])", list(consumers)
    )
    passed: dict[str, dict[int, int]] = {}
    for row in rows:
        passed.setdefault(row["consumer"], {})[row["lane"]] = row["seq"]
    return passed


async def write_state(
    tx: Connection, receipt: Receipt, services: Mapping[str, str | None], *, done: bool, now: datetime
) -> None:
    """How far an erasure is; once it is done, what told the others of it is forgotten too."""
    await tx.execute(
        "UPDATE erasures SET services = $2, status = $3, completed_at = $4 WHERE id = $1",
        receipt.id,
        dict(services),
        "completed" if done else "pending",
        now if done else None,
    )
    if done:
        rows = sorted(receipt.rows.items())
        await tx.executemany("DELETE FROM feed WHERE lane = $1 AND seq = $2", rows)
