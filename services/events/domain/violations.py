"""What is said of an event that breaks its schema: where and which rule, in the schema's words alone.

The event's values, and names that the schema does not know, may be about a person; they appear nowhere in it.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import jsonschema_rs

from services.events.domain.records import Violation
from shared.plumbing import json

MOST = 20
"""Of one event; more would say nothing new."""
LONGEST_PATH = 200
LONGEST_MESSAGE = 200
ANY = "*"
"""Stands in a path for a place in a list, or a name that the schema does not know."""

SAID: dict[str, Callable[[dict[str, Any]], str]] = {
    "required": lambda _: "must be there",
    "dependentRequired": lambda _: "must be there beside another",
    "type": lambda rule: f"must be {' or '.join(rule['types'])}",
    "enum": lambda rule: f"must be one of {_shown(rule['options'])}",
    "const": lambda rule: f"must be {_shown(rule['expected_value'])}",
    "minimum": lambda rule: f"must be at least {_shown(rule['limit'])}",
    "maximum": lambda rule: f"must be at most {_shown(rule['limit'])}",
    "exclusiveMinimum": lambda rule: f"must be more than {_shown(rule['limit'])}",
    "exclusiveMaximum": lambda rule: f"must be less than {_shown(rule['limit'])}",
    "multipleOf": lambda rule: f"must be a multiple of {_shown(rule['multiple_of'])}",
    "minLength": lambda rule: f"must have at least {rule['limit']} characters",
    "maxLength": lambda rule: f"must have at most {rule['limit']} characters",
    "minItems": lambda rule: f"must have at least {rule['limit']} elements",
    "maxItems": lambda rule: f"must have at most {rule['limit']} elements",
    "minProperties": lambda rule: f"must have at least {rule['limit']} properties",
    "maxProperties": lambda rule: f"must have at most {rule['limit']} properties",
    "uniqueItems": lambda _: "must not have an element twice",
    "pattern": lambda rule: f"must match {rule['pattern']}",
    "format": lambda rule: f"must be in the format {rule['format']}",
    "additionalProperties": lambda _: "must have no properties that the schema does not name",
    "unevaluatedProperties": lambda _: "must have no properties that the schema does not name",
    "unevaluatedItems": lambda _: "must have no elements that the schema does not describe",
    "anyOf": lambda _: "must fit one of the schemas in anyOf",
    "oneOf": lambda _: "must fit exactly one of the schemas in oneOf",
    "not": lambda _: "must not fit the schema in not",
    "contains": lambda _: "must contain an element that fits the schema in contains",
    "minContains": lambda _: "must contain more elements that fit the schema in contains",
    "maxContains": lambda _: "must contain fewer elements that fit the schema in contains",
    "propertyNames": lambda _: "must have only property names that fit the schema in propertyNames",
    "false": lambda _: "must not be there",
}
TOLD_APART = {"required": frozenset({"dependentRequired"}), "contains": frozenset({"minContains", "maxContains"})}


def _shown(value: Any) -> str:
    return json.dumps_text(value)


def violations_of(
    event: str, errors: Iterable[jsonschema_rs.ValidationError], *, known: Collection[str]
) -> tuple[Violation, ...]:
    """Each (path, rule) once, at most `MOST`. `known`: the names that the schema speaks of."""
    found: dict[tuple[str, str], Violation] = {}
    for error in errors:
        rule, details = _rule_of(error), error.kind.as_dict()
        steps = [*error.instance_path, details["property"]] if "property" in details else error.instance_path
        path = _path(steps, known)
        found.setdefault((path, rule), Violation(event, path, rule, _message(rule, details)))
        if len(found) == MOST:
            break
    return tuple(found.values())


def _rule_of(error: jsonschema_rs.ValidationError) -> str:
    """The keyword. Some share a kind, and are told apart by where they stand."""
    name = error.kind.name
    if name == "falseSchema":
        return "false"
    apart = TOLD_APART.get(name, frozenset()).intersection(map(str, error.schema_path[-2:]))
    return str(*apart) if len(apart) == 1 else name


def _path(steps: Sequence[str | int], known: Collection[str]) -> str:
    """Dotted; "" for the properties themselves."""
    path = ".".join(step if isinstance(step, str) and step in known else ANY for step in steps)
    return path if len(path) <= LONGEST_PATH else path[: LONGEST_PATH - 1] + "…"


def _message(rule: str, details: dict[str, Any]) -> str:
    try:
        message = SAID[rule](details)
    except KeyError:
        message = f"breaks {rule}"
    return message if len(message) <= LONGEST_MESSAGE else message[: LONGEST_MESSAGE - 1] + "…"


def say(violations: Sequence[Violation]) -> str:
    """All of it in a sentence for whoever sent the event."""
    parts = [
        f"`{v.path}` {v.message} ({v.rule})" if v.path else f"the properties {v.message} ({v.rule})"
        for v in violations[:3]
    ]
    more = f"; and {len(violations) - 3} more" if len(violations) > 3 else ""
    return f"The event breaks its schema: {'; '.join(parts)}{more}."
