"""Where the conditions of one profile stand."""

from collections.abc import Mapping
from typing import Any

from services.segments.domain.engine.keeper import Leaves


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
    def of(cls, json: Mapping[str, Any]) -> "Standing":
        """As `to_json` gave it, or as nothing at all. What is given is changed."""
        return cls(json.get("leaves", {}), json.get("due", {}), json.get("since"))

    def to_json(self) -> dict[str, Any]:
        if not (self.leaves or self.due or self.since):
            return {}
        return {"leaves": self.leaves, "due": self.due} | ({"since": self.since} if self.since else {})

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
