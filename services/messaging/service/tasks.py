"""What staff do with tasks: take one, give it back, finish it. Each is one transaction under the row that claims lock, so that who
takes a task is told of no escalation that was not under way."""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from prometheus_client import Gauge

from services.messaging.domain.escalating import step_ids, trigger_of
from services.messaging.domain.tasks import Held, Task, finish, release, take
from services.messaging.service.tasking import task_entry
from services.messaging.store import people
from services.messaging.store import tasks as store
from shared.plumbing.db import Connection, Database
from shared.plumbing.errors import Conflict, NotFound
from shared.plumbing.feed import append

Change = Callable[[Task], Task | Held]
waiting = Gauge(
    "regulars_tasks", "Tasks of staff that wait, in the lanes of this worker; overdue ones count twice", ["state"]
)


async def take_task(db: Database, task_id: UUID, *, by: str, at: datetime) -> Task:
    """It is theirs. Idempotent. Raises NotFound, or Conflict with who has it."""
    return await _change(db, task_id, lambda task: take(task, by, at), at=at)


async def release_task(db: Database, task_id: UUID, *, at: datetime) -> Task:
    """Anybody may take it; who would have been told meanwhile is now. Idempotent. Raises NotFound, or Conflict."""
    return await _change(db, task_id, lambda task: release(task, at), at=at)


async def finish_task(db: Database, task_id: UUID, *, outcome: str | None, at: datetime) -> Task:
    """It is done. Idempotent. Raises NotFound, or Conflict where nobody has taken it."""
    return await _change(db, task_id, lambda task: finish(task, outcome, at), at=at)


async def get_task(db: Database, task_id: UUID) -> Task:
    """Raises NotFound."""
    task = await store.read_task(db, task_id)
    if task is None:
        raise _unknown()
    return task


async def measure_tasks(db: Database, lanes: Sequence[int], *, now: datetime) -> None:
    """Show how many wait in these lanes."""
    found = await store.count_tasks(db, lanes, now=now)
    for state, count in zip(("open", "taken", "overdue"), found, strict=True):
        waiting.labels(state=state).set(count)


def _unknown() -> NotFound:
    return NotFound("There is no such task.")


async def _change(db: Database, task_id: UUID, change: Change, *, at: datetime) -> Task:
    owner = await store.find_owner(db, task_id)

    async def work(tx: Connection) -> Task:
        profile_id = (await people.meet(tx, [owner]))[owner] if owner is not None else None
        task = await store.find_task(tx, profile_id, task_id) if profile_id is not None else None
        if task is None:
            raise _unknown()
        changed = change(task)
        if isinstance(changed, Held):
            raise _refusal(changed)
        if changed != task:
            await _save(tx, changed, at)
        return changed

    return await db.run(work)


async def _save(tx: Connection, task: Task, at: datetime) -> None:
    await store.write_task(tx, task)
    if task.state == "open":
        steps = [
            (campaign_id, trigger_of(task.id, step)) for step, campaign_id in enumerate(step_ids(task.campaign_id))
        ]
        await store.revive_steps(tx, task.profile_id, steps, at=at)
    last = dict(task.history[-1])
    what = last.pop("what")
    key = f"{what}:{len(task.history)}"
    await append(tx, [task_entry(what.capitalize(), task, key=key, at=last.pop("at"), **last)], at=at)


def _refusal(held: Held) -> Conflict:
    if held.state == "open":
        return Conflict("Nobody has taken it yet: take it first.", code="task_not_taken")
    if held.state == "taken":
        more = {"taken_by": held.by, "taken_at": held.at}
        return Conflict(f"{held.by} has taken it already.", code="task_taken", more=more)
    if held.state == "expired":
        return Conflict("It has expired: nobody need do it any more.", code="task_expired")
    return Conflict("It is done already.", code="task_done")
