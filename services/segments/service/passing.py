"""What time alone changes: profiles whose next boundary has passed are brought to now.

Deadlines gather, at local midnight most of all. So what an instant will change of a profile is worked out some minutes before,
at leisure, and kept as a plan; when the instant has come, plans are carried out many at a time. Who has none, for it became due
only just now or something happened to it meanwhile, is brought there by the engine.
"""

from collections.abc import Sequence
from datetime import datetime

from services.segments.domain.facts import instant
from services.segments.domain.timeline import advance
from services.segments.service.batch import begin, taking_turns
from services.segments.service.rules import RuleBook, Rules, VersionFails
from services.segments.service.subject import Subject, catch_up, known_truths
from services.segments.store import plans, profiles
from services.segments.store.catalogue import confirm_revision
from services.segments.store.plans import Plan, Served
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
    locked = await batch.hold(await profiles.lock_due(tx, due, now))
    past = await batch.histories(locked)
    try:
        async for subject in taking_turns(locked):
            catch_up(subject, batch.rules, now, past.get(subject.id, []))
        await batch.write()
    except VersionFails as failure:
        await book.set_aside(failure)
    return len(locked)


async def carry_out_plans(
    tx: Connection, book: RuleBook, leases: Leases, lane: int, *, now: datetime, limit: int
) -> int:
    """Let some of the plans of a lane that have come due become so. Returns how many."""
    rules = await book.current(tx)
    await leases.check(tx, [lane])
    served = [Served(v.id, v.segment_id, v.number) for v in rules.versions.values() if v.serves]
    # before it takes the lane's counter: who changes the catalogue takes them in this order, too
    await confirm_revision(tx, rules.revision)
    return await plans.carry_out(tx, lane, now, revision=rules.revision, served=served, limit=limit)


async def plan_ahead(
    tx: Connection,
    book: RuleBook,
    leases: Leases,
    lanes: Sequence[int],
    *,
    now: datetime,
    until: datetime,
    limit: int,
) -> int:
    """Work out for some of the profiles that are due by `until` what will change then. Returns how many were looked at."""
    batch = await begin(tx, book, now)
    rules = batch.rules
    due = await plans.find_unplanned(tx, lanes, after=now, until=until, limit=limit)
    if not due:
        due = await plans.find_outdated(tx, lanes, after=now, until=until, revision=rules.revision, limit=limit)
    if not due:
        return 0
    await leases.check(tx, [lane for lane, _ in due])
    locked = await batch.hold(await profiles.lock_due(tx, due, until))
    past = await batch.histories(locked)
    made: list[Plan] = []
    try:
        async for subject in taking_turns(locked):
            catch_up(subject, rules, now, past.get(subject.id, []))
        await batch.write()
        made = [plan async for subject in taking_turns(locked) if (plan := _plan(subject, rules, until)) is not None]
    except VersionFails as failure:
        await book.set_aside(failure)
    await plans.write_plans(tx, made)
    return len(locked)


def _plan(subject: Subject, rules: Rules, until: datetime) -> Plan | None:
    """None if it is not due by then. Takes the subject's standing along; it has been written as it was before."""
    at = subject.next_due_at
    if at is None or at > until:
        return None
    standing, facts, known = subject.standing, subject.facts(rules), known_truths(subject, rules)
    passed = rules.attempt(lambda ruleset: advance(ruleset, standing, facts, known, at))
    before, truths = subject.truths, set(subject.truths)
    for flip in passed.flips:
        (truths.add if flip.truth else truths.discard)(flip.version_id)
    due_at = None if standing.next_at is None else instant(standing.next_at)
    entered, left = truths - before, before - truths
    return Plan(subject.lane, subject.id, subject.user_id, at, rules.revision, truths, entered, left, due_at)
