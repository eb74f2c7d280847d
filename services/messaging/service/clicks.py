"""Clicks soon after a message was sent are told when a scanner would have shown itself by a second one."""

from services.messaging.service.provider_events import entry_of
from services.messaging.store import people
from services.messaging.store.delivery_events import find_told, find_untold, take_untold
from shared.plumbing.clock import Clock
from shared.plumbing.db import Connection, Database
from shared.plumbing.feed import append
from shared.plumbing.leases import Leases

BATCH = 500


async def tell_clicks(db: Database, leases: Leases, clock: Clock) -> bool:
    """Tell those whose time has come, each once, as they are known by now. Whether there were any."""
    now = clock.now()
    untold = await find_untold(db, lanes=list(leases.held), now=now, limit=BATCH)
    if not untold:
        return False
    told = await find_told(db, {delivery_id for _, delivery_id in untold})

    async def work(tx: Connection) -> None:
        current = await people.meet(tx, {profile_id for profile_id, _ in untold})
        theirs = [(now_is, delivery_id) for was, delivery_id in untold if (now_is := current[was]) is not None]
        happened = await take_untold(tx, theirs, now=now)
        await append(tx, [entry_of(one, told[one.delivery_id]) for one in happened if one.delivery_id in told], at=now)

    await db.run(work)
    return True
