"""Takes in what became of messages that were sent: each is kept as an event of its profile."""

from collections.abc import Sequence
from datetime import datetime

from services.events.domain.records import Record
from services.events.store.copying import make_rows
from services.events.store.log import append_rows, insert_keys
from services.events.store.people import find_erased
from shared.plumbing import json
from shared.plumbing.clock import Clock
from shared.plumbing.db import Connection
from shared.plumbing.reader import Incoming
from shared.schemas.message import kind_of
from shared.schemas.outcome import OutcomeRecorded

SOURCE = "messaging"


class Outcomes:
    """The feed of messaging."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def apply(self, tx: Connection, items: Sequence[Incoming]) -> bool:
        """Append those that are new, with the same dedup as everything else."""
        found = [OutcomeRecorded.read(item.message) for item in items if kind_of(item.message) == "outcome"]
        erased = await find_erased(tx, {outcome.profile_id for outcome in found}) if found else set()
        now = self._clock.now()
        records = {outcome.message_id: _record(outcome, now) for outcome in found if outcome.profile_id not in erased}
        if records:
            rows = make_rows(list(records.values()), received_at=now)
            fresh = await insert_keys(tx, [rows])
            await append_rows(tx, [rows.only([key in fresh for key in rows.keys])])
        return bool(records)


def _record(outcome: OutcomeRecorded, now: datetime) -> Record:
    payload = {"properties": outcome.properties} if outcome.properties else {}
    return Record(
        source=SOURCE,
        message_id=outcome.message_id,
        type="track",
        name=outcome.name,
        user_id=None,
        anonymous_id=None,
        previous_id=None,
        profile_id=outcome.profile_id,
        timestamp=outcome.at,
        original_timestamp=outcome.at,
        sent_at=None,
        received_at=now,
        imported=False,
        payload=json.dumps(payload),
    )
