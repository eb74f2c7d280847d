"""Where the conditions of one profile stand."""

from typing import Any

import msgspec

from services.segments.domain.engine.keeper import Leaves
from shared.plumbing import json
from shared.plumbing.json import Raw


class _Stored(msgspec.Struct, omit_defaults=True):
    leaves: dict[str, Any] = {}
    due: dict[str, int] = {}
    since: dict[str, int] = {}


class _Unread(_Stored):
    leaves: dict[str, Raw] = {}


_unread = msgspec.json.Decoder(_Unread)
_get = dict[str, Any].get  # thousands a second; `super()` would take longer than this


class _StoredLeaves(dict[str, Any]):
    """Each is read when it is first asked for: an event asks for a few of many."""

    def __getitem__(self, key: str) -> Any:
        return self._read(key, super().__getitem__(key))

    def get(self, key: str, default: Any = None) -> Any:
        kept = _get(self, key, default)
        if kept.__class__ is Raw:
            kept = self[key] = json.loads(kept)
        return kept

    def items(self) -> Any:
        for key in self:
            _ = self[key]
        return super().items()

    def _read(self, key: str, kept: Any) -> Any:
        if kept.__class__ is Raw:
            kept = self[key] = json.loads(kept)
        return kept


class Standing:
    """What is kept of the leaves, and by formula the instant at which its truth may next change. Changed in place.

    `since`: by `for`, since when its condition has been true without a break, where it is. `recalled`: those that were worked
    out anew, and at which instant.
    `next_at`: the earliest of those instants, None if there is none.
    """

    __slots__ = ("_next_at", "_next_is_known", "due", "leaves", "recalled", "since")

    def __init__(self, leaves: Leaves, due: dict[str, int], since: dict[str, int] | None = None) -> None:
        self.leaves = leaves
        self.due = due
        self.since = {} if since is None else since
        self.recalled: dict[str, int] = {}
        self._next_at: int | None = None
        self._next_is_known = False

    @classmethod
    def read(cls, text: str) -> "Standing":
        """As `written` gave it, or an empty object."""
        stored = _unread.decode(text)
        return cls(_StoredLeaves(stored.leaves), stored.due, stored.since)

    def written(self) -> str:
        """As JSON."""
        return json.dumps_text(_Stored(self.leaves, self.due, self.since))

    @property
    def next_at(self) -> int | None:
        if not self._next_is_known:
            self._next_at, self._next_is_known = min(self.due.values(), default=None), True
        return self._next_at

    def plan(self, formula: str, at: int | None) -> None:
        """`at`: when its truth may next change."""
        old = self.due.get(formula)
        if at == old:
            return
        if at is None:
            del self.due[formula]
        else:
            self.due[formula] = at
        if not self._next_is_known:
            return
        if at is not None and (self._next_at is None or at <= self._next_at):
            self._next_at = at
        elif old == self._next_at:
            self._next_is_known = False

    def forget_plans(self) -> None:
        self.due.clear()
        self._next_is_known = False
