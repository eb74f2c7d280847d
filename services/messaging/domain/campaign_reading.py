"""Reads campaigns from untrusted JSON."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal

from services.messaging.domain.campaign import (
    CAUSES,
    CHANNELS,
    DEFAULT_STALE_AFTER,
    HAPPENED,
    TRANSACTIONAL,
    Broadcast,
    Definition,
    EventTrigger,
    Goal,
    JourneyTrigger,
    SegmentTrigger,
    Trigger,
    Variant,
)
from services.messaging.domain.local_time import first_on_earth, parse_local_time, parse_wall_time
from services.messaging.domain.staff import read_operational
from services.messaging.domain.winner import Test, read_test
from shared.language.durations import parse_duration
from shared.language.predicates import read_predicates
from shared.language.reading import Loc, Object, Reading
from shared.plumbing.instants import in_utc

_FIELDS = (
    "name", "template", "variants", "channel", "delay", "holdout", "goal", "reentry", "stale_after", "topic",
    "local_time", "best_time", "rate", "when_capped", "tracking", "winner",
    "recipient", "task",
)  # fmt: skip


def parse_definition(json: object, loc: Loc = ()) -> Definition:
    """The definition; raises ConditionError with the path of every fault. `key` is the caller's to read."""
    reading = Reading()
    found = reading.fields(json, loc) or {}
    reading.keys(found, loc, required=("key", "trigger", "purpose"), optional=_FIELDS)
    trigger = read_trigger(found.get("trigger", {}), (*loc, "trigger"), reading)
    staff, task = read_operational(found, loc, reading)
    always = isinstance(trigger, JourneyTrigger) or staff or task
    by_default: Literal["once", "always"] = "always" if always else "once"
    definition = Definition(
        trigger=trigger,
        variants=_read_variants(found, loc, reading) if task is None else (),
        purpose=read_name(found, "purpose", loc, reading),
        channel=staff.channel if staff else reading.choice(found, "channel", loc, ("preferred", *CHANNELS)),
        topic=read_name(found, "topic", loc, reading) if "topic" in found else None,
        delay=reading.converted(found, "delay", loc, _delay) or timedelta(),
        holdout=read_share(found, "holdout", loc, reading),
        goal=_read_goal(found["goal"], (*loc, "goal"), reading) if "goal" in found else None,
        reentry=reading.converted(found, "reentry", loc, read_reentry) or by_default,
        stale_after=reading.converted(found, "stale_after", loc, parse_duration) or DEFAULT_STALE_AFTER,
        local_time=reading.converted(found, "local_time", loc, parse_local_time),
        best_time=reading.choice(found, "best_time", loc, (True, False)) or False,
        rate=reading.converted(found, "rate", loc, _rate),
        wait_when_capped=_read_wait(found["when_capped"], (*loc, "when_capped"), reading)
        if "when_capped" in found
        else None,
        tracking=reading.choice(found, "tracking", loc, (True, False)) is not False and staff is None,
        test=read_test(found["winner"], (*loc, "winner"), reading) if "winner" in found else None,
        recipient=staff,
        task=task,
    )
    if definition.best_time and (definition.local_time or definition.purpose == TRANSACTIONAL):
        reading.fault((*loc, "best_time"), 'must go neither with "local_time" nor with what is transactional')
    if definition.test is not None:
        _check_test(definition, definition.test, (*loc, "winner"), reading)
    reading.finish()
    return definition


def read_trigger(json: object, loc: Loc, reading: Reading) -> Trigger:
    """What makes somebody speak; also what begins a journey."""
    found = reading.fields(json, loc) or {}
    if "event" in found:
        reading.keys(found, loc, required=("event",), optional=("where", "imported"))
        where = read_predicates(found["where"], (*loc, "where"), reading) if "where" in found else ()
        imported = reading.choice(found, "imported", loc, (True, False)) or False
        return EventTrigger(read_name(found, "event", loc, reading), where, imported)
    if "journey" in found:
        reading.keys(found, loc, required=("journey",))
        return JourneyTrigger(read_name(found, "journey", loc, reading))
    if "at" in found or "local" in found:
        return _read_broadcast(found, loc, reading)
    if "segment" in found:
        reading.keys(found, loc, required=("segment", "on"), optional=("causes", "existing"))
        on: Literal["entered", "left"] | None = reading.choice(found, "on", loc, ("entered", "left"))
        causes = _read_causes(found["causes"], (*loc, "causes"), reading) if "causes" in found else HAPPENED
        existing = reading.choice(found, "existing", loc, (True, False)) or False
        if existing and on == "left":
            reading.fault((*loc, "existing"), 'must go with "on": "entered"')
        return SegmentTrigger(read_name(found, "segment", loc, reading), on or "entered", causes, existing)
    reading.fault(loc, 'must name an "event", a "journey", or a "segment" with "on", "at" or "local"')
    return EventTrigger("")


def _read_broadcast(found: Object, loc: Loc, reading: Reading) -> Broadcast:
    reading.keys(found, loc, required=("segment", "at" if "at" in found else "local"))
    segment = read_name(found, "segment", loc, reading)
    local = reading.converted(found, "local", loc, parse_wall_time)
    if local is not None:
        return Broadcast(segment, first_on_earth(local), local)
    at = reading.converted(found, "at", loc, parse_instant)
    return Broadcast(segment, at or datetime.max.replace(tzinfo=UTC))


def _read_causes(json: object, loc: Loc, reading: Reading) -> frozenset[str]:
    causes = {cause for cause, _ in reading.items(json, loc) if isinstance(cause, str) and cause in CAUSES}
    if not causes or len(causes) != len(json if isinstance(json, list) else ()):
        reading.fault(loc, f"must be a list of some of {', '.join(CAUSES)}")
    return frozenset(causes)


def _read_variants(found: Object, loc: Loc, reading: Reading) -> tuple[Variant, ...]:
    if ("template" in found) == ("variants" in found):
        reading.fault(loc, 'must have either "template" or "variants"')
        return ()
    if "template" in found:
        return (Variant(read_name(found, "template", loc, reading)),)
    variants = [_read_variant(item, at, reading) for item, at in reading.items(found["variants"], (*loc, "variants"))]
    if not variants:
        reading.fault((*loc, "variants"), "must name a template at least")
    return tuple(variants)


def _read_variant(json: object, loc: Loc, reading: Reading) -> Variant:
    found = reading.fields(json, loc) or {}
    reading.keys(found, loc, required=("template",), optional=("weight",))
    weight = reading.number(found, "weight", loc) if "weight" in found else 1
    if weight is not None and weight <= 0:
        reading.fault((*loc, "weight"), "must be more than 0")
    return Variant(read_name(found, "template", loc, reading), Decimal(weight or 1))


def _read_goal(json: object, loc: Loc, reading: Reading) -> Goal:
    found = reading.fields(json, loc) or {}
    reading.keys(found, loc, required=("event", "within"), optional=("revenue",))
    within = reading.converted(found, "within", loc, parse_duration)
    revenue = read_name(found, "revenue", loc, reading) if "revenue" in found else None
    return Goal(read_name(found, "event", loc, reading), within or timedelta(1), revenue)


def _read_wait(json: object, loc: Loc, reading: Reading) -> timedelta | None:
    found = reading.fields(json, loc) or {}
    reading.keys(found, loc, required=("wait",))
    return reading.converted(found, "wait", loc, parse_duration)


def read_name(found: Object, key: str, loc: Loc, reading: Reading) -> str:
    """The text under `key`, which must not be empty."""
    text = reading.text(found, key, loc)
    if key in found and isinstance(found[key], str) and not text.strip():
        reading.fault((*loc, key), "must not be empty")
    return text


def read_share(found: Object, key: str, loc: Loc, reading: Reading) -> Decimal:
    """A number from 0 to 1; 0 where there is none."""
    share = reading.number(found, key, loc) if key in found else 0
    if share is not None and not 0 <= share <= 1:
        reading.fault((*loc, key), "must be between 0 and 1")
        return Decimal(0)
    return Decimal(share or 0)


def _check_test(definition: Definition, test: Test, loc: Loc, reading: Reading) -> None:
    trigger, goal = definition.trigger, definition.goal
    if not isinstance(trigger, Broadcast) or trigger.local or definition.local_time or definition.best_time:
        reading.fault(loc, 'must go with a broadcast ("at") to everybody at one time')
    if len(definition.variants) < 2:
        reading.fault(loc, 'must go with two "variants" at least')
    if goal is None or (test.by == "revenue" and goal.revenue is None):
        reading.fault((*loc, "by"), f'must go with a "goal"{" that has revenue" if goal else ""}')


def _rate(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1_000_000:
        raise ValueError("must be a whole number of messages a minute, 1 or more")
    return value


def _delay(text: object) -> timedelta:
    if text in ("PT0S", "PT0M", "PT0H", "P0D"):
        return timedelta()
    return parse_duration(text)


def read_reentry(value: object) -> Literal["once", "always"] | timedelta:
    """Whether, or after what time, somebody may again. Raises ValueError."""
    if value == "once" or value == "always":
        return value
    try:
        return parse_duration(value)
    except ValueError as error:
        raise ValueError(f'must be "once", "always" or a duration; a duration {error}') from None


def parse_instant(text: object) -> datetime:
    """An RFC 3339 time with an offset. Raises ValueError."""
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) and "T" in text.upper() else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise ValueError('must be a time with an offset, such as "2026-11-21T09:00:00Z"')
    return in_utc(at)
