"""What was recorded: how one profile came and went, and the versions of a segment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.segments.service.catalogue import get_segment
from services.segments.store import catalogue, past
from services.segments.store.catalogue import Version
from services.segments.store.past import ChangeOfProfile
from shared.plumbing.db import Connection
from shared.plumbing.errors import NotFound

NEWEST = 2**63 - 1
Place = tuple[int, int]
"""Which of the ids that lead to the profile, and the sequence number of the change shown last."""


@dataclass(frozen=True, slots=True)
class Listed:
    found: ChangeOfProfile
    place: Place


@dataclass(frozen=True, slots=True)
class Past:
    """A version and when it was replaced by a later one that took over."""

    version: Version
    replaced_at: datetime | None


async def changes_of_profile(
    tx: Connection, profile_id: UUID, *, key: str | None, after: Place | None, limit: int
) -> list[Listed]:
    """The last recorded first; of an id that was merged away, the survivor's and then its own. Raises NotFound for either."""
    segment = None if key is None else await get_segment(tx, key)
    ids = await past.ids_leading_to(tx, profile_id)
    if not ids:
        raise NotFound("There is no such profile here.")
    first, before = after or (0, NEWEST)
    listed: list[Listed] = []
    for position, each in list(enumerate(ids))[first:]:
        found = await past.changes_of(
            tx, each, None if segment is None else segment.id, before=before, limit=limit - len(listed)
        )
        listed += [Listed(one, (position, one.change.seq)) for one in found]
        before = NEWEST
        if len(listed) >= limit:
            break
    return listed


async def versions_of(tx: Connection, key: str) -> Sequence[Past]:
    """Every version there was, the newest first. Raises NotFound."""
    segment = await get_segment(tx, key)
    versions = await catalogue.versions(tx, ("building", "live", "replaced", "failing"), segment_id=segment.id)
    shown: list[Past] = []
    replaced_at: datetime | None = None
    for version in sorted(versions, key=lambda version: version.number, reverse=True):
        shown.append(Past(version, replaced_at))
        replaced_at = version.live_at or replaced_at
    return shown
