"""The steps of a task's escalation, each as a campaign of its own: what it says is decided, claimed and sent as every message is."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid5

from services.messaging.domain.campaign import Campaign, Definition, TaskTrigger, Variant
from services.messaging.domain.staff import MOST_STEPS, OPERATIONAL, TaskPlan
from services.messaging.domain.tasks import Task
from services.messaging.domain.triggers import Fired, fired_by_task


def with_steps(campaigns: Iterable[Campaign]) -> list[Campaign]:
    """These, and the steps of those that make tasks. Also steps that a campaign has no more: whoever waits for one must have a
    decision."""
    found = []
    for campaign in campaigns:
        found.append(campaign)
        plan = campaign.definition.task
        if plan is not None:
            found += [_step(campaign, plan, step) for step in range(MOST_STEPS)]
    return found


def step_id(campaign_id: UUID, step: int) -> UUID:
    """The same for ever."""
    return uuid5(campaign_id, f"step {step}")


def step_ids(campaign_id: UUID) -> list[UUID]:
    """Of all steps that there can be."""
    return [step_id(campaign_id, step) for step in range(MOST_STEPS)]


def trigger_of(task_id: UUID, step: int) -> str:
    """What makes the step of a task speak: once, whoever asks how often."""
    return f"{task_id}\x1f{step}"


def steps_of(task: Task, campaigns: Mapping[UUID, Campaign], context: Mapping[str, Any]) -> list[Fired]:
    """When whom to tell of a new task, unless somebody has taken it by then. Its time runs from when it was due to be made.
    `context`: what made it."""
    plan = campaigns[task.campaign_id].definition.task
    if plan is None:
        return []
    made_at = task.due_at - plan.within
    shown = {"id": task.id, "title": task.title, "team": task.team, "due_at": task.due_at}
    return [
        fired_by_task(
            campaigns[step_id(task.campaign_id, number)],
            task.profile_id,
            task.user_id,
            trigger_id=trigger_of(task.id, number),
            at=made_at + step.after,
            context={**context, "task": shown | {"step": number + 1}},
        )
        for number, step in enumerate(plan.escalate)
    ]


def _step(campaign: Campaign, plan: TaskPlan, step: int) -> Campaign:
    there = step < len(plan.escalate)
    to = plan.escalate[step].to if there else None
    definition = Definition(
        trigger=TaskTrigger(step),
        variants=(Variant(plan.escalate[step].template),) if there else (),
        purpose=OPERATIONAL,
        channel=to.channel if to else None,
        reentry="always",
        stale_after=campaign.definition.stale_after,
        recipient=to,
        tracking=False,
    )
    return replace(
        campaign,
        id=step_id(campaign.id, step),
        definition=definition,
        status=campaign.status if there else "deleted",
    )
