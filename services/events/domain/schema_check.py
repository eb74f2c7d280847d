"""Whether a JSON Schema may be used here: one document, of limited size, that takes little to evaluate for any event."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from shared.plumbing import json

MAX_BYTES = 64 * 1024
MAX_DEPTH = 40
MAX_PATTERNS = 100
MAX_PLACES = 5000
"""Schemas within the schema, each counted as often as references lead to it."""
MAX_CHAIN = 100
"""Schemas that lead to one another."""

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FORMATS = frozenset(
    {
        "date", "time", "date-time", "duration", "email", "idn-email", "hostname", "idn-hostname", "ipv4", "ipv6", "uri",
        "uri-reference", "iri", "iri-reference", "uri-template", "uuid", "json-pointer", "relative-json-pointer",
    }
)  # fmt: skip
ONE = frozenset(
    {
        "items", "contains", "additionalProperties", "unevaluatedItems", "unevaluatedProperties", "propertyNames", "not", "if",
        "then", "else", "contentSchema", "additionalItems",
    }
)  # fmt: skip
SEVERAL = frozenset({"allOf", "anyOf", "oneOf", "prefixItems", "items"})
NAMED = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"})
BANNED = frozenset({"$dynamicRef", "$recursiveRef", "$dynamicAnchor", "$anchor", "$vocabulary"})
Place = tuple[str | int, ...]


class Fault(NamedTuple):
    """What is wrong, and where in the schema."""

    place: Place
    message: str


class _TooMuch(Exception):
    """More than anybody needs to describe an event; evaluated for every event it would be a burden."""


def check_schema(schema: Mapping[str, Any]) -> list[Fault]:
    """Everything about it that is refused here; whether it is a valid schema at all is not looked at."""
    if len(json.dumps(schema)) > MAX_BYTES:
        return [Fault((), f"larger than {MAX_BYTES // 1024} KB")]
    if _is_deep(schema):
        return [Fault((), f"nested deeper than {MAX_DEPTH} levels")]
    places = dict(_walk(schema, ()))
    faults = [fault for place, part in places.items() for fault in _faults_of(place, part, places)]
    if sum(map(_patterns_of, places.values())) > MAX_PATTERNS:
        faults.append(Fault((), f"more than {MAX_PATTERNS} patterns"))
    return faults or _check_expansion(places)


def names_in(schema: Mapping[str, Any]) -> frozenset[str]:
    """Every name of a property that the schema itself speaks of."""
    names: set[str] = set()
    for _, part in _walk(schema, ()):
        for keyword in ("properties", "dependentRequired", "dependentSchemas", "dependencies"):
            names |= _mapping(part.get(keyword)).keys()
        lists = [part.get("required"), *_mapping(part.get("dependentRequired")).values()]
        names |= {name for some in lists if isinstance(some, list) for name in some if isinstance(name, str)}
    return frozenset(names)


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            item
            for outer in level
            for item in (outer.values() if isinstance(outer, Mapping) else outer)
            if isinstance(item, Mapping | list)
        ]
        if not level:
            return False
    return True


def _walk(schema: Any, place: Place) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    """Every schema within, the outermost first, by its place. (What `true` and `false` say needs no look.)"""
    if not isinstance(schema, Mapping):
        return
    yield place, schema
    for inner in _inner(schema):
        yield from _walk(_at(schema, inner), (*place, *inner))


def _inner(schema: Mapping[str, Any]) -> Iterator[Place]:
    """The places of the schemas that stand directly in this one."""
    for keyword, value in schema.items():
        if keyword in NAMED:
            yield from ((keyword, name) for name in _mapping(value))
        elif keyword in SEVERAL and isinstance(value, list):
            yield from ((keyword, number) for number in range(len(value)))
        elif keyword in ONE:
            yield (keyword,)


def _at(value: Any, place: Place) -> Any:
    for step in place:
        value = value[step]
    return value


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _patterns_of(part: Mapping[str, Any]) -> int:
    return ("pattern" in part) + len(_mapping(part.get("patternProperties")))


def _faults_of(place: Place, part: Mapping[str, Any], places: Mapping[Place, Any]) -> Iterator[Fault]:
    for keyword in BANNED & part.keys():
        yield Fault((*place, keyword), "not supported; use `$ref` with `#/$defs/...`")
    if place and "$id" in part:
        yield Fault((*place, "$id"), "only the whole schema may have one")
    if part.get("$schema", DIALECT) not in (DIALECT, DIALECT + "#"):
        yield Fault((*place, "$schema"), f"must be {DIALECT}")
    if "format" in part and part["format"] not in FORMATS:
        yield Fault((*place, "format"), f"must be one of {', '.join(sorted(FORMATS))}")
    if "$ref" in part and target_of(part["$ref"]) not in places:
        yield Fault((*place, "$ref"), "must lead to a schema in this document (`#/$defs/...`); nothing is fetched")


def target_of(reference: Any) -> Place | None:
    """Where `#/$defs/name` leads; None for what leads out of the document."""
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return None
    steps = (step.replace("~1", "/").replace("~0", "~") for step in reference[2:].split("/"))
    return tuple(steps)


def _check_expansion(places: Mapping[Place, Mapping[str, Any]]) -> list[Fault]:
    sizes: dict[Place, int] = {}
    try:
        size = _size((), places, sizes, frozenset())
    except _TooMuch as error:
        return [Fault((), str(error))]
    return (
        [Fault((), f"more than {MAX_PLACES} schemas, those that are referred to counted each time")]
        if size > MAX_PLACES
        else []
    )


def _size(
    place: Place, places: Mapping[Place, Mapping[str, Any]], sizes: dict[Place, int], above: frozenset[Place]
) -> int:
    """How many schemas an evaluation may go through. Raises _TooMuch if there is no end to them."""
    if place in above:
        raise _TooMuch("a `$ref` leads back to where it stands; schemas that contain themselves are not supported")
    if len(above) > MAX_CHAIN:
        raise _TooMuch(f"references lead through more than {MAX_CHAIN} schemas")
    if place not in sizes and place in places:
        part = places[place]
        within = [(*place, *inner) for inner in _inner(part) if inner[0] not in ("$defs", "definitions")]
        reference = target_of(part.get("$ref"))
        if reference is not None:
            within.append(reference)
        sizes[place] = 1 + sum(_size(next_, places, sizes, above | {place}) for next_ in within)
    return sizes.get(place, 1)
