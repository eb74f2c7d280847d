"""What time alone changes: profiles whose next boundary has passed are brought to now."""

from collections.abc import Sequence
from datetime import datetime

from services.segments.service.batch import begin, taking_turns
from services.segments.service.rules import RuleBook, VersionFails
from services.segments.service.subject import Subject, catch_up
from services.segments.store import profiles
from shared.plumbing.db import Connection
from shared.plumbing.leases import Leases


async def let_time_pass(
    tx: Connection, book: RuleBook, leases: Leases, lanes: Sequence[int], *, now: datetime, limit: int
) -> int:
    """Advance some of the profiles that are due. Returns how many; none is left but what somebody else is working on."""
    due = await profiles.find_due(tx, lanes, now, limit=limit)
    if not due:
        return 0
    await leases.check(tx, [lane for lane, _ in due])
    batch = await begin(tx, book, now)
    locked = [Subject.of(stored) for stored in await profiles.lock_due(tx, due, now)]
    batch.subjects = {subject.id: subject for subject in locked}
    past = await batch.histories(locked)
    try:
        async for subject in taking_turns(locked):
            catch_up(subject, batch.rules, now, past.get(subject.id, []))
        await batch.write()
    except VersionFails as failure:
        await book.set_aside(failure)
    return len(locked)
