"""The tracking plan: schemas of events' properties, and what they say of a message.

Values are compared exactly (Decimals), and patterns are matched in linear time, see docs/adr/0014.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jsonschema_rs
import msgspec

from services.events.domain.message import NAMES
from services.events.domain.records import Record, Refusal, Violation
from services.events.domain.schema_check import Fault, check_schema, names_in
from services.events.domain.usual import UsualWire
from services.events.domain.violations import say, violations_of
from shared.plumbing import json

REASON = "schema_violation"
PATTERNS = jsonschema_rs.RegexOptions(size_limit=60_000, dfa_size_limit=100_000)
"""An engine without backtracking; larger patterns are refused, so that any of them is cheap on any text."""
LARGE = 8 * 1024
"""Bytes; of a larger event only the first violation is looked for: thousands of them take a thousand times as long."""


class InvalidSchema(Exception):
    """It can't be used; says where and why."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(str(faults))
        self.faults = faults


class EventSchema:
    """What one event's properties must be. `sources`: those that it holds for, None for all."""

    def __init__(self, event: str, schema: Mapping[str, Any], *, rejects: bool, sources: Iterable[str] | None) -> None:
        """Raises InvalidSchema."""
        if faults := check_schema(schema):
            raise InvalidSchema(faults)
        self.event = event
        self.rejects = rejects
        self.sources = None if sources is None else frozenset(sources)
        self._names = names_in(schema)
        self._validator = _compile(schema)

    def violations(self, payload: bytes) -> tuple[Violation, ...]:
        """What the event with this payload breaks."""
        properties = json.loads(payload).get("properties", {})
        try:
            if self._validator.is_valid(properties):
                return ()
            return violations_of(self.event, self._errors(properties, is_large=len(payload) > LARGE), known=self._names)
        except ValueError:
            return (Violation(self.event, "", "depth", "does not fit, and nests too deeply to say where"),)

    def _errors(self, properties: Any, *, is_large: bool) -> Iterable[jsonschema_rs.ValidationError]:
        if not is_large:
            return self._validator.iter_errors(properties)
        try:
            self._validator.validate(properties)
        except jsonschema_rs.ValidationError as error:
            return [error]
        return []


def _compile(schema: Mapping[str, Any]) -> jsonschema_rs.Draft202012Validator:
    try:
        return jsonschema_rs.Draft202012Validator(
            json.dumps_text(schema), validate_formats=True, pattern_options=PATTERNS, offline=True
        )
    except jsonschema_rs.ValidationError as error:
        raise InvalidSchema([Fault(tuple(error.instance_path), error.message)]) from error
    except (jsonschema_rs.ReferencingError, ValueError) as error:
        raise InvalidSchema([Fault((), str(error).partition("\n")[0])]) from error


class Plan:
    """The schemas that hold for one source, by event."""

    def __init__(self, schemas: Iterable[EventSchema]) -> None:
        self.schemas = {schema.event: schema for schema in schemas}
        self._events = frozenset(self.schemas)
        self._types = frozenset(kind for kind, name in NAMES.items() if name in self.schemas)

    def speaks_of(self, wires: Sequence[UsualWire]) -> bool:
        """Whether one of these messages may have a schema."""
        if not self._events:
            return False
        if self._types and not self._types.isdisjoint([wire.type for wire in wires]):
            return True
        return not self._events.isdisjoint([wire.event for wire in wires])


class Plans:
    """All schemas there are; each source's own plan is put together when it is first asked for."""

    def __init__(self, schemas: Sequence[EventSchema] = ()) -> None:
        self._schemas = schemas
        self._plans: dict[str, Plan] = {}

    def of(self, source: str) -> Plan:
        """Those that hold for this source."""
        plan = self._plans.get(source)
        if plan is None:
            mine = [schema for schema in self._schemas if schema.sources is None or source in schema.sources]
            plan = self._plans[source] = Plan(mine)
        return plan


def judge(message: Record | Refusal, plan: Plan) -> Record | Refusal:
    """The record with what it breaks, or its refusal if its schema wants that."""
    schema = plan.schemas.get(message.name or "") if isinstance(message, Record) else None
    if schema is None or isinstance(message, Refusal):
        return message
    violations = schema.violations(message.payload)
    if not violations:
        return message
    if schema.rejects:
        return Refusal(REASON, say(violations), message.message_id, message.user_id, message.anonymous_id, violations)
    return msgspec.structs.replace(message, violations=violations)
