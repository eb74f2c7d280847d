"""Generated conditions on the past and on traits that turn often, and histories in which they do."""

from decimal import Decimal

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from services.segments.domain.facts import TRAITS_CHANGED, Event
from tests.unit.segments.generated import START, STEP, Json, instants, names, without_duplicates

_short = st.sampled_from(["PT6H", "PT12H", "P1D"])
_as_the_trait = st.builds(
    lambda op, value: {"event": "A", "where": [{"property": "v", "op": op, "value_of": {"trait": "v"}}], **value},
    st.sampled_from(["=", "!=", ">"]),
    st.fixed_dictionaries({"op": st.just(">="), "value": st.sampled_from([1, 2]), "within": _short}),
)
_as_the_first: SearchStrategy[Json] = st.one_of(
    st.builds(
        lambda path, op, other: {"property": path, "op": op, "value_of": {"first": other}},
        st.sampled_from(["v", "v", "l.k"]),
        st.sampled_from(["=", "=", "!=", "<", ">="]),
        st.sampled_from(["v", "v", "v", "l.k"]),
    ),
    st.builds(
        lambda op, more: {"each": "l", "where": [{"property": "k", "op": op, "value_of": {"first": "v"}}, *more]},
        st.sampled_from(["=", "=", "!=", "<"]),
        st.sampled_from(
            [
                [],
                [{"property": "n", "op": "exists"}],
                [{"property": "n", "op": "=", "value_of": {"first": "v"}}],
                [{"property": "n", "op": "=", "value_of": {"trait": "v"}}],
            ]
        ),
    ),
)
pairs: SearchStrategy[Json] = st.builds(
    lambda first, second, where, absent, times: {
        "sequence": [{"event": first}, {"event": second, "where": where, **absent}],
        **times,
    },
    st.just("A"),
    st.sampled_from(["B", "B", "A"]),
    st.lists(_as_the_first, min_size=1, max_size=2),
    st.sampled_from([{}, {"absent": True}]),
    st.fixed_dictionaries({"gap": _short}, optional={"within": st.sampled_from(["PT12H", "P1D", "P2D"])}),
)
_turning: SearchStrategy[Json] = st.one_of(
    _as_the_trait,
    pairs,
    st.fixed_dictionaries(
        {"event": names, "op": st.sampled_from([">=", "="]), "value": st.sampled_from([1, 0, 2]), "within": _short}
    ),
    st.builds(
        lambda absent, gap: {
            "sequence": [{"event": "A"}, {"event": "B", "absent": absent}],
            "gap": gap,
            "within": "P1D",
        },
        st.booleans(),
        st.sampled_from(["PT6H", "PT12H"]),
    ),
    st.builds(lambda op, value: {"trait": "v", "op": op, "value": value}, st.sampled_from(["=", "!="]), st.just(1)),
    st.fixed_dictionaries(
        {
            "event": names,
            "op": st.sampled_from([">=", "="]),
            "value": st.sampled_from([1, 0, 2]),
            "this": st.sampled_from(["day", "week"]),
        }
    ),
    st.fixed_dictionaries(
        {"spend": st.just("total"), "op": st.just(">="), "value": st.just(1), "this": st.sampled_from(["day", "month"])}
    ),
    st.just({"life_event": "birthday", "from": "P0D", "until": "P1D"}),
    st.just({"trait_date": "on", "from": "P0D", "until": "P1D"}),
)
_often_true = st.one_of(
    _turning, _turning.map(lambda of: {"not": of}), st.tuples(_turning, _turning).map(lambda two: {"any": [*two]})
)
comparisons = st.one_of(
    _as_the_trait,
    st.tuples(_as_the_trait, _as_the_trait).map(
        lambda two: {"sequence": [_step(two[0]), {**_step(two[1]), "event": "B"}], "gap": "PT12H"}
    ),
    _as_the_trait.map(
        lambda one: {**_step(one), "aggregate": "sum", "property": "v", "within": "P1D", "op": ">", "value": 2}
    ),
    _as_the_trait.map(lambda one: {**_step(one), "this": "day", "op": ">=", "value": 1}),
)


def _step(leaf: Json) -> Json:
    return {"event": leaf["event"], "where": leaf["where"]}


fors: SearchStrategy[Json] = st.builds(
    lambda length, of, around: (
        {around: [{"trait": "w", "op": "exists"}, {"for": length, "of": of}]} if around else {"for": length, "of": of}
    ),
    _short,
    _often_true,
    st.sampled_from(["", "", "any", "all"]),
)
_plain_events = st.builds(
    Event,
    timestamp=instants,
    message_id=st.just("m"),
    source=st.just("web"),
    name=names,
    properties=st.fixed_dictionaries({"v": st.sampled_from([1, 2])}),
)
_steps = st.builds(
    Event,
    timestamp=st.integers(0, 10).map(lambda step: START + step * STEP),
    message_id=st.just("m"),
    source=st.just("web"),
    name=names,
    properties=st.fixed_dictionaries(
        {
            "v": st.sampled_from([1, 2, 3, Decimal("2.0"), "1"]),
            "l": st.lists(
                st.fixed_dictionaries({"k": st.sampled_from([1, 2, 3])}, optional={"n": st.sampled_from([1, 2])}),
                max_size=3,
            ),
        },
    ),
)
paired = st.lists(_steps, min_size=6, max_size=10).map(without_duplicates)
_plain_changes = st.builds(
    Event,
    timestamp=instants,
    message_id=st.just("m"),
    source=st.just("web"),
    name=st.just(TRAITS_CHANGED),
    properties=st.builds(
        lambda key, before, after: {"before": {key: before}, "after": {key: after}},
        st.sampled_from(["v", "v", "timezone", "on"]),
        st.sampled_from([1, 2, "2024-03-01", "Pacific/Kiritimati"]),
        st.sampled_from([1, 2, "2024-02-29", "UTC"]),
    ),
)
histories = st.lists(
    st.one_of(_plain_events, _plain_events, _plain_events, _plain_changes), min_size=4, max_size=12
).map(without_duplicates)
