"""One transaction on people: load them, let the caller decide, write what became of them, tell the others."""

from collections import Counter
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
        for told in fold.told:
            if isinstance(told, Erasing):
                entries += await erasures_store.forget(tx, told, phone_region=self.rules.phone_region, now=fold.now)
            else:
                entries.append(Entry(lane_of(told.profile_id), told.profile_id, json.dumps_text(told)))
        if entries:
            first = await feed.append(tx, entries, at=fold.now)
            for told in fold.told:
                if isinstance(told, Erasing):
                    await erasures_store.write_receipt(tx, told, _rows_of(told, entries, first), fold.now)


def _rows_of(erasing: Erasing, entries: Sequence[Entry], first: Mapping[int, int]) -> dict[int, int]:
    """The number of the last row of each lane that is about an erased person: the one that tells of it."""
    rows: dict[int, int] = {}
    count: Counter[int] = Counter()
    for entry in entries:
        if entry.profile_id in erasing.profile_ids:
            rows[entry.lane] = first[entry.lane] + count[entry.lane]
        count[entry.lane] += 1
    return rows
