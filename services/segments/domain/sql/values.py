"""Paths, comparisons and predicates over jsonb. Every boolean expression is true or false, never null.

In the second step of a sequence, `first` is the row of the first one.
"""

import json
from collections.abc import Iterable
from typing import assert_never

from services.segments.domain.sql.parameters import Parameters
from shared.language.compare import NEGATED, Op, kind_of
from shared.language.predicates import Changed, ContextTest, Each, Predicate, PropertyTest, ValueOf


def all_of(expressions: Iterable[str]) -> str:
    return " AND ".join(expressions) or "true"


def predicates_hold(predicates: Iterable[Predicate], event: str, root: str, parameters: Parameters) -> str:
    """Over the properties `root` of the row `event`, or of an element of theirs."""
    return all_of(_predicate_holds(predicate, event, root, parameters) for predicate in predicates)


def _predicate_holds(predicate: Predicate, event: str, root: str, parameters: Parameters) -> str:
    match predicate:
        case PropertyTest(path, op, _, ValueOf(of, other)):
            holder = "first.properties" if of == "first" else root
            return _compares_with(one_at(holder, other, parameters), root, path, op, parameters)
        case PropertyTest(path, op, value):
            return comparison_holds(root, path, op, value, parameters)
        case ContextTest(path, op, value):
            return comparison_holds(f"{event}.context", path, op, value, parameters)
        case Each(path, where):
            found = one_at(root, path, parameters)
            element = parameters.alias("element")
            holds = predicates_hold(where, event, f"{element}.value", parameters)
            return f"EXISTS (SELECT FROM jsonb_array_elements({_list_or_nothing(found)}) AS {element} WHERE {holds})"
        case Changed():
            return _is_changed(predicate, root, parameters)
        case _:
            assert_never(predicate)


def _compares_with(other: str, root: str, path: str, op: Op, parameters: Parameters) -> str:
    """With another value of the history."""
    positive = NEGATED.get(op)
    if positive is not None:
        return f"NOT {_compares_with(other, root, path, positive, parameters)}"
    left, right = "found.value", f"({other})"
    alike = f"jsonb_typeof({left}) = jsonb_typeof({right})"
    if op == "=":
        some = f"{alike} AND jsonb_typeof({left}) IN ('string', 'number', 'boolean') AND {left} = {right}"
    else:
        numbers = f"({left})::numeric {op} ({right})::numeric"
        texts = f"{as_text(left)} {op} {as_text(right)}"
        ordered = f"CASE jsonb_typeof({left}) WHEN 'number' THEN {numbers} WHEN 'string' THEN {texts} ELSE false END"
        some = f"CASE WHEN {alike} THEN {ordered} ELSE false END"
    if "." in path:
        found = f"jsonb_array_elements({_all_at(root, path, parameters)})"
    else:
        found = f"(SELECT {root} -> {parameters.add(path, 'text')} AS value)"
    return f"EXISTS (SELECT FROM {found} AS found WHERE {some})"


def _is_changed(predicate: Changed, root: str, parameters: Parameters) -> str:
    before, after = (f"({one_at(f'({root} -> {key})', predicate.path, parameters)})" for key in ("'before'", "'after'"))
    fits = [f"jsonb_typeof({value}) <> 'null'" for value in (before, after)]
    for value, asked in ((before, predicate.old), (after, predicate.new)):
        if asked is not None:
            fits.append(f"{value} = {parameters.add(asked, 'jsonb')}" if kind_of(asked) else "false")
    return f"coalesce({before} <> {after} AND {all_of(fits)}, false)"


def one_at(root: str, path: str, parameters: Parameters) -> str:
    """The value at a path that does not lead through lists, or null."""
    steps = path.split(".")
    walked = root + "".join(f" -> {parameters.add(step, 'text')}" for step in steps)
    return walked if len(steps) == 1 else _whole_key_first(root, path, "{}", walked, parameters)


def _all_at(root: str, path: str, parameters: Parameters) -> str:
    """A jsonb list of all values the path leads to: in its lax mode a jsonpath step unwraps one list, as ours does."""
    steps = "$" + "".join("." + json.dumps(step, ensure_ascii=False) for step in path.split("."))
    walked = f"jsonb_path_query_array({root}, {parameters.add(steps, 'text')}::jsonpath)"
    of_object = f"CASE jsonb_typeof({root}) WHEN 'object' THEN {walked} ELSE '[]' END"
    return _whole_key_first(root, path, "jsonb_build_array({})", of_object, parameters)


def _whole_key_first(root: str, path: str, form: str, otherwise: str, parameters: Parameters) -> str:
    key = parameters.add(path, "text")
    return f"CASE WHEN {root} ? {key} THEN {form.format(f'{root} -> {key}')} ELSE {otherwise} END"


def _list_or_nothing(found: str) -> str:
    return f"CASE jsonb_typeof({found}) WHEN 'array' THEN {found} ELSE '[]' END"


def comparison_holds(root: str, path: str, op: Op, value: object, parameters: Parameters) -> str:
    positive = NEGATED.get(op)
    if positive is not None:
        return f"NOT {comparison_holds(root, path, positive, value, parameters)}"
    if not _can_hold(op, value):
        return "false"
    if "." not in path:
        found = f"({root} -> {parameters.add(path, 'text')})"
        return f"coalesce({_satisfies(found, op, value, parameters)}, false)"
    some = _satisfies("found.value", op, value, parameters)
    return f"EXISTS (SELECT FROM jsonb_array_elements({_all_at(root, path, parameters)}) AS found WHERE {some})"


def _can_hold(op: Op, value: object) -> bool:
    """Whether a positive operator with that value is true of anything."""
    if op in ("exists", "in"):
        return True
    return kind_of(value) in _KINDS.get(op, ("number", "string", "boolean"))


_KINDS: dict[Op, tuple[str, ...]] = {
    "<": ("number", "string"),
    "<=": ("number", "string"),
    ">": ("number", "string"),
    ">=": ("number", "string"),
    "starts_with": ("string",),
}


def _satisfies(found: str, op: Op, value: object, parameters: Parameters) -> str:
    match op:
        case "exists":
            return f"jsonb_typeof({found}) <> 'null'"
        case "=":
            return f"{found} = {parameters.add(value, 'jsonb')}"
        case "in":
            options = [option for option in value if kind_of(option)] if isinstance(value, list) else []
            return f"{found} = ANY ({parameters.add(options, 'jsonb[]')})"
        case "contains":
            return _contains(found, value, parameters)
        case "starts_with":
            return _if_kind(found, "string", f"starts_with({as_text(found)}, {parameters.add(value, 'text')})")
        case _:
            return _is_ordered(found, op, value, parameters)


def _is_ordered(found: str, op: Op, value: object, parameters: Parameters) -> str:
    if kind_of(value) == "number":
        return _if_kind(found, "number", f"({found})::numeric {op} {parameters.add(value, 'numeric')}")
    return _if_kind(found, "string", f"{as_text(found)} {op} {parameters.add(value, 'text')}")


def _contains(found: str, value: object, parameters: Parameters) -> str:
    in_list = f"{found} @> jsonb_build_array({parameters.add(value, 'jsonb')})"
    in_text = f"strpos({as_text(found)}, {parameters.add(value, 'text')}) > 0" if isinstance(value, str) else "false"
    return f"CASE jsonb_typeof({found}) WHEN 'array' THEN {in_list} WHEN 'string' THEN {in_text} ELSE false END"


def _if_kind(found: str, kind: str, then: str) -> str:
    """CASE, for AND promises no order: a cast of another kind would fail."""
    return f"CASE jsonb_typeof({found}) WHEN '{kind}' THEN {then} ELSE false END"


def as_text(found: str) -> str:
    """Compared by code point: in UTF-8 that is the order of the bytes."""
    return f"({found} #>> '{{}}') COLLATE \"C\""


def as_number(found: str) -> str:
    """Null where it is no number."""
    return f"CASE jsonb_typeof({found}) WHEN 'number' THEN ({found})::numeric END"
