"""Tasks of staff: who has one, what becomes of it, when it is too late for it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

State = Literal["open", "taken", "done", "expired"]
STATES: tuple[State, ...] = ("open", "taken", "done", "expired")


@dataclass(frozen=True, slots=True)
class Task:
    """Something to be done about a profile. `history`: what happened to it, oldest first."""

    id: UUID
    campaign_id: UUID
    campaign: str
    profile_id: UUID
    user_id: str | None
    title: str
    team: str | None
    state: State
    due_at: datetime
    expires_at: datetime
    created_at: datetime
    taken_by: str | None = None
    taken_at: datetime | None = None
    done_at: datetime | None = None
    outcome: str | None = None
    history: tuple[Mapping[str, Any], ...] = ()

    def state_at(self, now: datetime) -> State:
        """An open one expires at `expires_at`; one that somebody has does not."""
        return "expired" if self.state == "open" and now >= self.expires_at else self.state

    def overdue_at(self, now: datetime) -> bool:
        """Whether it should have been done by now, and still has to be."""
        return self.state_at(now) in ("open", "taken") and now >= self.due_at


@dataclass(frozen=True, slots=True)
class Held:
    """It can't be: of a task in this state."""

    state: State
    by: str | None = None
    at: datetime | None = None


def take(task: Task, by: str, now: datetime) -> Task | Held:
    """It is theirs now. Theirs already: as it was."""
    state = task.state_at(now)
    if state == "open":
        return _noted(replace(task, state="taken", taken_by=by, taken_at=now), now, "taken", by=by)
    if state == "taken" and task.taken_by == by:
        return task
    return Held(state, task.taken_by, task.taken_at)


def release(task: Task, now: datetime) -> Task | Held:
    """Anybody may take it again. An open one: as it was."""
    state = task.state_at(now)
    if state == "open":
        return task
    if state == "taken":
        return _noted(replace(task, state="open", taken_by=None, taken_at=None), now, "released", by=task.taken_by)
    return Held(state, task.taken_by, task.taken_at)


def finish(task: Task, outcome: str | None, now: datetime) -> Task | Held:
    """It is done, by whoever has it. One that is done already, with the same outcome: as it was."""
    if task.state == "taken":
        done = replace(task, state="done", done_at=now, outcome=outcome)
        return _noted(done, now, "done", by=task.taken_by, **({"outcome": outcome} if outcome else {}))
    if task.state == "done" and outcome in (None, task.outcome):
        return task
    return Held(task.state_at(now), task.taken_by, task.taken_at)


def _noted(task: Task, at: datetime, what: str, **more: Any) -> Task:
    return replace(task, history=(*task.history, {"what": what, "at": at, **more}))


@dataclass(frozen=True, slots=True)
class OnTask:
    """Of the task that a message escalates: how it stands. None of it: it is forgotten."""

    state: State | None
    taken_by: str | None = None
    taken_at: datetime | None = None

    def settled(self) -> tuple[str, dict[str, Any]] | None:
        """Why nobody need be told of it any more, with what shows it; None while nobody has taken it."""
        if self.state == "open":
            return None
        if self.state == "taken":
            return "task_taken", {"taken_by": self.taken_by, "taken_at": self.taken_at}
        return f"task_{self.state or 'gone'}", {}
