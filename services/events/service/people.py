"""Takes in the profiles feed: whose each row of the log is, who became one, who is to be forgotten."""

from collections.abc import Sequence

from services.events.domain.traces import traces_in_bytes, traces_in_text
from services.events.store import people
from shared.plumbing.clock import Clock
from shared.plumbing.db import Connection
from shared.plumbing.reader import Incoming
from shared.schemas.resolved import EventDropped, Glimpse, ProfileErased, ProfilesMerged, parse_resolved


class People:
    """The index of the log by profile."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def apply(self, tx: Connection, items: Sequence[Incoming]) -> bool:
        """In their order: rows gather until something else comes, which may concern them. Nobody waits for the index."""
        rows: list[people.Owned] = []
        replayed: list[people.Owned] = []
        for item in items:
            told = Glimpse.read(item.message)
            owned = _owned(told)
            if owned is not None:
                (replayed if told.replayed else rows).append(owned)
            else:
                await self._index(tx, [*rows, *await self._unknown(tx, replayed)])
                rows, replayed = [], []
                await self._apply_other(tx, item.message)
        await self._index(tx, [*rows, *await self._unknown(tx, replayed)])
        return False

    async def _unknown(self, tx: Connection, replayed: Sequence[people.Owned]) -> list[people.Owned]:
        """Those that nobody's are yet. The others may be of one who has another id by now."""
        if not replayed:
            return []
        known = await people.find_indexed(tx, [(row.lane, row.seq) for row in replayed])
        return [row for row in replayed if (row.lane, row.seq) not in known]

    async def _index(self, tx: Connection, rows: Sequence[people.Owned]) -> None:
        if not rows:
            return
        erased = await people.find_erased(tx, {row.profile_id for row in rows})
        for row in rows:
            if row.profile_id in erased:
                await people.delete_log_row(tx, row.lane, row.seq, row.received_at)
        await people.insert_owned(tx, [row for row in rows if row.profile_id not in erased])

    async def _apply_other(self, tx: Connection, message: bytes) -> None:
        match parse_resolved(message):
            case ProfilesMerged() as merged:
                await people.insert_merged(tx, merged.profile_id, merged.survivor_id)
            case ProfileErased() as erased:
                await self._erase(tx, erased)
            case EventDropped() as dropped:
                await people.delete_log_row(tx, dropped.log.lane, dropped.log.seq, dropped.log.received_at)
            case _:
                pass

    async def _erase(self, tx: Connection, erased: ProfileErased) -> None:
        for profile_id in sorted({erased.profile_id, *erased.profile_ids}):
            await people.erase_profile(tx, profile_id, at=self._clock.now())
        ids = [identifier.value for identifier in erased.identifiers]
        addresses = [address.value for address in erased.addresses]
        await people.erase_words(
            tx,
            ids=ids,
            in_bytes=traces_in_bytes(ids, addresses),
            in_text=traces_in_text(ids, addresses),
            before=erased.at,
        )


def _owned(told: Glimpse) -> people.Owned | None:
    """What the index needs of an event; the rest is not worth reading at this rate. None of what is no event."""
    if told.profile_id is None or told.event is None or told.log is None:
        return None
    return people.Owned(told.profile_id, told.event.timestamp, told.log.lane, told.log.seq, told.log.received_at)
