"""Staff and tasks: how they are read, who may do what at which instant, what stands in the way of telling somebody."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.messaging.domain.campaign import TaskTrigger
from services.messaging.domain.campaign_reading import parse_definition
from services.messaging.domain.decision import decide
from services.messaging.domain.escalating import step_ids, with_steps
from services.messaging.domain.reach import Suppression
from services.messaging.domain.tasks import Held, OnTask, Task, finish, release, take
from services.messaging.domain.triggers import fired_by_event
from services.messaging.domain.verdict import Assign, History, Message, Refuse, Send
from shared.language.errors import ConditionError
from shared.plumbing import json
from shared.schemas.resolved import EventResolved, parse_resolved
from tests.unit.messaging.builders import ADA, NOW, campaign, offer, person, request, rules

SECOND = timedelta(seconds=1)
STEP = {"after": "PT15M", "recipient": {"email": "boss@shop.example"}, "template": "alarm"}
PLAN: dict[str, Any] = {"title": "Call {{ profile.id }}", "within": "PT15M", "escalate": [STEP]}
DESK: dict[str, Any] = {"purpose": "operational", "recipient": {"email": "desk@shop.example"}}


def task(**fields: Any) -> Task:
    known: dict[str, Any] = {
        "id": UUID(int=9),
        "campaign_id": UUID(int=2),
        "campaign": "hello",
        "profile_id": ADA,
        "user_id": None,
        "title": "Call",
        "team": None,
        "state": "open",
        "due_at": NOW,
        "expires_at": NOW + timedelta(hours=1),
        "created_at": NOW - timedelta(minutes=15),
    }
    return Task(**(known | fields))


def faults(**fields: Any) -> list[tuple[str | int, ...]]:
    body = {"key": "hello", "trigger": {"event": "x"}} | fields
    with pytest.raises(ConditionError) as refused:
        parse_definition(body)
    return [tuple(one["loc"]) for one in refused.value.errors]


@pytest.mark.parametrize(
    ("fields", "loc"),
    [
        ({"purpose": "operational", "template": "a"}, ("purpose",)),
        ({"purpose": "marketing", "template": "a", "recipient": {"webhook": True}}, ("purpose",)),
        (DESK | {"template": "a", "channel": "email"}, ("channel",)),
        (DESK | {"template": "a", "topic": "news"}, ("topic",)),
        (DESK | {"template": "a", "holdout": 1}, ("holdout",)),
        (DESK | {"template": "a", "local_time": "09:00"}, ("local_time",)),
        (DESK | {"task": PLAN}, ("task",)),
        (DESK | {"template": "a", "recipient": {"email": "nobody"}}, ("recipient", "email")),
        (DESK | {"template": "a", "recipient": {"email": "a@b.c", "webhook": True}}, ("recipient",)),
        (DESK | {"template": "a", "recipient": {}}, ("recipient",)),
        ({"purpose": "operational", "task": PLAN, "template": "a"}, ("template",)),
        ({"purpose": "operational", "task": PLAN | {"title": "{% if %}"}}, ("task", "title")),
        ({"purpose": "operational", "task": PLAN | {"title": " "}}, ("task", "title")),
        ({"purpose": "operational", "task": PLAN | {"within": "PT0S"}}, ("task", "within")),
        ({"purpose": "operational", "task": PLAN | {"escalate": [STEP] * 6}}, ("task", "escalate")),
        (
            {
                "purpose": "operational",
                "task": PLAN | {"expires_after": "PT1M", "escalate": [STEP | {"after": "PT16M"}]},
            },
            ("task", "escalate", 0, "after"),
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_where_it_stands(fields: Any, loc: tuple[str | int, ...]) -> None:
    assert faults(**fields) == [loc]


def test_what_is_said_to_staff_is_never_capped() -> None:
    with pytest.raises(ConditionError):
        rules(frequency_caps=[{"purpose": "operational", "max": 1, "within": "P1D"}])


def test_nothing_that_protects_the_person_holds_back_what_is_said_to_staff() -> None:
    strict = rules(
        frequency_caps=[{"purpose": "marketing", "max": 0, "within": "P1D"}],
        quiet_hours={"from": "11:00", "until": "13:00"},
        control_group=1,
    )
    asked = request(campaign=campaign(**DESK), recipient=person(consents=(), traits={}), rules=strict)
    found = decide(asked, History(messages=[Message("operational", "email", NOW)]), now=NOW)
    assert isinstance(found, Send)
    assert (found.channel, found.address) == ("email", "desk@shop.example")
    asked = request(campaign=campaign(purpose="operational", task=PLAN), recipient=person(consents=()), rules=strict)
    assert isinstance(decide(asked, History(), now=NOW), Assign)


@pytest.mark.parametrize(
    ("scope", "stands"), [("", True), ("operational", True), ("non_transactional", True), ("marketing", False)]
)
def test_a_suppression_of_the_address_is_heeded(scope: str, stands: bool) -> None:
    suppressed = History(
        suppressions=lambda _channel, address: (
            (Suppression(scope, "manual", True, NOW),) if address == "desk@shop.example" else ()
        )
    )
    found = decide(request(campaign=campaign(**DESK)), suppressed, now=NOW)
    assert isinstance(found, Refuse) == stands


@pytest.mark.parametrize(
    ("standing", "reason"),
    [
        (OnTask("open"), None),
        (OnTask("taken", "eva", NOW), "task_taken"),
        (OnTask("done"), "task_done"),
        (OnTask("expired"), "task_expired"),
        (OnTask(None), "task_gone"),
    ],
)
def test_a_step_is_told_while_nobody_has_the_task(standing: OnTask, reason: str | None) -> None:
    first = with_steps([campaign(purpose="operational", task=PLAN)])[1]
    found = decide(request(campaign=first, offers=(offer(template="alarm"),)), History(task=standing), now=NOW)
    assert (found.reason if isinstance(found, Refuse) else None) == reason


def test_every_step_that_there_can_be_has_a_campaign_and_none_is_anothers() -> None:
    made, *steps = with_steps([campaign(purpose="operational", task=PLAN)])
    assert [one.id for one in steps] == step_ids(made.id)
    assert len({made.id, *step_ids(made.id), *step_ids(UUID(int=7))}) == 11
    assert [one.status for one in steps] == ["running", *["deleted"] * 4]
    assert [one.definition.trigger for one in steps] == [TaskTrigger(number) for number in range(5)]


def test_an_open_task_expires_to_the_instant_and_one_that_somebody_has_does_not() -> None:
    late = task().expires_at
    assert task().state_at(late - SECOND) == "open"
    assert (task().state_at(late), take(task(), "eva", late)) == ("expired", Held("expired"))
    taken = take(task(), "eva", late - SECOND)
    assert isinstance(taken, Task)
    assert taken.state_at(late) == "taken"
    assert isinstance(finish(taken, None, late), Task)


def test_it_is_overdue_from_the_instant_on_at_which_it_was_due() -> None:
    assert [task().overdue_at(at) for at in (NOW - SECOND, NOW, task().expires_at)] == [False, True, False]
    assert not task(state="done").overdue_at(NOW)


def test_what_is_asked_twice_is_done_once() -> None:
    taken = take(task(), "eva", NOW)
    assert isinstance(taken, Task)
    assert take(taken, "eva", NOW + SECOND) == taken
    assert take(taken, "max", NOW + SECOND) == Held("taken", "eva", NOW)
    done = finish(taken, "reached", NOW)
    assert isinstance(done, Task)
    assert finish(done, "reached", NOW + SECOND) == finish(done, None, NOW + SECOND) == done
    assert finish(task(), None, NOW) == Held("open")
    free = release(taken, NOW)
    assert isinstance(free, Task)
    assert release(free, NOW + SECOND) == free
    assert isinstance(release(done, NOW), Held)


@pytest.mark.parametrize(
    ("name", "makes", "tells"),
    [("Task Created", 0, 1), ("Task Escalated", 0, 1), ("Task Done", 1, 1), ("Staff Email Sent", 0, 0)],
)
def test_campaigns_for_staff_do_not_keep_each_other_going(name: str, makes: int, tells: int) -> None:
    event = {
        "name": name,
        "type": "track",
        "source": "messaging",
        "message_id": "1",
        "timestamp": NOW.isoformat(),
        "received_at": NOW.isoformat(),
        "properties": {"campaign": "another", "purpose": "operational"},
    }
    log = {"lane": 0, "seq": 1, "received_at": NOW.isoformat()}
    resolved = parse_resolved(json.dumps({"kind": "event", "profile_id": ADA, "event": event, "log": log}))
    trigger = {"event": name}
    assert isinstance(resolved, EventResolved)
    assert len(fired_by_event([campaign(trigger=trigger, purpose="operational", task=PLAN)], resolved)) == makes
    assert len(fired_by_event([campaign(trigger=trigger, **DESK)], resolved)) == tells
