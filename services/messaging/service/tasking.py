"""Tasks where messages are decided: made with the decision, asked about before anybody is told of them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from services.messaging.domain.campaign import Campaign
from services.messaging.domain.escalating import steps_of
from services.messaging.domain.staff import OPERATIONAL
from services.messaging.domain.tasks import OnTask, Task
from services.messaging.domain.triggers import Fired
from services.messaging.domain.verdict import TASK_CREATED, Assign
from services.messaging.service.judging import TaskDraft
from services.messaging.store import tasks as store
from services.messaging.store.sends import Due, Judged
from services.messaging.store.triggers import insert_triggers
from shared.plumbing import json
from shared.plumbing.db import Connection
from shared.plumbing.feed import Entry
from shared.plumbing.lanes import lane_of
from shared.schemas.outcome import OutcomeRecorded

GONE = OnTask(None)


@dataclass(slots=True)
class Tasking:
    """What a batch of decisions does to tasks. `told`: of which, by lane, somebody is told now, and what their history says of
    it."""

    tasks: list[Task] = field(default_factory=list)
    fired: list[Fired] = field(default_factory=list)
    told: list[tuple[int, UUID, dict[str, Any]]] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)

    def assign(
        self, due: Due, draft: TaskDraft, verdict: Assign, campaigns: Mapping[UUID, Campaign], now: datetime
    ) -> Judged:
        """Make the task, with those who are to be told if nobody takes it."""
        task = _task(due, draft, campaigns[due.campaign_id], now)
        self.tasks.append(task)
        self.fired += steps_of(task, campaigns, due.trigger)
        self.entries.append(task_entry("Created", task, key="created", at=now))
        return Judged(
            lane=due.lane,
            id=due.id,
            state="done",
            decision="sent",
            reason=TASK_CREATED,
            facts=verdict.facts | {"task_id": task.id, "due_at": task.due_at},
            due_at=due.due_at,
            user_id=due.user_id,
            attempts=due.attempts,
            decided_at=now,
        )

    def escalate(self, due: Due, *, channel: str, address: str, at: datetime) -> None:
        """Somebody is told of a task now; that its provider is tried again is not told once more."""
        task_id = task_of(due)
        if task_id is None or due.attempts:
            return
        step = due.trigger["task"]["step"]
        self.told.append((due.lane, task_id, {"what": "escalated", "at": at, "step": step, "to": address}))
        entry = _entry(
            "Escalated",
            profile_id=due.profile_id,
            message_id=f"{task_id}:escalated:{step}",
            at=at,
            properties=due.trigger["task"] | {"task_id": task_id, "campaign": due.campaign, "channel": channel},
        )
        self.entries.append(entry)

    async def write(self, tx: Connection, *, at: datetime) -> None:
        """All of it but the entries."""
        await store.insert_tasks(tx, self.tasks)
        await insert_triggers(tx, self.fired, current={one.profile_id: one.profile_id for one in self.fired}, at=at)
        await store.note_escalations(tx, self.told)


def _task(due: Due, draft: TaskDraft, campaign: Campaign, now: datetime) -> Task:
    plan = campaign.definition.task
    assert plan is not None
    due_at = due.due_at + plan.within
    return Task(
        id=draft.id,
        campaign_id=campaign.id,
        campaign=campaign.key,
        profile_id=due.profile_id,
        user_id=due.user_id,
        title=draft.title,
        team=plan.team,
        state="open",
        due_at=due_at,
        expires_at=due_at + plan.expires_after,
        created_at=now,
        history=({"what": "created", "at": now},),
    )


async def read_tasks(
    tx: Connection, due: Sequence[Due], campaigns: Collection[UUID], *, now: datetime
) -> dict[UUID, OnTask]:
    """By send, for those of steps of an escalation (`campaigns`): how their task stands."""
    asked = {one.id: task_id for one in due if one.campaign_id in campaigns and (task_id := task_of(one)) is not None}
    found = await store.read_standing(tx, [(one.lane, asked[one.id]) for one in due if one.id in asked], now=now)
    return {send_id: found.get(task_id, GONE) for send_id, task_id in asked.items()}


def task_of(due: Due) -> UUID | None:
    """The task that a message escalates; None where it escalates none."""
    try:
        return UUID(str(due.trigger["task"]["id"]))
    except (KeyError, TypeError, ValueError):
        return None


def task_entry(what: str, task: Task, *, key: str, at: datetime, **more: Any) -> Entry:
    """What happened to a task, as an event of the profile. `key`: the same for the same thing."""
    shown = {
        "task_id": task.id,
        "campaign": task.campaign,
        "title": task.title,
        "team": task.team,
        "due_at": task.due_at,
    }
    return _entry(what, profile_id=task.profile_id, message_id=f"{task.id}:{key}", at=at, properties=shown | more)


def _entry(what: str, *, profile_id: UUID, message_id: str, at: datetime, properties: dict[str, Any]) -> Entry:
    known = {name: value for name, value in properties.items() if value is not None and name != "id"}
    message = OutcomeRecorded(
        message_id=message_id,
        profile_id=profile_id,
        name=f"Task {what}",
        properties=known | {"purpose": OPERATIONAL},
        at=at,
    )
    return Entry(lane_of(profile_id), profile_id, json.dumps_text(message))
