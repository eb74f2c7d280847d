"""One transaction on people: load them, let the caller decide, write what became of them, tell the others."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from services.profiles.domain.fold import Erasing, Fold
from services.profiles.domain.names import Rules
from services.profiles.store import devices as devices_store
from services.profiles.store import erasures as erasures_store
from services.profiles.store import people as people_store
from services.profiles.store import records as records_store
from services.profiles.store.people import Wanted
from shared.plumbing import feed, json
from shared.plumbing.clock import Clock
from shared.plumbing.db import Connection, Database
from shared.plumbing.feed import Entry
from shared.plumbing.lanes import lane_of
from shared.plumbing.wake import Wake

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Book:
    """How people are kept: where, by which rules, with which key for the hashes of erased names."""

    db: Database
    wake: Wake
    clock: Clock
    rules: Rules
    erasure_key: str

    async def change(self, wanted: Wanted, decide: Callable[[Connection, Fold], Awaitable[T]]) -> T:
        """One transaction on people, done again when another came first; the others are told after it."""

        async def work(tx: Connection) -> T:
            fold = await self.open(tx, wanted)
            result = await decide(tx, fold)
            await self.close(tx, fold)
            return result

        result = await self.db.run(work)
        self.wake.hint()
        return result

    async def open(self, tx: Connection, wanted: Wanted) -> Fold:
        """The people wanted, held to the end of the transaction."""
        people = await people_store.load_people(tx, wanted, self.rules, self.erasure_key)
        return Fold(people, self.clock.now())

    async def close(self, tx: Connection, fold: Fold) -> None:
        """Write everything down. Call it last: it appends to the feed."""
        people = fold.people
        await people_store.save_people(tx, people, self.erasure_key)
        if people.merges:
            await records_store.move_records(tx, people.merges, people.final)
            await devices_store.move_devices(tx, people.merges, people.final)
        if fold.devices:
            await devices_store.write_devices(tx, fold.devices, people.final)
        await records_store.write_suppressions(tx, fold.suppressions, people.final, fold.now)
        entries: list[Entry] = []
        spans: list[tuple[Erasing, slice]] = []
        for told in fold.told:
            start = len(entries)
            if isinstance(told, Erasing):
                entries += await erasures_store.forget(tx, told, phone_region=self.rules.phone_region, now=fold.now)
                spans.append((told, slice(start, len(entries))))
            else:
                entries.append(Entry(lane_of(told.profile_id), told.profile_id, json.dumps_text(told)))
        if not entries:
            return
        first = await feed.append(tx, entries, at=fold.now)
        numbers = _numbers(entries, first) if spans else []
        for erasing, span in spans:
            rows = {entry.lane: number for entry, number in zip(entries[span], numbers[span], strict=True)}
            await erasures_store.write_receipt(tx, erasing, rows, fold.now)


def _numbers(entries: Sequence[Entry], first: Mapping[int, int]) -> list[int]:
    """The sequence number that each entry got."""
    following = dict(first)
    numbers = []
    for entry in entries:
        numbers.append(following[entry.lane])
        following[entry.lane] += 1
    return numbers
