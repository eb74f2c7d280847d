"""JSON to a condition, with every refusal of the language."""

from collections.abc import Callable
from datetime import timedelta
from typing import Literal, cast, get_args

from services.segments.domain.condition import (
    Aggregate,
    All,
    Any,
    Basis,
    Bucket,
    Condition,
    EventAggregate,
    For,
    LifeEvent,
    Not,
    Period,
    SegmentRef,
    Selection,
    Sequence,
    Spend,
    Subtrahend,
    Trait,
    TraitDate,
    Window,
    trait_changed,
    walk,
)
from services.segments.domain.facts import TRAITS_CHANGED
from shared.language.compare import CMPS, Cmp
from shared.language.durations import parse_day_offset, parse_duration
from shared.language.exact import Number, is_number
from shared.language.predicates import Changed, Predicate, Root, read_predicates
from shared.language.reading import Loc, Object, Reading

MOST_DAYS = 366
_Reader = Callable[[Object, Loc, Reading], Condition | None]


def parse(json: object) -> Condition:
    """Raises ConditionError with the path of every fault."""
    reading = Reading()
    condition = _read(json, (), reading)
    reading.finish()
    if condition is None:
        raise AssertionError("what can't be read leaves a fault")
    return condition


def _read(json: object, loc: Loc, reading: Reading) -> Condition | None:
    with reading.nested():
        node = reading.node(json, loc, kinds=READERS)
        return None if node is None else READERS[node[0]](node[1], loc, reading)


def _read_all(found: Object, loc: Loc, reading: Reading) -> All:
    reading.keys(found, loc, required=("all",))
    return All(_read_children(found["all"], (*loc, "all"), reading))


def _read_any(found: Object, loc: Loc, reading: Reading) -> Any:
    reading.keys(found, loc, required=("any",))
    return Any(_read_children(found["any"], (*loc, "any"), reading))


def _read_children(json: object, loc: Loc, reading: Reading) -> tuple[Condition, ...]:
    read = (_read(item, at, reading) for item, at in reading.items(json, loc))
    return tuple(child for child in read if child is not None)


def _read_not(found: Object, loc: Loc, reading: Reading) -> Not | None:
    reading.keys(found, loc, required=("not",))
    child = _read(found["not"], (*loc, "not"), reading)
    return None if child is None else Not(child)


def _read_for(found: Object, loc: Loc, reading: Reading) -> For | None:
    reading.keys(found, loc, required=("for", "of"))
    length = reading.converted(found, "for", loc, parse_duration)
    child = _read(found["of"], (*loc, "of"), reading) if "of" in found else None
    if child is None:
        return None
    for node, at in walk(child, (*loc, "of")):
        if isinstance(node, For):
            reading.fault(at, "must not stand within another `for`")
    return None if length is None else For(length, child)


def _read_trait(found: Object, loc: Loc, reading: Reading) -> Trait | None:
    reading.keys(found, loc, required=("trait", "op"), optional=("value",))
    path, test = reading.text(found, "trait", loc), reading.test(found, loc)
    return None if test is None else Trait(path, *test)


def _read_trait_changed(found: Object, loc: Loc, reading: Reading) -> EventAggregate | None:
    reading.keys(found, loc, required=("trait_changed", "within"), optional=("from", "to"))
    for key in ("from", "to"):
        reading.value(found.get(key), (*loc, key))
        if key in found and found[key] is None:
            reading.fault((*loc, key), "must not be null")
    changed = Changed(reading.text(found, "trait_changed", loc), found.get("from"), found.get("to"))
    within = _read_within(found, loc, reading)
    return None if within is None else trait_changed(changed, within)


def _read_event(found: Object, loc: Loc, reading: Reading) -> EventAggregate | None:
    optional = ("where", "aggregate", "property", "minus", "within", "this")
    reading.keys(found, loc, required=("event", "op", "value"), optional=optional)
    aggregates: tuple[Aggregate, ...] = get_args(Aggregate)
    aggregate = reading.choice(found, "aggregate", loc, aggregates) if "aggregate" in found else "count"
    path = reading.text(found, "property", loc) if "property" in found else None
    if aggregate not in (None, "count") and path is None:
        reading.fault((*loc, "property"), f"is missing, which {aggregate} needs")
    if "minus" in found and aggregate not in (None, "sum"):
        reading.fault((*loc, "minus"), "goes with sum only")
    selection = _read_selection(found, loc, reading)
    minus = _read_minus(found["minus"], (*loc, "minus"), reading) if "minus" in found else None
    threshold = _read_threshold(found, loc, reading)
    if aggregate is None or threshold is None:
        return None
    if aggregate == "count":
        path = None  # it counts events, whatever they hold
    return EventAggregate(selection, *threshold, aggregate, path, minus, _read_window(found, loc, reading))


def _read_minus(json: object, loc: Loc, reading: Reading) -> Subtrahend | None:
    found = reading.fields(json, loc)
    if found is None:
        return None
    reading.keys(found, loc, required=("event", "property"), optional=("where",))
    return Subtrahend(_read_selection(found, loc, reading), reading.text(found, "property", loc))


def _read_selection(found: Object, loc: Loc, reading: Reading, *, follows: bool = False) -> Selection:
    """`follows`: whether it is a second step, which may be compared with the first."""
    roots: tuple[Root, ...] = ("first", "trait") if follows else ("trait",)
    where: tuple[Predicate, ...] = ()
    if "where" in found:
        where = read_predicates(found["where"], (*loc, "where"), reading, roots=roots)
    return Selection(_read_names(found.get("event", ""), (*loc, "event"), reading), where)


def _read_names(json: object, loc: Loc, reading: Reading) -> tuple[str, ...]:
    if isinstance(json, str):
        return _read_names([json], loc, reading)
    if not isinstance(json, list) or not all(isinstance(name, str) for name in json):
        reading.fault(loc, "must be an event's name or a list of them")
        return ()
    reading.value(json, loc)
    if TRAITS_CHANGED in json:
        reading.fault(loc, "is not the name of any event")
    return tuple(sorted(set(json)))


def _read_threshold(found: Object, loc: Loc, reading: Reading) -> tuple[Cmp, Number] | None:
    op = reading.choice(found, "op", loc, CMPS)
    value = reading.number(found, "value", loc)
    return None if op is None or value is None else (op, value)


def _read_within(found: Object, loc: Loc, reading: Reading) -> timedelta | None:
    return reading.converted(found, "within", loc, parse_duration)


def _read_window(found: Object, loc: Loc, reading: Reading) -> Window | None:
    if "this" not in found:
        return _read_within(found, loc, reading)
    if "within" in found:
        reading.fault((*loc, "this"), "must not stand beside within")
        return None
    periods: tuple[Period, ...] = get_args(Period)
    return reading.choice(found, "this", loc, periods)


def _read_spend(found: Object, loc: Loc, reading: Reading) -> Spend | None:
    reading.keys(found, loc, required=("spend", "op", "value"), optional=("currency", "within", "this"))
    bases: tuple[Basis, ...] = get_args(Basis)
    basis = reading.choice(found, "spend", loc, bases)
    currency = reading.text(found, "currency", loc) if "currency" in found else None
    threshold = _read_threshold(found, loc, reading)
    within = _read_window(found, loc, reading)
    return None if basis is None or threshold is None else Spend(basis, *threshold, currency, within)


def _read_life_event(found: Object, loc: Loc, reading: Reading) -> LifeEvent | None:
    reading.keys(found, loc, required=("life_event", "from", "until"), optional=("subject",))
    kind = reading.text(found, "life_event", loc)
    subject = reading.text(found, "subject", loc) if "subject" in found else None
    days = _read_days(found, loc, reading)
    return None if days is None else LifeEvent(kind, *days, subject)


def _read_trait_date(found: Object, loc: Loc, reading: Reading) -> TraitDate | None:
    reading.keys(found, loc, required=("trait_date", "from", "until"), optional=("recurs",))
    path, days = reading.text(found, "trait_date", loc), _read_days(found, loc, reading)
    recurs: tuple[Literal["yearly"] | None, ...] = ("yearly", None)
    yearly = reading.choice(found, "recurs", loc, recurs)
    return None if days is None else TraitDate(path, *days, yearly)


def _read_days(found: Object, loc: Loc, reading: Reading) -> tuple[int, int] | None:
    first, last = (reading.converted(found, key, loc, _day_offset) for key in ("from", "until"))
    if first is None or last is None:
        return None
    if first > last:
        reading.fault((*loc, "from"), "must not be after until")
    return first, last


def _day_offset(text: object) -> int:
    days = parse_day_offset(text)
    if abs(days) > MOST_DAYS:
        raise ValueError(f"must be at most {MOST_DAYS} days away")
    return days


def _read_sequence(found: Object, loc: Loc, reading: Reading) -> Sequence | None:
    reading.keys(found, loc, required=("sequence", "gap"), optional=("within",))
    gap, within = reading.converted(found, "gap", loc, parse_duration), _read_within(found, loc, reading)
    steps = list(reading.items(found["sequence"], (*loc, "sequence")))
    if len(steps) != 2:
        reading.fault((*loc, "sequence"), "must have two steps")
        return None
    first, _ = _read_step(*steps[0], reading)
    second, absent = _read_step(*steps[1], reading, follows=True)
    return None if gap is None else Sequence(first, second, gap, absent, within)


def _read_step(json: object, loc: Loc, reading: Reading, *, follows: bool = False) -> tuple[Selection, bool]:
    found = reading.fields(json, loc)
    if found is None:
        return Selection(()), False
    reading.keys(found, loc, required=("event",), optional=("where", "absent") if follows else ("where",))
    absent = found.get("absent", False)
    if not isinstance(absent, bool):
        reading.fault((*loc, "absent"), "must be true or false")
    return _read_selection(found, loc, reading, follows=follows), absent is True


def _read_segment(found: Object, loc: Loc, reading: Reading) -> SegmentRef:
    reading.keys(found, loc, required=("segment",))
    return SegmentRef(reading.text(found, "segment", loc))


def _read_bucket(found: Object, loc: Loc, reading: Reading) -> Bucket | None:
    reading.keys(found, loc, required=("bucket", "salt"))
    salt, bounds = reading.text(found, "salt", loc), found["bucket"]
    reading.value(bounds, (*loc, "bucket"))
    if not isinstance(bounds, list) or len(bounds) != 2 or not all(is_number(bound) for bound in bounds):
        reading.fault((*loc, "bucket"), "must be a list of two numbers")
        return None
    start, end = cast(list[Number], bounds)
    if not 0 <= start < end <= 100:
        reading.fault((*loc, "bucket"), "must lie within 0 ≤ from < to ≤ 100")
    return Bucket(start, end, salt)


READERS: dict[str, _Reader] = {
    "all": _read_all,
    "any": _read_any,
    "not": _read_not,
    "for": _read_for,
    "trait": _read_trait,
    "trait_changed": _read_trait_changed,
    "event": _read_event,
    "spend": _read_spend,
    "life_event": _read_life_event,
    "trait_date": _read_trait_date,
    "sequence": _read_sequence,
    "segment": _read_segment,
    "bucket": _read_bucket,
}
