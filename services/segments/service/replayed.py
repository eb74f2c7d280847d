"""Events that were told before: what is missing here of their effect is put back from the history, and nothing else is done.

What was wrong with what is kept of somebody shows by an event that the history lacked, or by what is known of them. Then all
their states are folded anew, since they may or may not have what the history lacked.
"""

from collections.abc import Sequence
from uuid import UUID

from services.segments.service import subject as work
from services.segments.service.batch import Batch, taking_turns
from services.segments.service.told import Plain, Told, cause_of
from services.segments.store import history


async def take_again(batch: Batch, messages: Sequence[Plain]) -> None:
    """In their order. The changes that come of it have the cause `import`."""
    living = [
        Told(message, subject) for message in messages if (subject := batch.target(message.profile_id)) is not None
    ]
    events = [(told.subject.lane, told.subject.id, event) for told in living for event in told.events]
    fresh = await history.insert_events(batch.tx, events) if events else set()
    wrong: dict[UUID, list[Told]] = {}
    for told in living:
        news = told.events if fresh is None else told.fresh(fresh)
        lacked = any(event.name in batch.rules.event_names for event in news)
        if lacked or told.subject.id in wrong or work.is_otherwise(told.subject, told.message.profile):
            wrong.setdefault(told.subject.id, []).append(told)
    past = await batch.histories(all_told[0].subject for all_told in wrong.values())
    async for all_told in taking_turns(wrong.values()):
        subject = all_told[0].subject
        work.catch_up(subject, batch.rules, batch.now, past.get(subject.id, []))
        for told in all_told:
            work.learn_again(subject, batch.rules, told.message.profile)
        work.refold(subject, batch.rules, await batch.history_of(subject))
        work.judge(subject, batch.rules, cause_of(all_told[0].message))
