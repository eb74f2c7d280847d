"""What hangs on a profile beside its traits: consents, preferences, life events, and the log of merges."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.profiles.domain.consent import standing
from services.profiles.domain.fold import Suppressed
from services.profiles.domain.people import Merged
from services.profiles.domain.preferences import unite_preferences
from services.profiles.domain.replay import Suppression
from shared.plumbing.db import Connection, Database
from shared.plumbing.ids import new_id
from shared.plumbing.lanes import lane_of
from shared.schemas.recipients import Consent
from shared.schemas.resolved import LifeEvent

Final = Callable[[UUID], UUID | None]
"""The profile that stands for an id now, or None if it was erased."""

_MOVES = (
    """INSERT INTO life_events (lane, profile_id, id, kind, date, recurs, subject, note, created_at)
       SELECT $3, $4, id, kind, date, recurs, subject, note, created_at FROM life_events WHERE lane = $1 AND profile_id = $2
       ON CONFLICT DO NOTHING""",
    """INSERT INTO consents (lane, profile_id, id, purpose, channel, status, source, policy_version, at, expires_at, recorded_at,
                             lifted_at)
       SELECT $3, $4, id, purpose, channel, status, source, policy_version, at, expires_at, recorded_at, lifted_at
       FROM consents WHERE lane = $1 AND profile_id = $2 ON CONFLICT DO NOTHING""",
)
_MOVED = ("life_events", "consents")


async def owners(tx: Connection, table: str, profile_ids: Iterable[UUID]) -> list[UUID]:
    """Those of these profiles that have rows in a table, in lane order. Most who are merged have none."""
    rows = await tx.fetch(
        f"""SELECT DISTINCT profile_id FROM {table}
            WHERE lane = ANY($1::smallint[]) AND profile_id = ANY($2::uuid[])""",
        *_where(profile_ids),
    )
    return sorted((row["profile_id"] for row in rows), key=lambda profile_id: (lane_of(profile_id), profile_id))


async def move_records(tx: Connection, merges: Sequence[Merged], final: Final) -> None:
    """Hand the losers' rows to those who stand for them now, and log the merges."""
    into = {merged.loser_id: stays for merged in merges if (stays := final(merged.loser_id)) is not None}
    for move, table in zip(_MOVES, _MOVED, strict=True):
        losers = await owners(tx, table, into)
        await tx.executemany(move, [(lane_of(id_), id_, lane_of(into[id_]), into[id_]) for id_ in losers])
        await tx.executemany(
            f"DELETE FROM {table} WHERE lane = $1 AND profile_id = $2", [(lane_of(id_), id_) for id_ in losers]
        )
    for loser in await owners(tx, "preferences", into):
        await _move_preferences(tx, loser, into[loser])
    await tx.executemany(
        """INSERT INTO merges (lane, survivor_id, id, loser_id, cause, source, message_id, at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)""",
        [
            (
                lane_of(m.survivor_id),
                m.survivor_id,
                new_id(),
                m.loser_id,
                m.cause.kind,
                m.cause.source,
                m.cause.message_id,
                m.at,
            )
            for m in merges
            if final(m.survivor_id) is not None
        ],
    )


async def _move_preferences(tx: Connection, loser: UUID, stays: UUID) -> None:
    content, updated_at = await find_preferences(tx, loser)
    held, held_at = await find_preferences(tx, stays)
    await tx.execute("DELETE FROM preferences WHERE lane = $1 AND profile_id = $2", lane_of(loser), loser)
    assert updated_at is not None
    if held_at is not None and held_at >= updated_at:
        await write_preferences(tx, stays, unite_preferences(content, held), held_at)
    else:
        await write_preferences(tx, stays, unite_preferences(held, content), updated_at)


async def write_suppressions(tx: Connection, told: Iterable[Suppressed], final: Final, now: datetime) -> None:
    """Refusals of everything a person was ever asked for; or the end of such refusals. In the order given."""
    for each in told:
        profile_id = final(each.profile_id)
        if profile_id is None:
            continue
        if each.lifted:
            await tx.execute(
                """UPDATE consents SET lifted_at = $3
                   WHERE lane = $1 AND profile_id = $2 AND source = 'suppress' AND lifted_at IS NULL AND at <= $3
                     AND ($4::timestamptz IS NULL OR recorded_at >= $4)""",
                lane_of(profile_id),
                profile_id,
                each.at,
                each.recorded_since,
            )
        else:
            await _suppress(tx, profile_id, each.at, now)


async def _suppress(tx: Connection, profile_id: UUID, at: datetime, now: datetime) -> None:
    lane = lane_of(profile_id)
    rows = await tx.fetch("SELECT DISTINCT purpose FROM consents WHERE lane = $1 AND profile_id = $2", lane, profile_id)
    purposes = sorted({"marketing", *(row["purpose"] for row in rows)})
    await tx.executemany(
        """INSERT INTO consents (lane, profile_id, id, purpose, channel, status, source, at, recorded_at)
           VALUES ($1, $2, $3, $4, 'any', 'denied', 'suppress', $5, $6)""",
        [(lane, profile_id, new_id(), purpose, at, now) for purpose in purposes],
    )


async def read_suppressions(tx: Connection, profile_ids: Iterable[UUID]) -> dict[UUID, list[Suppression]]:
    """The refusals of everything in the consents of each profile."""
    rows = await tx.fetch(
        """SELECT profile_id, at, recorded_at, lifted_at IS NOT NULL AS lifted FROM consents
           WHERE lane = ANY($1::smallint[]) AND profile_id = ANY($2::uuid[]) AND source = 'suppress'""",
        *_where(profile_ids),
    )
    found: dict[UUID, list[Suppression]] = {}
    for profile_id, *values in rows:
        found.setdefault(profile_id, []).append(Suppression(*values))
    return found


@dataclass(frozen=True, slots=True)
class ConsentRecord:
    """A word given. `lifted_at`: a suppression that no longer counts."""

    id: UUID
    purpose: str
    channel: str
    status: str
    source: str | None
    at: datetime
    recorded_at: datetime
    lifted_at: datetime | None = None
    policy_version: str | None = None
    expires_at: datetime | None = None


async def insert_consent(tx: Connection, profile_id: UUID, consent: ConsentRecord) -> bool:
    """Keep a word given, once by its id. Whether it is new."""
    kept = await tx.fetchval(
        """INSERT INTO consents (lane, profile_id, id, purpose, channel, status, source, at, recorded_at, policy_version, expires_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING RETURNING true""",
        lane_of(profile_id),
        profile_id,
        consent.id,
        consent.purpose,
        consent.channel,
        consent.status,
        consent.source,
        consent.at,
        consent.recorded_at,
        consent.policy_version,
        consent.expires_at,
    )
    return kept is True


async def write_preferences(tx: Connection, profile_id: UUID, content: dict[str, Any], now: datetime) -> None:
    """Replace somebody's preferences."""
    await tx.execute(
        """INSERT INTO preferences (lane, profile_id, content, updated_at) VALUES ($1, $2, $3, $4)
           ON CONFLICT (lane, profile_id) DO UPDATE SET content = excluded.content, updated_at = excluded.updated_at""",
        lane_of(profile_id),
        profile_id,
        content,
        now,
    )


async def find_preferences(tx: Connection, profile_id: UUID) -> tuple[dict[str, Any], datetime | None]:
    """Somebody's preferences, and when they were written last; empty and None where they never were."""
    row = await tx.fetchrow(
        "SELECT content, updated_at FROM preferences WHERE lane = $1 AND profile_id = $2",
        lane_of(profile_id),
        profile_id,
    )
    return (row["content"], row["updated_at"]) if row else ({}, None)


async def insert_life_event(tx: Connection, profile_id: UUID, event: LifeEvent, now: datetime) -> None:
    """Keep a date in somebody's life."""
    await tx.execute(
        """INSERT INTO life_events (lane, profile_id, id, kind, date, recurs, subject, note, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",
        lane_of(profile_id),
        profile_id,
        event.id,
        event.kind,
        event.date,
        event.recurs,
        event.subject,
        event.note,
        now,
    )


async def delete_life_event(tx: Connection, profile_id: UUID, event_id: UUID) -> None:
    """Forget a date."""
    await tx.execute(
        "DELETE FROM life_events WHERE lane = $1 AND profile_id = $2 AND id = $3",
        lane_of(profile_id),
        profile_id,
        event_id,
    )


# --- as they are read


@dataclass(frozen=True, slots=True)
class MergeRecord:
    """A merge that was logged."""

    id: UUID
    loser_id: UUID
    survivor_id: UUID
    cause: str
    source: str | None
    message_id: str | None
    at: datetime


async def list_merges(
    db: Database, survivor_ids: Iterable[UUID], *, after: UUID | None, limit: int
) -> list[MergeRecord]:
    """Merges into any of these profiles, in the order in which they happened."""
    rows = await db.fetch(
        """SELECT id, loser_id, survivor_id, cause, source, message_id, at FROM merges
           WHERE lane = ANY($1::smallint[]) AND survivor_id = ANY($2::uuid[]) AND ($3::uuid IS NULL OR id > $3)
           ORDER BY id LIMIT $4""",
        *_where(survivor_ids),
        after,
        limit,
    )
    return [MergeRecord(**dict(row)) for row in rows]


async def list_consents(db: Database, profile_id: UUID, *, after: UUID | None, limit: int) -> list[ConsentRecord]:
    """Every word given, in the order in which it was kept."""
    rows = await db.fetch(
        """SELECT id, purpose, channel, status, source, at, recorded_at, lifted_at, policy_version, expires_at FROM consents
           WHERE lane = $1 AND profile_id = $2 AND ($3::uuid IS NULL OR id > $3) ORDER BY id LIMIT $4""",
        lane_of(profile_id),
        profile_id,
        after,
        limit,
    )
    return [ConsentRecord(**dict(row)) for row in rows]


def _where(profile_ids: Iterable[UUID]) -> tuple[list[int], list[UUID]]:
    ids = list(profile_ids)
    return sorted({lane_of(profile_id) for profile_id in ids}), ids


async def read_standing_consents(tx: Connection, profile_ids: Iterable[UUID]) -> dict[UUID, tuple[Consent, ...]]:
    """The last word of each profile for each purpose and channel."""
    rows = await tx.fetch(
        """SELECT profile_id, purpose, channel, status, at, source, policy_version, expires_at FROM consents
           WHERE lane = ANY($1::smallint[]) AND profile_id = ANY($2::uuid[]) AND lifted_at IS NULL
           ORDER BY profile_id, at, id""",
        *_where(profile_ids),
    )
    return {profile_id: standing(consents) for profile_id, consents in _by_profile(rows).items()}


async def read_all_consents(tx: Connection, profile_ids: Iterable[UUID]) -> dict[UUID, tuple[Consent, ...]]:
    """Every word of each profile, with when it was recorded and lifted."""
    rows = await tx.fetch(
        """SELECT profile_id, purpose, channel, status, at, source, policy_version, expires_at, recorded_at, lifted_at
           FROM consents
           WHERE lane = ANY($1::smallint[]) AND profile_id = ANY($2::uuid[]) ORDER BY profile_id, at, id""",
        *_where(profile_ids),
    )
    return {profile_id: tuple(consents) for profile_id, consents in _by_profile(rows).items()}


def _by_profile(rows: Iterable[asyncpg.Record]) -> dict[UUID, list[Consent]]:
    found: dict[UUID, list[Consent]] = {}
    for row in rows:
        values = dict(row)
        found.setdefault(values.pop("profile_id"), []).append(Consent(**values))
    return found


async def read_preferences(tx: "Database | Connection", profile_ids: Iterable[UUID]) -> dict[UUID, dict[str, Any]]:
    """The preferences of each profile that has any."""
    rows = await tx.fetch(
        """SELECT profile_id, content FROM preferences
           WHERE lane = ANY($1::smallint[]) AND profile_id = ANY($2::uuid[])""",
        *_where(profile_ids),
    )
    return {row["profile_id"]: row["content"] for row in rows}
