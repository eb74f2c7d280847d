"""Profiles going over to edited versions, which have taken over in the catalogue by then.

Who differs goes over in small transactions, lane by lane behind live traffic, by the worker that holds the lane's lease, with the
progress in the same transaction. Whoever works on a profile before its turn lets it go over first (`catch_up`): from the take-over
on, nobody changes a truth or a member of a profile that has not. So that a profile has gone over shows by itself: it is a
member just where the version is true of it.
"""

from collections.abc import Sequence
from datetime import datetime

from services.segments.service.rules import RuleBook
from services.segments.store import catalogue
from services.segments.store import settling as store
from shared.plumbing.db import Connection
from shared.plumbing.lanes import LANES
from shared.plumbing.leases import Leases


async def settle_some(
    tx: Connection, book: RuleBook, leases: Leases, lanes: Sequence[int], *, now: datetime, at_once: int
) -> bool:
    """Let some profiles of these lanes go over to the versions of the oldest edit that has taken over. False: all have.

    `at_once`: profiles that one transaction looks at, about.
    """
    unsettled = await store.open_settlings(tx, lanes)
    if not unsettled:
        return False
    some = unsettled[: max(1, LANES * at_once // max(1, unsettled[0].total))]
    await leases.check(tx, [one.lane for one in some])
    rules = await book.current(tx)
    versions = [version for version in rules.settling if version.build_id == some[0].build_id]
    if not versions:  # each was deleted, fails, or was edited once more
        await store.note_progress(tx, unsettled, {one.lane: store.LAST for one in unsettled})
        return True
    ends = await store.ends_of(tx, some, limit=max(1, at_once // len(some)))
    differing = await store.lock_differing(tx, some, ends, versions)
    # before the lanes' counters, as everywhere: who changes the catalogue waits for them with nothing in hand
    await catalogue.confirm_revision(tx, rules.revision)
    await store.go_over(tx, differing, versions, now=now)
    await store.note_progress(tx, some, ends)
    return True


async def finish_settling(tx: Connection) -> bool:
    """Versions to which all have gone over are live, and what they replace is gone. False where there is none."""
    settled = await catalogue.settled_versions(tx)
    if settled:
        await catalogue.change_catalogue(tx)
        await catalogue.mark_settled(tx, settled)
    return bool(settled)
