"""What was met among the events, noted with them; and what a segment's condition is to be warned of by that."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from services.segments.domain.condition import Condition
from services.segments.domain.currencies import MOST, Mark, about, currency_of, mark_of
from services.segments.domain.parse import parse
from services.segments.domain.spending import COMPLETED
from services.segments.domain.warnings import event_names, warnings_of
from services.segments.store import met
from shared.language.errors import ConditionError
from shared.plumbing.db import Connection
from shared.plumbing.lanes import LANES, lane_of

MOST_NAMES = 100_000
Happened = tuple[UUID, str, Mapping[str, Any]]
"""Profile, event name, properties."""


class Met:
    """Writes only what is new. What is remembered is what a transaction found to be there: its own may yet be rolled back."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._marks: dict[Mark, int] | None = None
        self._currencies: set[str] = set()

    def may_note(self, name: str) -> bool:
        """Whether there may be anything to note of events of that name."""
        return name not in self._names or name in COMPLETED

    async def note(self, tx: Connection, happened: Sequence[Happened]) -> None:
        """In the transaction that keeps these events, and once in it."""
        await self._note_names(tx, {name for _, name, _ in happened})
        told = ((profile_id, currency_of(name, properties)) for profile_id, name, properties in happened)
        marks = [mark_of(whose, currency, lane=lane_of(whose)) for whose, currency in told if currency is not None]
        if marks:
            await self._note_marks(tx, marks)

    async def _note_names(self, tx: Connection, names: set[str]) -> None:
        wanted = names - self._names
        if wanted:
            there = wanted - await met.insert_names(tx, wanted)
            self._names |= there if len(self._names) < MOST_NAMES else set()

    async def _note_marks(self, tx: Connection, marks: Iterable[tuple[Mark, int]]) -> None:
        if self._marks is None:
            self._marks = await met.marks(tx)
            self._currencies = {mark.currency for mark in self._marks}
        higher: dict[Mark, int] = {}
        for mark, rank in marks:
            if rank > max(self._marks.get(mark, 0), higher.get(mark, 0)) and self._has_room(mark.currency):
                higher[mark] = rank
        if higher:
            raised = await met.raise_marks(tx, higher)
            self._marks.update({mark: rank for mark, rank in higher.items() if mark not in raised})

    def _has_room(self, currency: str) -> bool:
        if len(self._currencies) < MOST:
            self._currencies.add(currency)
        return currency in self._currencies


async def read_warnings(tx: Connection, conditions: Mapping[str, Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The warnings of each of these conditions, by key. What can't be read has none."""
    read = {key: condition for key, json in conditions.items() if (condition := _read(json)) is not None}
    names = frozenset[str]().union(*map(event_names, read.values()))
    known = await met.met_names(tx, names) if names else set()
    currencies = {currency: about(ranks, lanes=LANES) for currency, ranks in (await met.ranks_by_currency(tx)).items()}
    return {key: warnings_of(condition, met=known, currencies=currencies) for key, condition in read.items()}


def _read(json: Mapping[str, Any]) -> Condition | None:
    try:
        return parse(json)
    except ConditionError:
        return None
