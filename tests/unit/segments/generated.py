"""Generated conditions, profiles and histories: small ranges, so that boundaries meet."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from msgspec.structs import replace

from services.segments.domain.facts import TRAITS_CHANGED, Event, LifeEventFact, ProfileFacts

START = datetime(2024, 2, 27, tzinfo=UTC)
STEP = timedelta(hours=6)
STEPS = 32

Json = dict[str, object]
ORDER_NAMES = ["Order Completed", "Order Updated", "Order Cancelled", "Order Refunded", "Completed Order"]
NUMBERS: list[object] = [0, 1, 2, Decimal("0.1"), Decimal("1.0"), -1, Decimal("2.5")]
VALUES: list[object] = [*NUMBERS, "1", "a", True, False, None, ["a", 1], [{"k": 1}, {"k": 2}], {"k": 2}]

ZONES: list[object] = [
    "Pacific/Kiritimati", "America/New_York", "europe/berlin", "nowhere", "Pacific/Pago_Pago", 5
]  # fmt: skip

durations = st.sampled_from(["PT6H", "PT12H", "P1D", "P2D", "PT1S", "P100W"])
periods: SearchStrategy[Json] = st.sampled_from(["day", "day", "week", "month", "year"]).map(
    lambda name: {"this": name}
)
windows: SearchStrategy[Json] = st.one_of(
    st.just({}),
    durations.map(lambda length: {"within": length}),
    durations.map(lambda length: {"within": length}),
    periods,
)
day_offsets = st.integers(-3, 3)
cmps = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
thresholds = st.sampled_from(NUMBERS)
paths = st.sampled_from(["v", "w", "v.k", "a.b"])
names = st.sampled_from(["A", "B"])

_tests = st.one_of(
    st.tuples(cmps, st.sampled_from([value for value in VALUES if value is not None])),
    st.tuples(st.sampled_from(["in", "not_in"]), st.lists(st.sampled_from(VALUES), max_size=2)),
    st.tuples(st.sampled_from(["contains", "starts_with"]), st.sampled_from(["a", 1, True])),
    st.tuples(st.sampled_from(["exists", "not_exists"]), st.none()),
)


def _tested(kind: str) -> SearchStrategy[Json]:
    def build(path: str, test: tuple[str, object]) -> Json:
        return {kind: path, "op": test[0], **({} if test[1] is None else {"value": test[1]})}

    return st.builds(build, paths, _tests)


_compared_with = st.builds(
    lambda path, op, root, other: {"property": path, "op": op, "value_of": {root: other}},
    paths,
    cmps,
    st.sampled_from(["property", "property", "trait"]),
    paths,
)
predicates: SearchStrategy[Json] = st.one_of(
    _tested("property"),
    _compared_with,
    _tested("context"),
    st.builds(
        lambda path, inner: {"each": path, "where": inner},
        paths,
        st.lists(
            st.one_of(
                st.builds(lambda op, value: {"property": "k", "op": op, "value": value}, cmps, thresholds),
                st.builds(
                    lambda op, root: {"property": "k", "op": op, "value_of": {root: "v"}},
                    cmps,
                    st.sampled_from(["property", "trait"]),
                ),
            ),
            max_size=2,
        ),
    ),
)
wheres = st.lists(predicates, max_size=1)


def _optional(**fields: SearchStrategy[object]) -> SearchStrategy[Json]:
    return st.fixed_dictionaries({}, optional=dict(fields))


def _merged(*parts: SearchStrategy[Json]) -> SearchStrategy[Json]:
    return st.tuples(*parts).map(lambda found: {key: value for part in found for key, value in part.items()})


_selected: SearchStrategy[Json] = st.fixed_dictionaries(
    {"event": st.one_of(names, st.just(["A", "B"]))}, optional={"where": wheres}
)
_compared: SearchStrategy[Json] = _merged(st.fixed_dictionaries({"op": cmps, "value": thresholds}), windows)

traits = _tested("trait")
counts = _merged(_selected, _compared)
aggregates = _merged(
    _selected,
    _compared,
    st.fixed_dictionaries({"aggregate": st.sampled_from(["sum", "avg", "min", "max", "distinct"]), "property": paths}),
)
differences = _merged(
    _selected,
    _compared,
    st.fixed_dictionaries(
        {
            "aggregate": st.just("sum"),
            "property": paths,
            "minus": _merged(_selected, st.fixed_dictionaries({"property": paths})),
        }
    ),
)
spends = _merged(
    st.fixed_dictionaries({"spend": st.sampled_from(["total", "revenue"])}, optional={"currency": st.just("EUR")}),
    _compared,
)
life_events = st.builds(
    lambda kind, ends, subject: {
        "life_event": kind,
        "from": f"{'-' if min(ends) < 0 else ''}P{abs(min(ends))}D",
        "until": f"{'-' if max(ends) < 0 else ''}P{abs(max(ends))}D",
        **subject,
    },
    st.sampled_from(["birthday", "wedding"]),
    st.tuples(day_offsets, day_offsets),
    _optional(subject=st.sampled_from(["self", "child"])),
)
DATES: list[object] = [
    "2024-02-29", "2020-02-29", "1990-02-28", "2024-03-01", "2030-03-02", "2023-02-29", "0000-03-01", "2024-2-28",
    "2024-02-29T11:00:00Z", "2024-02-28t23:30:00.5+05:30", "2024-03-01 04:59:59-11:00", "2020-02-29T24:00:00Z",
    "2024-03-01T00:00:00", "9999-12-31T23:59:59Z", "9999-12-31", "0001-01-01", 20240229, None,
]  # fmt: skip
trait_dates: SearchStrategy[Json] = st.builds(
    lambda path, ends, recurs: {
        "trait_date": path,
        "from": f"{'-' if min(ends) < 0 else ''}P{abs(min(ends))}D",
        "until": f"{'-' if max(ends) < 0 else ''}P{abs(max(ends))}D",
        **recurs,
    },
    st.sampled_from(["on", "its.on"]),
    st.tuples(day_offsets, day_offsets),
    _optional(recurs=st.just("yearly")),
)
_as_the_first = st.one_of(
    st.builds(lambda path, op, other: {"property": path, "op": op, "value_of": {"first": other}}, paths, cmps, paths),
    st.builds(
        lambda path, op, other, more: {
            "each": path,
            "where": [{"property": "k", "op": op, "value_of": {"first": other}}, *more],
        },
        st.sampled_from(["v", "w"]),
        cmps,
        paths,
        wheres,
    ),
)
_second: SearchStrategy[Json] = st.one_of(
    _selected,
    st.fixed_dictionaries(
        {"event": names, "where": st.lists(st.one_of(_as_the_first, _as_the_first, predicates), min_size=1, max_size=2)}
    ),
)
sequences = st.builds(
    lambda first, second, absent, times: {"sequence": [first, {**second, **absent}], **times},
    _selected,
    _second,
    _optional(absent=st.booleans()),
    st.fixed_dictionaries({"gap": durations}, optional={"within": durations}),
)
buckets = st.builds(
    lambda ends, salt: {"bucket": [min(ends), max(ends) + 1], "salt": salt},
    st.tuples(st.integers(0, 99), st.integers(0, 99)),
    st.sampled_from(["", "x", "é"]),
)
trait_values = st.sampled_from([value for value in VALUES if value is not None])
moves: SearchStrategy[Json] = st.fixed_dictionaries(
    {"trait_changed": paths, "within": durations}, optional={"from": trait_values, "to": trait_values}
)
leaves: SearchStrategy[Json] = st.one_of(
    traits, moves, counts, aggregates, differences, spends, life_events, trait_dates, sequences, buckets
)


@cache  # to make one takes as long as to draw from it
def conditions(*, segments: tuple[str, ...] = (), lasting: tuple[str, ...] | None = None) -> SearchStrategy[Json]:
    """`segments`: those that may be referred to; `lasting`: those that a `for` may refer to, with `for`s if it is given."""
    fors = [] if lasting is None else [_fors(_combined(leaves, lasting, most=2))]
    return _combined(st.one_of(leaves, *fors, *fors), segments, most=4)


def _combined(single: SearchStrategy[Json], segments: tuple[str, ...], *, most: int) -> SearchStrategy[Json]:
    references = [st.sampled_from(segments).map(lambda key: {"segment": key})] if segments else []
    return st.recursive(
        st.one_of(single, *references),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3).map(lambda of: {"all": of}),
            st.lists(inner, max_size=3).map(lambda of: {"any": of}),
            inner.map(lambda of: {"not": of}),
        ),
        max_leaves=most,
    )


def _fors(of: SearchStrategy[Json]) -> SearchStrategy[Json]:
    return st.builds(lambda length, inner: {"for": length, "of": inner}, durations, of)


instants = st.builds(
    lambda step, nudge: START + step * STEP + timedelta(seconds=nudge),
    st.integers(0, STEPS),
    st.sampled_from([0, 0, 0, 1, -1]),
)
properties = st.fixed_dictionaries(
    {},
    optional={
        "v": st.sampled_from(VALUES),
        "w": st.sampled_from(VALUES),
        "a": st.just({"b": 2}),
        "a.b": st.just(1),
        "order_id": st.sampled_from(["1", 1, Decimal("1.0"), Decimal("1.5"), "2", "", True]),
        "total": st.sampled_from([*NUMBERS, "9"]),
        "revenue": st.sampled_from([*NUMBERS, None]),
        "currency": st.sampled_from(["EUR", "USD", 5]),
    },
)
_traits = st.fixed_dictionaries(
    {},
    optional={
        "v": st.sampled_from(VALUES),
        "w": st.sampled_from(VALUES),
        "a": st.sampled_from([{"b": 2}, {"b": 1, "c": 1}, {"b": None}, 3]),
        "a.b": st.sampled_from([1, 2]),
        "timezone": st.sampled_from(ZONES),
    },
)
trait_changes = st.builds(
    Event,
    timestamp=instants,
    message_id=st.sampled_from(["m1", "m2", "é", "Z"]),
    source=st.just("web"),
    name=st.just(TRAITS_CHANGED),
    properties=st.fixed_dictionaries({"before": _traits, "after": _traits}),
)
_named_events = st.builds(
    Event,
    timestamp=instants,
    message_id=st.sampled_from(["m1", "m2", "m3", "é", "Z"]),
    source=st.sampled_from(["web", "pos"]),
    name=st.one_of(names, st.sampled_from(ORDER_NAMES)),
    properties=properties,
    context=st.fixed_dictionaries({}, optional={"v": st.sampled_from(VALUES)}),
)


_events = st.one_of(_named_events, _named_events, _named_events, trait_changes)


def told_by(events: list[Event], now: datetime) -> list[Event]:
    """These, with no change of traits that is yet to come: what is known of a person is what they are."""
    return [replace(e, timestamp=min(e.timestamp, now)) if e.name == TRAITS_CHANGED else e for e in events]


def without_duplicates(events: list[Event]) -> list[Event]:
    """Each (source, message id) once: made unique where it is not."""
    return [
        Event(e.timestamp, f"{e.message_id}-{position}", e.source, e.name, e.properties, e.context)
        for position, e in enumerate(events)
    ]


histories = st.lists(_events, max_size=12).map(without_duplicates)
_order_events = st.builds(
    Event,
    timestamp=instants,
    message_id=st.sampled_from(["m1", "m2", "é", "Z"]),
    source=st.sampled_from(["web", "pos"]),
    name=st.sampled_from(ORDER_NAMES),
    properties=st.fixed_dictionaries(
        {
            "order_id": st.sampled_from(["1", 1, "2", "-:", ""]),
            "total": st.sampled_from([1, 2, 3, None, -1, Decimal("0.5")]),
        },
        optional={"currency": st.sampled_from(["EUR", "USD"]), "revenue": st.sampled_from([1, Decimal("0.5")])},
    ),
)
order_histories = st.lists(_order_events, min_size=2, max_size=10).map(without_duplicates)
_order_spends: SearchStrategy[Json] = st.fixed_dictionaries(
    {
        "spend": st.sampled_from(["total", "total", "total", "revenue"]),
        "op": cmps,
        "value": st.sampled_from([0, 1, 2, 3, 5]),
    },
    optional={"currency": st.sampled_from(["EUR", "EUR", "USD"])},
)
order_spends = _merged(
    _order_spends,
    st.one_of(
        st.just({}), st.sampled_from(["PT6H", "P1D", "P2D", "P100W"]).map(lambda length: {"within": length}), periods
    ),
)
several_spends = st.lists(order_spends, min_size=2, max_size=7)  # of which some share their orders
facts = st.builds(
    ProfileFacts,
    id=st.integers(0, 10**6).map(lambda number: UUID(int=number)),
    traits=st.fixed_dictionaries(
        {},
        optional={
            "v": st.sampled_from(VALUES),
            "w": st.sampled_from(VALUES),
            "a": st.just({"b": 2}),
            "on": st.sampled_from(DATES),
            "its": st.fixed_dictionaries({"on": st.sampled_from(DATES)}),
            "timezone": st.sampled_from(ZONES),
        },
    ),
    life_events=st.lists(
        st.builds(
            LifeEventFact,
            kind=st.sampled_from(["birthday", "wedding"]),
            date=st.sampled_from(
                [date(2020, 2, 29), date(1990, 2, 28), date(2024, 3, 1), date(2024, 2, 29), date(2030, 3, 2)]
            ),
            recurs=st.sampled_from(["yearly", None]),
            subject=st.sampled_from(["self", "child"]),
        ),
        max_size=2,
    ).map(tuple),
    default_zone=st.sampled_from(["UTC", "Asia/Kolkata"]),
)

_plain_sums = st.fixed_dictionaries(
    {
        "event": names,
        "aggregate": st.sampled_from(["count", "sum", "avg", "min", "max", "distinct"]),
        "property": st.just("v"),
        "op": cmps,
        "value": st.sampled_from([0, 1, 2, 3]),
    },
    optional={"minus": st.just({"event": "B", "property": "v"})},
).map(lambda leaf: leaf if leaf["aggregate"] == "sum" else {key: leaf[key] for key in leaf if key != "minus"})
_some: SearchStrategy[Json] = st.one_of(
    st.builds(lambda name, value: {"event": name, "op": ">=", "value": value}, names, st.sampled_from([1, 2])),
    st.just({"spend": "total", "op": ">", "value": 0}),
)
by_calendar = _merged(st.one_of(_some, _plain_sums, _order_spends), periods)
travellers = st.builds(
    ProfileFacts,
    id=st.just(UUID(int=1)),
    traits=st.sampled_from(
        ["Pacific/Kiritimati", "Asia/Tokyo", "Europe/Berlin", "America/New_York", "Pacific/Pago_Pago", "nowhere", None]
    ).map(lambda name: {} if name is None else {"timezone": name}),
)


def calendar_events(around: datetime) -> SearchStrategy[list[Event]]:
    """Within some days of an instant, most of them the last two."""
    hours = st.one_of(st.integers(-24, 0), st.integers(-48, 12), st.integers(-24 * 9, 24 * 9))
    values = st.sampled_from([1, 2, 1, Decimal("0.5"), -1, "a"])
    made = st.builds(
        lambda hour, name, value, number: Event(
            around + timedelta(hours=hour), "m", "web", name, {"v": value, "total": value, "order_id": number}
        ),
        hours,
        st.sampled_from(["A", "A", "B", *ORDER_NAMES]),
        values,
        st.sampled_from(["1", "2", "3", "4", ""]),
    )
    return st.lists(made, min_size=5, max_size=10).map(without_duplicates)
