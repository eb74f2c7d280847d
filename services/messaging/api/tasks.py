"""Tasks: what staff are to do about somebody, who has taken it, and what came of it."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Query, Request, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from services.messaging.api import docs
from services.messaging.api.campaigns import frame_of
from services.messaging.api.task_docs import DONE, TAKEN, TASK
from services.messaging.domain.campaign_reading import parse_instant
from services.messaging.domain.staff import LONGEST_NAME, read_name
from services.messaging.domain.tasks import State, Task
from services.messaging.service import tasks
from services.messaging.store.lists import find_current
from services.messaging.store.tasks import list_tasks
from shared.plumbing.auth import Reader, Writer
from shared.plumbing.http import JsonResponse, ListedRoute
from shared.plumbing.pages import Cursor, Limit, page, read_cursor

router = APIRouter(route_class=ListedRoute, tags=["tasks"])
UNKNOWN = {404: "There is no such task"}
LONGEST_OUTCOME = 2_000


class Take(BaseModel):
    """Who takes it."""

    model_config = ConfigDict(extra="forbid")

    by: Annotated[str, Field(max_length=LONGEST_NAME), AfterValidator(read_name)]


class Done(BaseModel):
    """What came of it."""

    model_config = ConfigDict(extra="forbid")

    outcome: Annotated[str, Field(min_length=1, max_length=LONGEST_OUTCOME, pattern=r"^[^\x00]*$")] | None = None


def shown(task: Task, now: datetime) -> dict[str, Any]:
    """A task as the API shows it at this instant."""
    return {
        "id": task.id,
        "campaign": task.campaign,
        "profile_id": task.profile_id,
        "user_id": task.user_id,
        "title": task.title,
        "team": task.team,
        "state": task.state_at(now),
        "overdue": task.overdue_at(now),
        "due_at": task.due_at,
        "expires_at": task.expires_at,
        "created_at": task.created_at,
        "taken_by": task.taken_by,
        "taken_at": task.taken_at,
        "done_at": task.done_at,
        "outcome": task.outcome,
        "history": list(task.history),
    }


@router.get("/v1/tasks", summary="Tasks, soonest due first", dependencies=[Reader], responses=docs.items(TASK))
async def list_all(
    request: Request,
    state: Annotated[State | None, Query(description="Only those that are so now")] = None,
    team: Annotated[str | None, Query(description="Only those for this team")] = None,
    campaign: Annotated[str | None, Query(description="Only those of the campaign with this key")] = None,
    profile_id: Annotated[
        UUID | None, Query(description="Only those about this profile; a merged one leads to its survivor")
    ] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """`state`: `open` (anybody may take it), `taken`, `done`, `expired` (nobody took it, and nobody need any more). `overdue`: it
    should have been done by now. `history`: `created`, `escalated` (who was told), `taken`, `released`, `done`."""
    frame = frame_of(request)
    now = frame.clock.now()
    found = await list_tasks(
        frame.db,
        state=state,
        team=team,
        campaign=campaign,
        profile_id=None if profile_id is None else await find_current(frame.db, profile_id),
        now=now,
        after=read_cursor(cursor, _after),
        limit=limit + 1,
    )
    return JsonResponse(
        page(found, limit=limit, item=lambda one: shown(one, now), cursor=lambda one: [one.due_at, one.id])
    )


def _after(value: Any) -> tuple[datetime, UUID]:
    due_at, last = value
    return parse_instant(due_at), UUID(last)


@router.get(
    "/v1/tasks/{task_id}", summary="One task", dependencies=[Reader], responses=docs.answers(TASK, also=UNKNOWN)
)
async def get_one(request: Request, task_id: UUID) -> Response:
    frame = frame_of(request)
    return JsonResponse(shown(await tasks.get_task(frame.db, task_id), frame.clock.now()))


@router.post(
    "/v1/tasks/{task_id}/take",
    summary="Take a task: one only can",
    dependencies=[Writer],
    responses=docs.answers(
        TASK,
        also=UNKNOWN | {409: "It is taken (`taken_by`, `taken_at`), done (`task_done`) or expired (`task_expired`)"},
    ),
)
async def take(
    request: Request, task_id: UUID, body: Annotated[Take, Body(openapi_examples={"by name": {"value": TAKEN}})]
) -> Response:
    """From the answer on nobody is told of it any more, but for a message that a provider has already been given. Who has it may
    take it again, which changes nothing."""
    frame = frame_of(request)
    now = frame.clock.now()
    return JsonResponse(shown(await tasks.take_task(frame.db, task_id, by=body.by, at=now), now))


@router.post(
    "/v1/tasks/{task_id}/release",
    summary="Give a task back, for anybody to take",
    dependencies=[Writer],
    responses=docs.answers(TASK, also=UNKNOWN | {409: "It is done (`task_done`) or expired (`task_expired`)"}),
)
async def release(request: Request, task_id: UUID) -> Response:
    """Those who would have been told while somebody had it are told now. An open one stays as it is."""
    frame = frame_of(request)
    now = frame.clock.now()
    task = await tasks.release_task(frame.db, task_id, at=now)
    frame.wake.hint()
    return JsonResponse(shown(task, now))


@router.post(
    "/v1/tasks/{task_id}/done",
    summary="Finish a task that somebody has taken",
    dependencies=[Writer],
    responses=docs.answers(
        TASK,
        also=UNKNOWN
        | {409: "Nobody has taken it (`task_not_taken`), it is done with another outcome (`task_done`) or expired"},
    ),
)
async def finish(
    request: Request, task_id: UUID, body: Annotated[Done, Body(openapi_examples={"reached": {"value": DONE}})]
) -> Response:
    """`outcome`: in words of your own; it is a property of the event `Task Done`."""
    frame = frame_of(request)
    now = frame.clock.now()
    return JsonResponse(shown(await tasks.finish_task(frame.db, task_id, outcome=body.outcome, at=now), now))
