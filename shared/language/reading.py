"""Reads untrusted JSON into trees: collects every fault with its path, and keeps to the limits of size."""

import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TypeVar

from shared.language.compare import OPS, Op
from shared.language.errors import ConditionError, Fault
from shared.language.exact import Number, is_number, within_limits

Loc = tuple[str | int, ...]
Object = dict[str, object]
_HALVES = re.compile("[\ud800-\udfff]")
T = TypeVar("T")

MAX_DEPTH = 20
MAX_NODES = 500


class Reading:
    """One definition being read. Readers report faults here and go on, so that all are found at once."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._nodes = 0
        self._depth = 0

    def fault(self, loc: Loc, msg: str) -> None:
        self._faults.append({"loc": list(loc), "msg": msg})

    def finish(self) -> None:
        """Raises what was found, if anything."""
        if self._faults:
            raise ConditionError(self._faults)

    @contextmanager
    def nested(self) -> Iterator[None]:
        self._depth += 1
        yield
        self._depth -= 1

    def node(self, json: object, loc: Loc, *, kinds: Collection[str]) -> tuple[str, Object] | None:
        """The kind of one node and its object; None, with a fault, where it is not exactly one of `kinds`."""
        self._nodes += 1
        if self._nodes > MAX_NODES:
            if self._nodes == MAX_NODES + 1:
                self.fault(loc, f"must have at most {MAX_NODES} nodes")
            return None
        if self._depth > MAX_DEPTH:
            self.fault(loc, f"must be nested at most {MAX_DEPTH} deep")
            return None
        found = self.fields(json, loc)
        if found is None:
            return None
        named = [kind for kind in found if kind in kinds]
        if len(named) == 1:
            return named[0], found
        self.fault(
            loc,
            f"must have exactly one of {', '.join(kinds)}" + (f", not {' and '.join(named)}" if named else ""),
        )
        return None

    def fields(self, json: object, loc: Loc) -> Object | None:
        if isinstance(json, dict):
            return json
        self.fault(loc, "must be an object")
        return None

    def keys(self, found: Object, loc: Loc, *, required: Collection[str], optional: Collection[str] = ()) -> None:
        for key in found:
            if key not in required and key not in optional:
                self.fault((*loc, key), "is not known here")
        for key in required:
            if key not in found:
                self.fault((*loc, key), "is missing")

    def items(self, json: object, loc: Loc) -> Iterator[tuple[object, Loc]]:
        """The elements of a list with their paths; a fault if it is none."""
        if not isinstance(json, list):
            self.fault(loc, "must be a list")
            return
        for position, item in enumerate(json):
            yield item, (*loc, position)

    def text(self, found: Object, key: str, loc: Loc) -> str:
        """The string under `key`; "" with a fault otherwise. A missing key is for `keys` to report."""
        value = found.get(key, "")
        if not isinstance(value, str):
            self.fault((*loc, key), "must be a string")
            return ""
        self._storable(value, (*loc, key))
        return value

    def choice(self, found: Object, key: str, loc: Loc, options: Collection[T]) -> T | None:
        for option in options:
            if key in found and found[key] == option:
                return option
        if key in found:
            self.fault((*loc, key), f"must be one of {', '.join(map(str, options))}")
        return None

    def number(self, found: Object, key: str, loc: Loc) -> Number | None:
        """None, with a fault, where it is no number; a missing key is for `keys` to report."""
        value = found.get(key)
        self.value(value, (*loc, key))
        if is_number(value):
            return value
        if key in found:
            self.fault((*loc, key), "must be a number")
        return None

    def converted(self, found: Object, key: str, loc: Loc, convert: Callable[[object], T]) -> T | None:
        """`convert` of the value under `key`, its ValueError as a fault; None where the key is absent."""
        if key not in found:
            return None
        try:
            return convert(found[key])
        except ValueError as error:
            self.fault((*loc, key), str(error))
            return None

    def test(self, found: Object, loc: Loc) -> tuple[Op, object] | None:
        """The `op` and `value` of a comparison with a path."""
        op = self.choice(found, "op", loc, OPS)
        if op is None:
            return None
        value = found.get("value")
        self.value(value, (*loc, "value"))
        if op in ("exists", "not_exists"):
            return op, None
        if value is None:
            self.fault((*loc, "value"), "is missing")
        elif op in ("in", "not_in") and not isinstance(value, list):
            self.fault((*loc, "value"), "must be a list")
        return op, value

    def value(self, json: object, loc: Loc) -> None:
        """Checks everything inside: exact numbers within the limits, text that can be stored."""
        pending: list[object] = [json]  # not recursive: nothing else limits how deep a value is nested
        while pending:
            value = pending.pop()
            if isinstance(value, dict):
                pending.extend(value.keys())
                pending.extend(value.values())
            elif isinstance(value, list):
                pending.extend(value)
            elif isinstance(value, str):
                self._storable(value, loc)
            elif isinstance(value, float) or (is_number(value) and not within_limits(value)):
                self.fault(loc, "must be a number of at most 40 digits, with an exponent within 100")

    def _storable(self, text: str, loc: Loc) -> None:
        if "\x00" in text or _HALVES.search(text):
            self.fault(loc, "must not contain U+0000 or half a character")
