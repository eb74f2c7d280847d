"""What a provider answered is written down: final, or to be tried again. Claims nobody answered become `unknown`."""

import asyncio
import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.messaging.domain.addresses import address_hash
from services.messaging.domain.answers import Accepted, Answer, Final, NextChannel, NotNow, TryAgain, Unsure, after
from services.messaging.domain.delivery import Delivery
from services.messaging.service.outcomes import outcome
from services.messaging.service.sender import decisions_total
from services.messaging.store import people
from services.messaging.store.catalogue import load_campaigns
from services.messaging.store.claims import Claim, Orphan, find_orphans, lock_claims, write_answers
from services.messaging.store.delivery_events import find_spoken_of
from services.messaging.store.households import discount_deliveries
from services.messaging.store.sends import Judged, write_judged
from services.messaging.store.suppressions import suppress
from shared.plumbing.clock import Clock
from shared.plumbing.db import Connection, Database, is_unavailable
from shared.plumbing.feed import Entry, append
from shared.plumbing.lanes import lane_of
from shared.plumbing.log import get_logger

log = get_logger()
LOST = Unsure("The worker ended before the answer was recorded.")
TOLD = Accepted("known by what became of it")
SENT = Final("sent", "sent", "sent")
OUTCOME_OF = {"sent": "Sent", "failed": "Failed", "unknown": "Unconfirmed"}
LINGER = 0.03
"""Seconds in which answers gather that are written down together."""
PATIENCE = 600
"""Tries, a tenth of a second apart or more, to record an answer while the database is away."""


@dataclass(frozen=True, slots=True)
class Told:
    """An answer that waits to be written down; `written` is set when it is."""

    orphan: Orphan
    answer: Answer
    written: asyncio.Future[None]


class Recorder:
    """Writes answers down, through merges that happened meanwhile; what was erased meanwhile is not brought back.

    Answers that come while others are being committed are written together in the next transaction.
    """

    def __init__(
        self,
        db: Database,
        *,
        clock: Clock,
        address_secret: str,
        committed: Callable[[], None],
        repeatable: Collection[str] = (),
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`repeatable`: the names of providers that take the same message once, however often they are given it."""
        self._db = db
        self._clock = clock
        self._address_secret = address_secret
        self._committed = committed
        self._repeatable = frozenset(repeatable)
        self._chance = chance
        self._waiting: list[Told] = []
        self._writing: asyncio.Task[None] | None = None

    async def record(self, delivery: Delivery, answer: Answer) -> None:
        """Returns when the answer is written down."""
        orphan = Orphan(delivery.profile_id, delivery.send_id, delivery.id, delivery.at)
        told = Told(orphan, answer, asyncio.get_running_loop().create_future())
        self._waiting.append(told)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        await told.written

    async def _write(self) -> None:
        while self._waiting:
            await asyncio.sleep(LINGER)
            group, self._waiting = self._waiting, []
            try:
                await self._settle_patiently(group)
            except Exception:
                # One of them may be what can't be written, for a reason that nobody foresaw: each by itself, so that the others
                # are. All of them must be answered here, or their senders wait, and hold their provider's room, for ever.
                log.exception("answers_one_by_one", answers=len(group))
                await asyncio.gather(*(self._write_alone(told) for told in group))
            for told in group:
                if not told.written.done():
                    told.written.set_result(None)

    async def _write_alone(self, told: Told) -> None:
        try:
            await self._settle_patiently([told])
        except Exception as error:  # noqa: BLE001 (whoever waits for it gets it)
            told.written.set_exception(error)

    async def _settle_patiently(self, group: Sequence[Told]) -> None:
        """Keep at it while the database is away: the answers are known only here."""
        for _ in range(PATIENCE):
            try:
                await self._settle([(told.orphan, told.answer) for told in group])
            except Exception as error:
                if not is_unavailable(error):
                    raise
                log.warning("answers_wait_for_database", kind=type(error).__name__)
                await asyncio.sleep(0.1)
            else:
                return
        log.error("answers_lost", answers=len(group))

    async def sweep(self, lanes: list[int], *, owner: str | None = None) -> int:
        """Claims past their time, and those that a process of the name `owner` left, are `unknown` from now on."""
        if not lanes:
            return 0
        found = await find_orphans(self._db, lanes=lanes, now=self._clock.now(), owner=owner, limit=500)
        if found:
            await self._settle([(orphan, LOST) for orphan in found])
        return len(found)

    async def confirm(self, orphans: Sequence[Orphan]) -> None:
        """The provider has spoken of these: it took them. Of what is not given up, and of what was claimed anew, nothing changes."""
        await self._settle([(orphan, TOLD) for orphan in orphans])

    async def _settle(self, answers: Sequence[tuple[Orphan, Answer]]) -> None:
        finals = await self._db.run(lambda tx: self._settle_in(tx, answers))
        for final in finals:
            decisions_total.labels(decision=final.decision, reason=final.reason).inc()
        self._committed()

    async def _settle_in(self, tx: Connection, answers: Sequence[tuple[Orphan, Answer]]) -> list[Final]:
        current = await people.meet(tx, {orphan.profile_id for orphan, _ in answers})
        now_in = [(lane_of(now), one) for one, _ in answers if (now := current[one.profile_id]) is not None]
        claims = await lock_claims(tx, now_in)
        campaigns = {} if _all_taken(answers) else {one.id: one.definition for one in await load_campaigns(tx)}
        at = self._clock.now()
        settled = []
        for orphan, given in await _without_doubt(tx, answers):
            claim = claims.get(orphan.delivery_id)
            # Of what was given up only a late yes is news: it ends the doubt, also where it is about to be sent again.
            if claim is not None and (not claim.late or isinstance(given, Accepted)):
                definition = campaigns.get(claim.campaign_id)
                preferred = definition is not None and definition.channel == "preferred"
                # What may have been taken must not go to another channel when it is given again, refused, or decided anew.
                again = isinstance(given, Unsure) and claim.provider in self._repeatable and not preferred
                answer = NotNow(given.text) if again else given
                final = after(
                    answer,
                    attempts=claim.attempts,
                    now=at,
                    give_up_at=claim.due_at + definition.stale_after if definition else at,
                    chance=self._chance(),
                    preferred=preferred,
                    in_doubt=claim.in_doubt or isinstance(given, Unsure),
                )
                settled.append((claim, answer, final))
        await self._save(tx, settled, at)
        return [final for _, _, final in settled if isinstance(final, Final)]

    async def _save(
        self, tx: Connection, settled: Sequence[tuple[Claim, Answer, Final | TryAgain | NextChannel]], at: datetime
    ) -> None:
        await write_judged(tx, [_judged(claim, final, answer, at) for claim, answer, final in settled])
        await write_answers(
            tx,
            [
                (claim, "failed" if isinstance(final, NextChannel) else final.status, answer.text or None)
                for claim, answer, final in settled
            ],
        )
        not_sent = [claim for claim, _, final in settled if isinstance(final, NextChannel) or final.status == "failed"]
        await discount_deliveries(tx, [(claim.household, claim.delivery_id) for claim in not_sent])
        ended = [(claim, final) for claim, _, final in settled if not isinstance(final, TryAgain)]
        for claim, final in ended:
            if final.suppress is not None:
                await self._suppress(tx, claim, final.suppress, at)
        await append(tx, [_entry(claim, final, at) for claim, final in ended], at=at)

    async def _suppress(self, tx: Connection, claim: Claim, reason: str, at: datetime) -> None:
        await suppress(
            tx,
            channel=claim.channel,
            address_hash=address_hash(self._address_secret, claim.channel, claim.address),
            address=claim.address,
            scope="",
            reason=reason,
            yields=False,
            at=at,
        )


def _all_taken(answers: Sequence[tuple[Orphan, Answer]]) -> bool:
    """Then there is nothing to be decided by what campaigns say."""
    return all(isinstance(answer, Accepted) for _, answer in answers)


async def _without_doubt(tx: Connection, answers: Sequence[tuple[Orphan, Answer]]) -> Sequence[tuple[Orphan, Answer]]:
    """No answer is a yes where the provider has told since what became of the message."""
    doubted = [orphan.delivery_id for orphan, answer in answers if isinstance(answer, Unsure)]
    spoken = await find_spoken_of(tx, doubted) if doubted else set()
    return [
        (orphan, TOLD if isinstance(answer, Unsure) and orphan.delivery_id in spoken else answer)
        for orphan, answer in answers
    ]


def _judged(claim: Claim, final: Final | TryAgain | NextChannel, answer: Answer, now: datetime) -> Judged:
    facts = claim.facts | {"answer": answer.text, "attempts": claim.attempts}
    again: datetime | None = now if isinstance(final, NextChannel) else None
    if isinstance(final, TryAgain):
        facts, again = facts | {"until": final.at}, final.at
    return Judged(
        lane=claim.lane,
        id=claim.id,
        state=_STATE_OF[type(final)],
        decision=final.decision if isinstance(final, Final) else "deferred",
        reason="provider_error" if isinstance(final, NextChannel) else final.reason,
        facts=facts,
        due_at=claim.due_at,
        next_at=again,
        attempts=claim.attempts,
        variant=claim.variant,
        delivery_id=None if isinstance(final, NextChannel) else claim.delivery_id,
        decided_at=claim.decided_at if final == SENT else now,
        tried=claim.channel if isinstance(final, NextChannel) else None,
    )


_STATE_OF = {Final: "done", TryAgain: "waiting", NextChannel: "pending"}


def _entry(claim: Claim, final: Final | NextChannel, now: datetime) -> Entry:
    decision = final.decision if isinstance(final, Final) else "failed"
    return outcome(
        "Bounced" if final.suppress == "bounced" else OUTCOME_OF[decision],
        delivery_id=claim.delivery_id,
        profile_id=claim.profile_id,
        channel=claim.channel,
        at=now,
        properties={"campaign": claim.campaign, "template": claim.template, "purpose": claim.purpose},
    )
