"""The profiles' own rows."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.profiles.domain.profile import Profile
from services.profiles.domain.traits import Traits
from shared.plumbing import json
from shared.plumbing.db import Connection, Database, array_of
from shared.plumbing.lanes import by_lane, lane_of
from shared.schemas.resolved import LifeEvent

_COLUMNS = "id, version, user_id, traits, provenance, created_at, updated_at, merged_into, absorbed, erased_at"


def _profile(row: asyncpg.Record) -> Profile:
    return Profile(
        id=row["id"],
        version=row["version"],
        user_id=row["user_id"],
        traits=Traits(row["traits"], row["provenance"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        merged_into=row["merged_into"],
        absorbed=tuple(row["absorbed"]),
        erased_at=row["erased_at"],
    )


async def lock_profiles(tx: Connection, profile_ids: Iterable[UUID]) -> list[Profile]:
    """Those of these profiles that were not merged away, held to commit; in lane order, so that workers don't wait in a circle.

    What was merged away is not locked: it belongs to whoever holds the survivor, who may have to point it elsewhere.
    """
    rows = await tx.fetchmany(
        f"""SELECT {_COLUMNS} FROM profiles
            WHERE lane = $1 AND id = ANY($2::uuid[]) AND merged_into IS NULL ORDER BY id FOR UPDATE""",
        list(by_lane(sorted(profile_ids), lane_of)),
    )
    return [_profile(row) for row in rows]


async def read_profiles(db: "Database | Connection", profile_ids: Iterable[UUID]) -> list[Profile]:
    """These profiles' own rows, as they are."""
    ids = list(profile_ids)
    lanes = sorted({lane_of(profile_id) for profile_id in ids})
    rows = await db.fetch(
        f"SELECT {_COLUMNS} FROM profiles WHERE lane = ANY($1::smallint[]) AND id = ANY($2::uuid[])", lanes, ids
    )
    return [_profile(row) for row in rows]


async def read_living_ids(tx: Connection, profile_ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """The living profiles by the ids asked for, also by ids that were merged away."""
    led = {profile_id: profile_id for profile_id in profile_ids}
    living: dict[UUID, UUID] = {}
    while led:
        rows = await tx.fetch(
            "SELECT id, merged_into, erased_at FROM profiles WHERE lane = ANY($1::smallint[]) AND id = ANY($2::uuid[])",
            sorted({lane_of(profile_id) for profile_id in led.values()}),
            list(set(led.values())),
        )
        found = {row["id"]: row for row in rows if row["erased_at"] is None}
        living |= {asked: at for asked, at in led.items() if at in found and found[at]["merged_into"] is None}
        led = {asked: found[at]["merged_into"] for asked, at in led.items() if at in found and asked not in living}
    return living


async def list_profiles(db: "Database | Connection", *, after: tuple[int, UUID] | None, limit: int) -> list[Profile]:
    """Living profiles, lane by lane."""
    rows = await db.fetch(
        f"""SELECT {_COLUMNS} FROM profiles
            WHERE merged_into IS NULL AND erased_at IS NULL AND ($1::smallint IS NULL OR (lane, id) > ($1, $2::uuid))
            ORDER BY lane, id LIMIT $3""",
        after and after[0],
        after and after[1],
        limit,
    )
    return [_profile(row) for row in rows]


async def insert_empty(tx: Connection, profile_ids: Iterable[UUID], *, at: datetime) -> None:
    """Rows of nobody known, where there are none. Waits for others who write the same.

    Their versions are higher than any that was told of them when they had rows: what is counted up with a change begins at
    the time in seconds.
    """
    await tx.executemany(
        """INSERT INTO profiles (lane, id, version, traits, provenance, created_at, updated_at, absorbed)
           SELECT $1, id, $4, '{}', '{}', $3, $3, '{}' FROM unnest($2::uuid[]) AS lost (id) ON CONFLICT DO NOTHING""",
        [(lane, ids, at, int(at.timestamp())) for lane, ids in by_lane(sorted(profile_ids), lane_of)],
    )


async def write_profiles(tx: Connection, profiles: Sequence[Profile]) -> None:
    """Insert or replace the profiles' own rows."""
    await tx.executemany(
        """INSERT INTO profiles (lane, id, version, user_id, traits, provenance, created_at, updated_at, absorbed)
           SELECT $1, id, version, user_id, traits::jsonb, provenance::jsonb, created_at, updated_at, '{}'
           FROM unnest($2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::timestamptz[])
             AS written (id, version, user_id, traits, provenance, created_at, updated_at)
           ON CONFLICT (lane, id) DO UPDATE SET version = excluded.version, user_id = excluded.user_id,
             traits = excluded.traits, provenance = excluded.provenance, created_at = excluded.created_at,
             updated_at = excluded.updated_at""",
        [
            (
                lane,
                [p.id for p in group],
                [p.version for p in group],
                [p.user_id for p in group],
                [json.dumps_text(p.traits.values) for p in group],
                [json.dumps_text(p.traits.provenance) for p in group],
                [p.created_at for p in group],
                [p.updated_at for p in group],
            )
            for lane, group in by_lane(profiles, lambda p: lane_of(p.id))
        ],
    )


async def write_fates(tx: Connection, profiles: Iterable[Profile]) -> None:
    """What became of profiles: merged, erased, and whom they absorbed. After `write_profiles`."""
    await tx.executemany(
        """UPDATE profiles SET merged_into = fate.merged_into, absorbed = fate.absorbed::uuid[], erased_at = fate.erased_at
           FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[]) AS fate (id, merged_into, absorbed, erased_at)
           WHERE profiles.lane = $1 AND profiles.id = fate.id""",
        [
            (
                lane,
                [p.id for p in group],
                [p.merged_into for p in group],
                [array_of(p.absorbed) for p in group],
                [p.erased_at for p in group],
            )
            for lane, group in by_lane(profiles, lambda p: lane_of(p.id))
        ],
    )


async def point_absorbed(tx: Connection, fates: Iterable[tuple[UUID, Profile]]) -> None:
    """Let what was merged away long ago point to the one that stays now, or be erased with it."""
    await tx.executemany(
        "UPDATE profiles SET merged_into = $3, erased_at = $4 WHERE lane = $1 AND id = $2",
        [
            (lane_of(gone), gone, into.id, into.erased_at)
            for gone, into in sorted(fates, key=lambda f: (lane_of(f[0]), f[0]))
        ],
    )


async def read_life_events(
    db: "Database | Connection", profile_ids: Iterable[UUID]
) -> dict[UUID, tuple[LifeEvent, ...]]:
    """What was told of these profiles' lives, in the order in which it was."""
    ids = list(profile_ids)
    rows = await db.fetch(
        """SELECT profile_id, id, kind, date, recurs, subject, note FROM life_events
           WHERE lane = ANY($1::smallint[]) AND profile_id = ANY($2::uuid[]) ORDER BY profile_id, created_at, id""",
        sorted({lane_of(profile_id) for profile_id in ids}),
        ids,
    )
    found: dict[UUID, tuple[LifeEvent, ...]] = {}
    for row in rows:
        values: dict[str, Any] = dict(row)
        profile_id = values.pop("profile_id")
        found[profile_id] = (*found.get(profile_id, ()), LifeEvent(**values))
    return found
