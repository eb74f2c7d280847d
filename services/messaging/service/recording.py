"""What a provider answered is written down: final, or to be tried again. Claims nobody answered become `unknown`."""

import asyncio
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from services.messaging.domain.addresses import address_hash
from services.messaging.domain.answers import Answer, Final, TryAgain, Unsure, after
from services.messaging.domain.campaign import DEFAULT_STALE_AFTER
from services.messaging.domain.delivery import Delivery
from services.messaging.service.outcomes import outcome
from services.messaging.service.sender import decisions_total
from services.messaging.store import people, sends
from services.messaging.store.catalogue import load_campaigns
from services.messaging.store.sends import Claim, Judged, Orphan
from services.messaging.store.suppressions import suppress
from shared.plumbing.clock import Clock
from shared.plumbing.db import Connection, Database, is_unavailable
from shared.plumbing.feed import Entry, append
from shared.plumbing.lanes import lane_of
from shared.plumbing.log import get_logger

log = get_logger()
LOST = Unsure("The worker ended before the answer was recorded.")
SENT = Final("sent", "sent", "sent")
OUTCOME_OF = {"sent": "Sent", "failed": "Failed", "unknown": "Unconfirmed"}
PATIENCE = 600
"""Tries, a tenth of a second apart or more, to record an answer while the database is away."""


class Recorder:
    """Writes answers down, through merges that happened meanwhile; what was erased meanwhile is not brought back."""

    def __init__(
        self,
        db: Database,
        *,
        clock: Clock,
        address_secret: str,
        committed: Callable[[], None],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._db = db
        self._clock = clock
        self._address_secret = address_secret
        self._committed = committed
        self._chance = chance

    async def record(self, delivery: Delivery, answer: Answer) -> None:
        """Keep at it while the database is away: the answer is known only here."""
        orphan = Orphan(delivery.profile_id, delivery.send_id, delivery.id)
        for _ in range(PATIENCE):
            try:
                await self._db.run(partial(self._settle, orphan=orphan, answer=answer))
            except Exception as error:
                if not is_unavailable(error):
                    raise
                log.warning("answer_waits_for_database", kind=type(error).__name__)
                await asyncio.sleep(0.1)
            else:
                self._committed()
                return
        log.error("answer_lost", delivery_id=str(delivery.id))

    async def sweep(self, lanes: list[int], *, owner: str | None = None) -> int:
        """Claims past their time, and those that a process of the name `owner` left, are `unknown` from now on."""
        if not lanes:
            return 0
        found = await sends.find_orphans(self._db, lanes=lanes, now=self._clock.now(), owner=owner, limit=500)
        for orphan in found:
            await self._db.run(partial(self._settle, orphan=orphan, answer=LOST))
        if found:
            self._committed()
        return len(found)

    async def _settle(self, tx: Connection, *, orphan: Orphan, answer: Answer) -> None:
        current = (await people.meet(tx, [orphan.profile_id]))[orphan.profile_id]
        if current is None:
            return
        claim = await sends.lock_claim(
            tx, lane=lane_of(current), send_id=orphan.send_id, delivery_id=orphan.delivery_id
        )
        if claim is None:
            return
        now = self._clock.now()
        stale_after = await self._stale_after(tx, claim)
        final = after(
            answer, attempts=claim.attempts, now=now, give_up_at=claim.due_at + stale_after, chance=self._chance()
        )
        await sends.write_judged(tx, [_judged(claim, final, answer, now)])
        status = final.status if isinstance(final, Final) else "failed"
        await sends.write_answer(
            tx, lane=claim.lane, delivery_id=claim.delivery_id, status=status, answer=answer.text or None
        )
        if isinstance(final, Final):
            await self._tell(tx, claim, final, now)

    async def _stale_after(self, tx: Connection, claim: Claim) -> timedelta:
        campaigns = await load_campaigns(tx)
        found = (one.definition.stale_after for one in campaigns if one.id == claim.campaign_id)
        return next(found, DEFAULT_STALE_AFTER)

    async def _tell(self, tx: Connection, claim: Claim, final: Final, now: datetime) -> None:
        decisions_total.labels(decision=final.decision, reason=final.reason).inc()
        if final.bounced:
            await suppress(
                tx,
                channel=claim.channel,
                address_hash=address_hash(self._address_secret, claim.channel, claim.address),
                address=claim.address,
                scope="",
                reason="bounced",
                yields=False,
                at=now,
            )
        what = "Bounced" if final.bounced else OUTCOME_OF[final.decision]
        await append(tx, [_entry(claim, what, now)], at=now)


def _judged(claim: Claim, final: Final | TryAgain, answer: Answer, now: datetime) -> Judged:
    facts = claim.facts | {"answer": answer.text, "attempts": claim.attempts}
    again = final.at if isinstance(final, TryAgain) else None
    return Judged(
        lane=claim.lane,
        id=claim.id,
        state="done" if again is None else "waiting",
        decision=final.decision if isinstance(final, Final) else "deferred",
        reason=final.reason if isinstance(final, Final) else "provider_error",
        facts=facts if again is None else facts | {"until": again},
        due_at=claim.due_at,
        next_at=again,
        attempts=claim.attempts,
        variant=claim.variant,
        delivery_id=claim.delivery_id,
        decided_at=claim.decided_at if final == SENT else now,
    )


def _entry(claim: Claim, what: str, now: datetime) -> Entry:
    return outcome(
        what,
        delivery_id=claim.delivery_id,
        profile_id=claim.profile_id,
        channel=claim.channel,
        at=now,
        properties={"campaign": claim.campaign, "template": claim.template, "purpose": claim.purpose},
    )
