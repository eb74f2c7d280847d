"""What was put aside of a person."""

from collections.abc import Iterable
from uuid import UUID

from services.segments.store.profiles import lanes_of
from shared.plumbing.db import Connection


async def delete_parked(tx: Connection, profiles: Iterable[UUID]) -> None:
    """Forget the parked messages of these profiles."""
    await tx.executemany("DELETE FROM parked WHERE lane = $1 AND profile_id = ANY($2::uuid[])", lanes_of(profiles))
