"""Who of our own people is told, and what they are to do: a recipient that is no profile, a task and its escalation. Read from
untrusted JSON."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from services.messaging.domain.addresses import can_be_address
from services.messaging.domain.liquid_box import TemplateFault, parse
from shared.language.durations import parse_duration
from shared.language.reading import Loc, Object, Reading

OPERATIONAL = "operational"
"""The purpose of what is said to staff, and of nothing else."""

WEBHOOK_ADDRESS = "webhook"
"""Stands for the one receiver of webhooks that there is."""

MOST_STEPS = 5
LONGEST_NAME = 200
KEPT_OPEN = timedelta(days=7)
_CHANNELS = {"email": "email", "phone": "sms"}
_FOR_PERSONS = ("channel", "topic", "holdout", "local_time", "best_time", "when_capped")


@dataclass(frozen=True, slots=True)
class Staff:
    """Somebody, or something, of our own that is told."""

    channel: str
    address: str


@dataclass(frozen=True, slots=True)
class Escalation:
    """Who is told of a task that nobody has taken so long after it was made, and by which template."""

    after: timedelta
    to: Staff
    template: str


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """What is to be done, in Liquid; `within`: until it is overdue; `expires_after`: how long after that nobody need take it any
    more."""

    title: str
    within: timedelta
    team: str | None = None
    escalate: tuple[Escalation, ...] = ()
    expires_after: timedelta = KEPT_OPEN


def read_operational(found: Object, loc: Loc, reading: Reading) -> tuple[Staff | None, TaskPlan | None]:
    """A campaign's `recipient` and `task`, if it has one."""
    _check(found, loc, reading)
    staff = read_staff(found["recipient"], (*loc, "recipient"), reading) if "recipient" in found else None
    return staff, read_plan(found["task"], (*loc, "task"), reading) if "task" in found else None


def _check(found: Object, loc: Loc, reading: Reading) -> None:
    """What goes with a recipient or a task, and what only with people who are written to themselves."""
    named = [name for name in ("recipient", "task") if name in found]
    purpose = found.get("purpose")
    if not named:
        if purpose == OPERATIONAL:
            reading.fault((*loc, "purpose"), 'is for campaigns with a "recipient" or a "task"')
        return
    if len(named) == 2:
        reading.fault((*loc, "task"), 'can\'t go with "recipient": "escalate" says who is told of a task')
    if purpose != OPERATIONAL:
        reading.fault((*loc, "purpose"), f'must be "{OPERATIONAL}", for it speaks to staff')
    for name in (*_FOR_PERSONS, *(("template", "variants") if "task" in found else ())):
        if name in found:
            reading.fault((*loc, name), f'can\'t go with "{named[0]}"')


def read_staff(json: object, loc: Loc, reading: Reading) -> Staff:
    """`{"email": address}`, `{"phone": number}` or `{"webhook": true}`."""
    found = reading.fields(json, loc) or {}
    kinds = [kind for kind in ("email", "phone", "webhook") if kind in found]
    if len(found) != 1 or len(kinds) != 1:
        reading.fault(loc, 'must be one of {"email": address}, {"phone": number}, {"webhook": true}')
        return Staff("webhook", WEBHOOK_ADDRESS)
    [kind] = kinds
    if kind == "webhook":
        reading.choice(found, "webhook", loc, (True,))
        return Staff("webhook", WEBHOOK_ADDRESS)
    channel = _CHANNELS[kind]
    return Staff(channel, reading.converted(found, kind, loc, _address_on(channel)) or "")


def read_plan(json: object, loc: Loc, reading: Reading) -> TaskPlan:
    """`{"title", "within", "team"?, "expires_after"?, "escalate"?: [{"after", "recipient", "template"}]}`."""
    found = reading.fields(json, loc) or {}
    reading.keys(found, loc, required=("title", "within"), optional=("team", "escalate", "expires_after"))
    steps = [_read_step(item, at, reading) for item, at in reading.items(found.get("escalate", []), (*loc, "escalate"))]
    if len(steps) > MOST_STEPS:
        reading.fault((*loc, "escalate"), f"must be {MOST_STEPS} steps at most")
    plan = TaskPlan(
        title=reading.converted(found, "title", loc, _title) or "",
        within=reading.converted(found, "within", loc, parse_duration) or timedelta(1),
        team=reading.converted(found, "team", loc, read_name) if found.get("team") is not None else None,
        escalate=tuple(steps),
        expires_after=reading.converted(found, "expires_after", loc, parse_duration) or KEPT_OPEN,
    )
    for position, step in enumerate(steps):
        if step.after >= plan.within + plan.expires_after:
            reading.fault((*loc, "escalate", position, "after"), "must be before the task expires")
    return plan


def _read_step(json: object, loc: Loc, reading: Reading) -> Escalation:
    found = reading.fields(json, loc) or {}
    reading.keys(found, loc, required=("after", "recipient", "template"))
    return Escalation(
        after=reading.converted(found, "after", loc, _after) or timedelta(),
        to=read_staff(found.get("recipient", {"webhook": True}), (*loc, "recipient"), reading),
        template=reading.converted(found, "template", loc, read_name) or "",
    )


def _address_on(channel: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        text = read_name(value)
        if not can_be_address(channel, text):
            raise ValueError("can't be written to")
        return text

    return read


def read_name(value: object) -> str:
    """A short text that says something. Raises ValueError."""
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST_NAME or not value.isprintable():
        raise ValueError(f"must be a text of 1 to {LONGEST_NAME} printable characters")
    return value.strip()


def _title(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or "\x00" in value:
        raise ValueError("must be a text, which may have Liquid in it")
    try:
        parse(value, html=False)
    except TemplateFault as fault:
        raise ValueError(str(fault)) from fault
    return value


def _after(text: object) -> timedelta:
    return timedelta() if text in ("PT0S", "PT0M", "PT0H", "P0D") else parse_duration(text)
