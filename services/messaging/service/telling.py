"""What recipients said by links is told to profiles, until it has it."""

from uuid import UUID

from services.messaging.clients.neighbours import Profiles
from services.messaging.store.outbox import find_words, forget_told, mark_told
from shared.plumbing.clock import Clock
from shared.plumbing.db import Database
from shared.plumbing.errors import Unavailable
from shared.plumbing.leases import Leases
from shared.plumbing.log import get_logger
from shared.schemas.recipients import ConsentChange

log = get_logger()

BATCH = 100


async def tell_words(db: Database, profiles: Profiles, leases: Leases, clock: Clock) -> bool:
    """Tell what is not told yet. False if some could not be told: try later."""
    lanes = list(leases.held)
    waiting: set[UUID] = set()
    for word in await find_words(db, lanes=lanes, limit=BATCH):
        if word.profile_id in waiting:  # what somebody said later must not be told first
            continue
        try:
            if isinstance(word, ConsentChange):
                await profiles.tell_consent(word)
            else:
                await profiles.tell_preferences(word)
        except Unavailable:
            log.warning("word_waits", word_id=str(word.id))
            waiting.add(word.profile_id)
        else:
            await mark_told(db, word, at=clock.now())
    await forget_told(db, lanes=lanes, now=clock.now())
    return not waiting
