"""What is known of each profile, and where its conditions stand."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple
from uuid import UUID

from asyncpg import Record

from shared.plumbing import json
from shared.plumbing.db import Connection, Database, array_of
from shared.plumbing.lanes import LANES, by_lane, lane_of

FIRST = UUID(int=0)
PLAN_WAITS = """EXISTS (SELECT FROM plans WHERE plans.lane = profiles.lane AND plans.at = plan_at
                          AND plans.profile_id = profiles.profile_id)"""
"""Of a row of `profiles` with a `plan_at`. Only a statement that begins when the row is held can tell for good."""
_number = attrgetter("int")  # they compare by it, each time in a function of Python's own
_COLUMNS = """lane, profile_id, user_id, version, traits, life_events, created_at, states::text, {truths}, revision,
              coalesce(states_revision, revision) AS states_revision, {evaluated_at}, {next_due_at}, merged_into, erased, plan_at"""
COLUMNS = _COLUMNS.format(truths="truths", evaluated_at="evaluated_at", next_due_at="next_due_at")
"""The fields of a StoredProfile, in their order."""
PRESENT = _COLUMNS.format(
    truths=f"CASE WHEN plan_at IS NULL OR {PLAN_WAITS} THEN truths ELSE plan_truths END AS truths",
    evaluated_at=f"CASE WHEN plan_at IS NULL OR {PLAN_WAITS} THEN evaluated_at ELSE plan_at END AS evaluated_at",
    next_due_at=f"CASE WHEN plan_at IS NOT NULL AND {PLAN_WAITS} THEN plan_at ELSE next_due_at END AS next_due_at",
)
"""The same, also where a plan was carried out that is not settled yet. For those who look only."""


class StoredProfile(NamedTuple):
    """`truths`: ids of the versions that are true, complete up to `revision`; `states`, JSON, are up to `states_revision`.

    `merged_into` and `erased` mark tombstones. `plan_at`: there is a plan, or was one that is not settled yet.
    """

    lane: int
    id: UUID
    user_id: str | None
    version: int
    traits: dict[str, Any]
    life_events: list[dict[str, Any]]
    created_at: datetime
    states: str
    truths: Collection[int]
    revision: int
    states_revision: int
    evaluated_at: datetime
    next_due_at: datetime | None
    merged_into: UUID | None
    erased: bool
    plan_at: datetime | None = None


def _stored(row: Record) -> StoredProfile:
    return StoredProfile._make(row)  # by position: looking each of them up by its name takes several times as long


def lanes_of(ids: Iterable[UUID]) -> list[tuple[int, list[UUID]]]:
    """The ids by lane, in the order in which their rows are locked."""
    return by_lane(sorted(set(ids), key=_number), lane_of)


def ids_by_lane(rows: Iterable[Record]) -> list[tuple[int, list[UUID]]]:
    """The `profile_id`s of rows by their `lane`."""
    return [(lane, [row["profile_id"] for row in group]) for lane, group in by_lane(rows, itemgetter("lane"))]


async def find_profiles(tx: Connection, ids: Iterable[UUID]) -> list[StoredProfile]:
    """Those that exist."""
    rows = await tx.fetchmany(
        f"SELECT {PRESENT} FROM profiles WHERE lane = $1 AND profile_id = ANY($2::uuid[])", lanes_of(ids)
    )
    return [_stored(row) for row in rows]


async def lock_profiles(tx: Connection, ids: Iterable[UUID]) -> dict[UUID, StoredProfile]:
    """Those that exist, held to commit; taken in the order of lane and id, so that two workers do not deadlock."""
    rows = await tx.fetchmany(
        f"""SELECT {COLUMNS} FROM profiles WHERE lane = $1 AND profile_id = ANY($2::text::uuid[])
            ORDER BY profile_id FOR UPDATE""",
        [(lane, array_of(group)) for lane, group in lanes_of(ids)],
    )
    return {one.id: one for one in await _settled(tx, rows)}


async def lock_due(tx: Connection, due: Sequence[tuple[int, Sequence[UUID]]], now: datetime) -> list[StoredProfile]:
    """Of these, the ones that are still due and that nobody else is working on."""
    rows = await tx.fetchmany(
        f"""SELECT {COLUMNS} FROM profiles
            WHERE lane = $1 AND profile_id = ANY($2::uuid[]) AND coalesce(plan_at, next_due_at) <= $3
            ORDER BY profile_id FOR UPDATE SKIP LOCKED""",
        [(lane, list(ids), now) for lane, ids in due],
    )
    return await _settled(tx, rows)


async def _settled(tx: Connection, rows: Iterable[Record]) -> list[StoredProfile]:
    """Of rows that are held: what they are without their plans."""
    found = [_stored(row) for row in rows]
    planned = [stored.id for stored in found if stored.plan_at is not None]
    if not planned:
        return found
    return [stored for stored in found if stored.plan_at is None] + await settle_plans(tx, lanes_of(planned))


async def settle_plans(tx: Connection, held: Sequence[tuple[int, Sequence[UUID]]]) -> list[StoredProfile]:
    """Forget the plans of these profiles, which are held, by lane; what was carried out becomes so. Returns those that had one.

    Not in one statement with what gets hold of them: it would not see what was done while that waited. Waits for whoever is
    carrying out any of them.
    """
    rows = await tx.fetchmany(_SETTLE, [(lane, list(ids)) for lane, ids in held])
    return [_stored(row) for row in rows]


_SETTLE = f"""
WITH planned AS MATERIALIZED (
    SELECT profile_id AS id, plan_at AS at FROM profiles
    WHERE lane = $1 AND profile_id = ANY($2::uuid[]) AND plan_at IS NOT NULL
), forgotten AS (
    DELETE FROM plans USING planned WHERE plans.lane = $1 AND plans.at = planned.at AND plans.profile_id = planned.id
    RETURNING plans.profile_id AS id
), settled AS (
    SELECT planned.id, forgotten.id IS NOT NULL AS waited FROM planned LEFT JOIN forgotten USING (id)
)
UPDATE profiles SET plan_at = NULL, plan_truths = NULL,
    truths = CASE WHEN waited THEN truths ELSE plan_truths END,
    evaluated_at = CASE WHEN waited THEN evaluated_at ELSE plan_at END,
    next_due_at = CASE WHEN waited THEN plan_at ELSE next_due_at END
FROM settled WHERE profiles.lane = $1 AND profiles.profile_id = settled.id RETURNING {COLUMNS}"""


async def find_due(tx: Connection, lanes: Sequence[int], now: datetime, *, limit: int) -> list[tuple[int, list[UUID]]]:
    """Profiles of these lanes that time has caught up with, by lane, the longest due first; also those whose plans wait."""
    rows = await tx.fetch(
        """SELECT due.lane, due.profile_id FROM unnest($1::smallint[]) AS leased (lane),
           LATERAL ((SELECT lane, profile_id FROM profiles
                     WHERE profiles.lane = leased.lane AND next_due_at <= $2 ORDER BY next_due_at LIMIT $3)
                    UNION
                    (SELECT lane, profile_id FROM plans
                     WHERE plans.lane = leased.lane AND at <= $2 ORDER BY at LIMIT $3)) AS due""",
        list(lanes),
        now,
        max(1, limit // max(1, len(lanes))),
    )
    return ids_by_lane(rows)


_DUE = """unnest($1::smallint[]) AS leased (lane),
           LATERAL (SELECT least((SELECT min(next_due_at) FROM profiles WHERE profiles.lane = leased.lane),
                                 (SELECT min(at) FROM plans WHERE plans.lane = leased.lane)) AS at) AS due"""


async def due_lanes(db: Database, lanes: Sequence[int], now: datetime) -> list[int]:
    """Those of these lanes in which any profile is due, the longest due first."""
    rows = await db.fetch(f"SELECT lane FROM {_DUE} WHERE due.at <= $2 ORDER BY due.at", list(lanes), now)
    return [row["lane"] for row in rows]


async def earliest_due(db: Database, lanes: Sequence[int]) -> datetime | None:
    """When the next profile of these lanes is due."""
    earliest: datetime | None = await db.fetchval(f"SELECT min(due.at) FROM {_DUE}", list(lanes))
    return earliest


async def count_profiles(tx: Connection) -> int:
    """Roughly how many there are, tombstones included: by some lanes, for all hold about as many."""
    counted = range(0, LANES, 16)
    count: int = await tx.fetchval("SELECT count(*) FROM profiles WHERE lane = ANY($1::smallint[])", list(counted))
    return count * LANES // len(counted)


async def find_profile(tx: Connection, profile_id: UUID) -> StoredProfile | None:
    """The living profile behind an id: of one that was merged away, the survivor."""
    wanted: UUID | None = profile_id
    while wanted is not None:
        row = await tx.fetchrow(
            f"SELECT {PRESENT} FROM profiles WHERE lane = $1 AND profile_id = $2", lane_of(wanted), wanted
        )
        if row is None or row["erased"]:
            return None
        if row["merged_into"] is None:
            return _stored(row)
        wanted = row["merged_into"]
    return None


async def find_current(tx: Connection, ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """The living profile behind each of these ids; one that is missing was erased, or never was."""
    wanted = {one: one for one in ids}
    current: dict[UUID, UUID] = {}
    while wanted:
        found = {one.id: one for one in await find_profiles(tx, wanted.values())}
        living = {first: found[now] for first, now in wanted.items() if now in found and not found[now].erased}
        current |= {first: one.id for first, one in living.items() if one.merged_into is None}
        wanted = {first: one.merged_into for first, one in living.items() if one.merged_into is not None}
    return current


async def insert_profiles(tx: Connection, profiles: Iterable[StoredProfile]) -> int:
    """How many were new; fewer than given when another transaction made one of them first."""
    rows = await tx.fetchmany(
        """INSERT INTO profiles (lane, profile_id, user_id, version, traits, life_events, created_at, states, truths,
                                 revision, states_revision, evaluated_at, next_due_at, merged_into, erased)
           SELECT $1, profile_id, user_id, version, traits, life_events::jsonb, created_at, states::json, truths::bigint[],
                  revision, states_revision, evaluated_at, next_due_at, merged_into, erased
           FROM unnest($2::text::uuid[], $3::text::bigint[], $4::text::bigint[], $5::text[], $6::text[], $7::text::timestamptz[],
                       $8::text::timestamptz[], $9::text[], $10::bigint[], $11::jsonb[], $12::text[], $13::timestamptz[],
                       $14::uuid[], $15::bool[])
                AS new (profile_id, revision, states_revision, truths, states, evaluated_at, next_due_at,
                        user_id, version, traits, life_events, created_at, merged_into, erased)
           ON CONFLICT DO NOTHING RETURNING 1""",
        [(lane, *_evaluated(group), *_known(group)) for lane, group in by_lane(profiles, lambda p: p.lane)],
    )
    return len(list(rows))


async def update_profiles(tx: Connection, profiles: Iterable[StoredProfile]) -> None:
    """Everything of them."""
    await tx.executemany(
        """UPDATE profiles SET revision = new.revision, states_revision = new.states_revision,
                  truths = new.truths::bigint[], states = new.states::json,
                  evaluated_at = new.evaluated_at, next_due_at = new.next_due_at, user_id = new.user_id,
                  version = new.version, traits = new.traits, life_events = new.life_events::jsonb,
                  created_at = new.created_at, merged_into = new.merged_into, erased = new.erased
           FROM unnest($2::text::uuid[], $3::text::bigint[], $4::text::bigint[], $5::text[], $6::text[], $7::text::timestamptz[],
                       $8::text::timestamptz[], $9::text[], $10::bigint[], $11::jsonb[], $12::text[], $13::timestamptz[],
                       $14::uuid[], $15::bool[])
                AS new (profile_id, revision, states_revision, truths, states, evaluated_at, next_due_at,
                        user_id, version, traits, life_events, created_at, merged_into, erased)
           WHERE profiles.lane = $1 AND profiles.profile_id = new.profile_id""",
        [(lane, *_evaluated(group), *_known(group)) for lane, group in by_lane(profiles, lambda p: p.lane)],
    )


async def update_states(tx: Connection, profiles: Iterable[StoredProfile]) -> None:
    """Where their conditions stand; what is known of them stays."""
    await tx.executemany(
        """UPDATE profiles SET revision = new.revision, states_revision = new.states_revision,
                  truths = new.truths::bigint[], states = new.states::json,
                  evaluated_at = new.evaluated_at, next_due_at = new.next_due_at
           FROM unnest($2::text::uuid[], $3::text::bigint[], $4::text::bigint[], $5::text[], $6::text[], $7::text::timestamptz[],
                       $8::text::timestamptz[])
                AS new (profile_id, revision, states_revision, truths, states, evaluated_at, next_due_at)
           WHERE profiles.lane = $1 AND profiles.profile_id = new.profile_id""",
        [(lane, *_evaluated(group)) for lane, group in by_lane(profiles, lambda p: p.lane)],
    )


def _evaluated(group: Sequence[StoredProfile]) -> tuple[str | list[str], ...]:
    return (
        array_of([p.id for p in group]),
        array_of([p.revision for p in group]),
        array_of([None if p.states_revision == p.revision else p.states_revision for p in group]),
        [array_of(sorted(p.truths)) for p in group],  # unnest would flatten an array of arrays
        [p.states for p in group],
        array_of([p.evaluated_at for p in group]),
        array_of([p.next_due_at for p in group]),
    )


def _known(group: Sequence[StoredProfile]) -> tuple[list[Any], ...]:
    return (
        [p.user_id for p in group],
        [p.version for p in group],
        [p.traits for p in group],
        [json.dumps_text(p.life_events) for p in group],  # lists in a list would be a second dimension
        [p.created_at for p in group],
        [p.merged_into for p in group],
        [p.erased for p in group],
    )
