"""When a profile is no more: merged into another, or erased."""

from services.segments.domain.lists import lists_of, unite
from services.segments.service import subject as work
from services.segments.service.batch import Batch
from services.segments.store import changes, history, memberships
from services.segments.store.parked import delete_parked
from shared.schemas.resolved import ProfileErased, ProfilesMerged


async def merge(batch: Batch, message: ProfilesMerged) -> None:
    """The survivor gets the loser's events and is folded anew; the loser leaves its segments and leads to the survivor."""
    loser, survivor = batch.subjects[message.profile_id], batch.target(message.survivor_id)
    if loser.merged_into is not None or loser.erased or survivor is None or survivor is loser:
        return
    cause = {"kind": "merge", "profile_id": loser.id, "survivor_id": survivor.id}
    past = await batch.histories([loser, survivor])
    for subject in (loser, survivor):
        work.catch_up(subject, batch.rules, batch.now, past.get(subject.id, []))
    work.leave_all(loser, batch.rules, cause)
    await history.move_events(batch.tx, loser=loser.id, survivor=survivor.id)
    lists = unite(lists_of(survivor.traits), lists_of(loser.traits))
    work.bury(loser, merged_into=survivor.id)
    work.learn(survivor, batch.rules, message.profile)
    work.put_on_lists(survivor, batch.rules, lists)
    work.refold(survivor, batch.rules, await batch.history_of(survivor))
    work.judge(survivor, batch.rules, cause)


async def erase(batch: Batch, message: ProfileErased) -> None:
    """Forget the person under all their ids; all that stays is that these ids are gone, so that nothing brings them back."""
    ids = {message.profile_id, *message.profile_ids}
    await history.delete_events(batch.tx, ids)
    await changes.delete_changes(batch.tx, ids)
    await memberships.delete_memberships(batch.tx, ids)
    await delete_parked(batch.tx, ids)
    for profile_id in ids:
        subject = batch.subjects[profile_id]
        if subject.erased:
            continue
        subject.changes.clear()
        subject.user_id = None
        subject.evaluated_at = max(subject.evaluated_at, batch.now)
        work.leave_all(subject, batch.rules, {"kind": "profile", "erased": True})
        work.bury(subject)
