"""Consents withdrawn by a link are told to profiles, until it has them."""

from services.messaging.clients.neighbours import Profiles
from services.messaging.store.outbox import find_consents, forget_consent
from shared.plumbing.db import Database
from shared.plumbing.errors import Unavailable
from shared.plumbing.leases import Leases
from shared.plumbing.log import get_logger

log = get_logger()

BATCH = 100


async def tell_consents(db: Database, profiles: Profiles, leases: Leases) -> bool:
    """Tell what is not told yet. False if some could not be told: try later."""
    complete = True
    for change in await find_consents(db, lanes=list(leases.held), limit=BATCH):
        try:
            await profiles.tell_consent(change)
        except Unavailable:
            log.warning("consent_waits", consent_id=str(change.id))
            complete = False
        else:
            await forget_consent(db, change)
    return complete
