"""Uploads to static lists: one at a time for each, and who is on them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from shared.plumbing.db import Connection
from shared.plumbing.lanes import lane_of


async def begin_upload(tx: Connection, segment_id: UUID, upload_id: UUID, *, now: datetime, until: datetime) -> bool:
    """False while another upload to this list is going on. One that is not heard of again is over at its `until`."""
    begun = await tx.fetchval(
        """INSERT INTO list_uploads (segment_id, upload_id, expires_at) VALUES ($1, $2, $4)
           ON CONFLICT (segment_id) DO UPDATE SET upload_id = excluded.upload_id, expires_at = excluded.expires_at
           WHERE list_uploads.expires_at <= $3 RETURNING true""",
        segment_id,
        upload_id,
        now,
        until,
    )
    return bool(begun)


async def hold_upload(tx: Connection, segment_id: UUID, upload_id: UUID, *, until: datetime) -> bool:
    """Hold it to commit, and be heard of. False when it was taken for dead."""
    held = await tx.fetchval(
        "UPDATE list_uploads SET expires_at = $3 WHERE segment_id = $1 AND upload_id = $2 RETURNING true",
        segment_id,
        upload_id,
        until,
    )
    return bool(held)


async def end_upload(tx: Connection, segment_id: UUID, upload_id: UUID) -> None:
    await tx.execute("DELETE FROM list_uploads WHERE segment_id = $1 AND upload_id = $2", segment_id, upload_id)


async def listed(tx: Connection, segment_id: UUID, lanes: Sequence[int]) -> list[UUID]:
    """Who is on a list: its members."""
    rows = await tx.fetch(
        "SELECT profile_id FROM memberships WHERE lane = ANY($2::smallint[]) AND segment_id = $1",
        segment_id,
        list(lanes),
    )
    return [row["profile_id"] for row in rows]


async def led_to(tx: Connection, ids: Collection[UUID]) -> set[UUID]:
    """The survivors of those of these that were merged away."""
    found: set[UUID] = set()
    asked = set(ids)
    while asked:
        rows = await tx.fetch(
            """SELECT merged_into FROM profiles
               WHERE lane = ANY($1::smallint[]) AND profile_id = ANY($2::uuid[]) AND merged_into IS NOT NULL""",
            sorted(set(map(lane_of, asked))),
            list(asked),
        )
        asked = {row["merged_into"] for row in rows} - found
        found |= asked
    return found


async def unlist(tx: Connection, segment_id: UUID, lane: int) -> None:
    """Take a deleted segment's members in a lane off the list that it was, if it was one, and forget its uploads."""
    await tx.execute("DELETE FROM list_uploads WHERE segment_id = $1", segment_id)
    await tx.execute(
        """UPDATE profiles SET traits = traits #- ARRAY['$lists', $2::text]
           WHERE lane = $1 AND traits -> '$lists' ? $2::text AND profile_id IN (
             SELECT profile_id FROM memberships WHERE lane = $1 AND segment_id = $3)""",
        lane,
        str(segment_id),
        segment_id,
    )
