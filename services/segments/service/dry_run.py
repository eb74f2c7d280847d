"""Who would enter and who would leave by an edit, before anything changes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.segments.domain.sql.query import compile_query
from services.segments.service.catalogue import get_segment, newest_versions, rebuilt
from services.segments.service.questions import SAMPLE
from services.segments.store import memberships
from services.segments.store.preview import Comparison, Preview, compare_members
from shared.plumbing.db import Database


@dataclass(frozen=True, slots=True)
class DryRun:
    """What an edit comes to: of the segment itself, and by key of those that would be rebuilt with it."""

    itself: Comparison
    also: dict[str, Comparison]


async def dry_run(
    db: Database, *, key: str, condition: dict[str, Any] | None, as_of: datetime, default_zone: str
) -> DryRun:
    """The edit's members at `as_of` against the present ones. Nothing is written. Raises NotFound, and Invalid for a bad condition.

    Without a condition it is a new name, by which nobody comes or goes.
    """
    async with db.snapshot() as tx:
        segment = await get_segment(tx, key)
        if condition is None:
            size = (await memberships.sizes(tx, [segment.id])).get(segment.id, 0)
            return DryRun(Comparison(Preview(0, []), Preview(0, []), size), {})
        compared: dict[str, Comparison] = {}
        for made, _, definition in rebuilt(segment, condition, await newest_versions(tx)):
            query = compile_query(definition, as_of, default_zone)
            compared[made.key] = await compare_members(tx, query, made.id, sample=SAMPLE)
    return DryRun(compared.pop(key), compared)
