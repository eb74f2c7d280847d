"""Reads a journey from untrusted JSON: steps get their places, and each knows where it leads."""

from datetime import time, timedelta

from services.messaging.domain.campaign import EventTrigger, SegmentTrigger
from services.messaging.domain.campaign_reading import read_name, read_reentry, read_trigger
from services.messaging.domain.journey import (
    Branch,
    Definition,
    Exit,
    Membership,
    Placed,
    Selection,
    Send,
    Step,
    TraitTest,
    Wait,
    WaitFor,
    WaitUntil,
)
from services.messaging.domain.local_time import DAYS, parse_local_time
from shared.language.durations import parse_duration
from shared.language.predicates import read_predicates
from shared.language.reading import Loc, Object, Reading

STEPS = ("send", "wait", "wait_for", "wait_until", "branch", "exit")
_OPTIONAL = ("name", "instance", "reentry", "exit_on", "leave_with_segment", "goal")


def parse_journey(json: object, loc: Loc = ()) -> Definition:
    """The definition; raises ConditionError with the path of every fault. `key` is the caller's to read."""
    reading = Reading()
    found = reading.fields(json, loc) or {}
    reading.keys(found, loc, required=("key", "entry", "steps"), optional=_OPTIONAL)
    entry = _read_entry(found.get("entry", {}), (*loc, "entry"), reading)
    places: dict[str, Placed] = {}
    if found.get("steps") == []:
        reading.fault((*loc, "steps"), "must have a step at least")
    first = _Steps(reading, places).read(found.get("steps", []), (*loc, "steps"), "", after=None)
    definition = Definition(
        entry=entry,
        steps=places,
        first=first,
        instance=read_name(found, "instance", loc, reading) if "instance" in found else None,
        reentry=reading.converted(found, "reentry", loc, read_reentry) or "once",
        exit_on=_read_selection(found["exit_on"], (*loc, "exit_on"), reading) if "exit_on" in found else None,
        goal=_read_selection(found["goal"], (*loc, "goal"), reading) if "goal" in found else None,
        leave_with_segment=reading.converted(found, "leave_with_segment", loc, _flag) or False,
    )
    _check_entry(definition, loc, reading)
    if "name" in found:
        read_name(found, "name", loc, reading)
    reading.finish()
    return definition


def _read_entry(json: object, loc: Loc, reading: Reading) -> SegmentTrigger | EventTrigger:
    entry = read_trigger(json, loc, reading)
    if isinstance(entry, SegmentTrigger) and entry.existing:
        reading.fault((*loc, "existing"), "is not known here")
    if isinstance(entry, SegmentTrigger | EventTrigger):
        return entry
    reading.fault(loc, 'must name an "event", or a "segment" with "on"')
    return EventTrigger("")


def _check_entry(definition: Definition, loc: Loc, reading: Reading) -> None:
    if definition.instance is not None and not isinstance(definition.entry, EventTrigger):
        reading.fault((*loc, "instance"), "needs an event to enter by")
    if definition.leave_with_segment and not isinstance(definition.entry, SegmentTrigger):
        reading.fault((*loc, "leave_with_segment"), "needs a segment to enter by")


def _read_selection(json: object, loc: Loc, reading: Reading) -> Selection:
    found = reading.fields(json, loc) or {}
    reading.keys(found, loc, required=("event",), optional=("where",))
    where = read_predicates(found["where"], (*loc, "where"), reading) if "where" in found else ()
    return Selection(read_name(found, "event", loc, reading), where)


class _Steps:
    """Reads lists of steps into `places`."""

    def __init__(self, reading: Reading, places: dict[str, Placed]) -> None:
        self._reading = reading
        self._places = places

    def read(self, json: object, loc: Loc, prefix: str, *, after: str | None) -> str | None:
        """The place where the list begins; `after` where it is empty."""
        items = list(self._reading.items(json, loc))
        for position, (item, at) in enumerate(items):
            place = f"{prefix}{position}"
            following = f"{prefix}{position + 1}" if position + 1 < len(items) else after
            self._places[place] = Placed(Exit(), None)  # so that places are in the order of reading
            with self._reading.nested():
                self._places[place] = Placed(self._read_step(item, at, place, following), following)
        return f"{prefix}0" if items else after

    def _read_step(self, json: object, loc: Loc, place: str, after: str | None) -> Step:
        node = self._reading.node(json, loc, kinds=STEPS)
        match node:
            case ("send", found):
                self._reading.keys(found, loc, required=("send",))
                return Send(read_name(found, "send", loc, self._reading))
            case ("wait", found):
                self._reading.keys(found, loc, required=("wait",))
                return Wait(self._reading.converted(found, "wait", loc, parse_duration) or timedelta())
            case ("wait_until", found):
                return self._read_wait_until(found, loc)
            case ("wait_for", found):
                return self._read_wait_for(found, loc, place, after)
            case ("branch", found):
                return self._read_branch(found, loc, place, after)
            case ("exit", found):
                self._reading.keys(found, loc, required=("exit",))
                if found["exit"] is not True:
                    self._reading.fault((*loc, "exit"), "must be true")
                return Exit()
            case _:
                return Exit()  # the fault is told

    def _read_wait_until(self, found: Object, loc: Loc) -> WaitUntil:
        self._reading.keys(found, loc, required=("wait_until",), optional=("days",))
        at = self._reading.converted(found, "wait_until", loc, parse_local_time) or time()
        days = self._reading.converted(found, "days", loc, _days)
        return WaitUntil(at, days or frozenset(range(7)))

    def _read_wait_for(self, found: Object, loc: Loc, place: str, after: str | None) -> WaitFor:
        self._reading.keys(found, loc, required=("wait_for", "at_most"), optional=("then", "else"))
        return WaitFor(
            answer=self._read_answer(found["wait_for"], (*loc, "wait_for")),
            at_most=self._reading.converted(found, "at_most", loc, parse_duration) or timedelta(),
            then=self._read_arm(found, "then", loc, place, after),
            otherwise=self._read_arm(found, "else", loc, place, after),
        )

    def _read_answer(self, json: object, loc: Loc) -> Selection | Membership:
        with self._reading.nested():
            node = self._reading.node(json, loc, kinds=("event", "segment"))
        if node is None or node[0] == "event":
            return Selection("") if node is None else _read_selection(node[1], loc, self._reading)
        found = node[1]
        self._reading.keys(found, loc, required=("segment", "on"))
        on = self._reading.choice(found, "on", loc, ("entered", "left"))
        return Membership(read_name(found, "segment", loc, self._reading), "left" if on == "left" else "entered")

    def _read_branch(self, found: Object, loc: Loc, place: str, after: str | None) -> Branch:
        self._reading.keys(found, loc, required=("branch",), optional=("else",))
        arms = []
        for position, (item, at) in enumerate(self._reading.items(found["branch"], (*loc, "branch"))):
            arm = self._reading.fields(item, at) or {}
            self._reading.keys(arm, at, required=("if", "steps"))
            test = self._read_test(arm.get("if", {}), (*at, "if"))
            arms.append((test, self._read_arm(arm, "steps", at, f"{place}.branch.{position}", after)))
        if found["branch"] == []:
            self._reading.fault((*loc, "branch"), "must have an arm at least")
        return Branch(tuple(arms), self._read_arm(found, "else", loc, place, after))

    def _read_test(self, json: object, loc: Loc) -> Membership | TraitTest:
        with self._reading.nested():
            node = self._reading.node(json, loc, kinds=("segment", "trait"))
        if node is None or node[0] == "segment":
            found = {} if node is None else node[1]
            if node is not None:
                self._reading.keys(found, loc, required=("segment",))
            return Membership(read_name(found, "segment", loc, self._reading), "entered")
        found = node[1]
        self._reading.keys(found, loc, required=("trait", "op"), optional=("value",))
        test = self._reading.test(found, loc)
        return TraitTest(read_name(found, "trait", loc, self._reading), *(test or ("exists", None)))

    def _read_arm(self, found: Object, key: str, loc: Loc, place: str, after: str | None) -> str | None:
        if key not in found:
            return after
        return self.read(found[key], (*loc, key), f"{place}.{key}.", after=after)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _days(value: object) -> frozenset[int]:
    if not isinstance(value, list) or not value or any(day not in DAYS for day in value):
        raise ValueError(f"must be a list of some of {', '.join(DAYS)}")
    return frozenset(DAYS.index(day) for day in value)
