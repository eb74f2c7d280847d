"""Who carries a message: the local mailbox, or a provider that is asked outside of any transaction."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Protocol
from uuid import UUID

from prometheus_client import Counter, Gauge

from services.messaging.domain.answers import Accepted, Answer, NotNow, Rejected
from services.messaging.domain.campaign import Campaign
from services.messaging.domain.delivery import Delivery
from services.messaging.domain.gate import Gate
from services.messaging.service.queues import Queue
from services.messaging.store.sends import Due
from shared.plumbing.log import get_logger

log = get_logger()
MAILBOX = "mailbox"
answers_total = Counter("regulars_provider_answers_total", "Answers of providers", ["provider", "answer"])
paused = Gauge("regulars_provider_paused", "1 while a provider that fails is left alone", ["provider"])


class Provider(Protocol):
    """Takes one message at a time over the network.

    `timeout`: seconds for one, at most; `room`: how many at once, on as many connections; `per_second`: how many all workers together may give it, None
    for any number; `repeatable`: the same message given twice is taken once, so that one without an answer is given again.
    """

    name: str
    timeout: float
    room: int
    per_second: float | None
    repeatable: bool

    async def send(self, delivery: Delivery) -> Answer:
        """Never raises: whatever happens is an answer."""
        ...


class Providers:
    """The providers of each channel, and how much each can take; channels without one go to the local mailbox.

    A second one of a channel is used while the first fails, and for a message that the other said "not now" to. It never gets one
    that may have been taken.
    """

    def __init__(
        self,
        by_channel: Mapping[str, Provider],
        *,
        seconds: Mapping[str, Provider] | None = None,
        record: Callable[[Delivery, Answer], Awaitable[None]],
        share: Callable[[], float] = lambda: 1.0,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        """`share`: this worker's of the lanes, and so of what a provider may be given a second."""
        second = seconds or {}
        self._of = {c: [one, *([second[c]] if c in second else [])] for c, one in by_channel.items()}
        self._by_name = {one.name: one for own in self._of.values() for one in own}
        self._chosen: dict[tuple[UUID, str], Provider] = {}
        self._record = record
        self._share = share
        self._elapsed = elapsed
        self._gates = {one.name: Gate(one.per_second) for one in self._by_name.values()}
        self._queues = {one.name: Queue(one, elapsed=elapsed) for one in self._by_name.values()}
        for name in self._gates:  # asked when it is shown: a pause ends by itself
            paused.labels(provider=name).set_function(partial(self._is_paused, name))
        self._under_way: set[asyncio.Task[None]] = set()
        self._busy: dict[str, int] = {}
        self.freed = asyncio.Event()

    def of(self, due: Due, channel: str) -> Provider | None:
        """Who carries this message on this channel, as `fit` has found it room; None for the local mailbox."""
        return self._chosen.get((due.id, channel)) or self._pick(channel, due.attempts, self._all_free())

    def _pick(self, channel: str, attempts: int, free: Mapping[str, int]) -> Provider | None:
        """Each try by the next one in turn; while that one fails, by the first that does not. Whoever fails gets one now and then."""
        own = self._of.get(channel)
        if not own:
            return None
        turn = attempts % len(own)
        in_turn = own[turn:] + own[:turn]
        return next((p for p in in_turn if not self._gates[p.name].failing or free[p.name] > 0), in_turn[0])

    def _all_free(self) -> dict[str, int]:
        return {name: self._free(provider) for name, provider in self._by_name.items()}

    def _free(self, provider: Provider) -> int:
        """How many more it can take. None at all until half of its room is free: a few together cost little more than one."""
        busy, room = self._busy.get(provider.name, 0), self._queues[provider.name].room
        allowed = self._gate(provider).allowed(self._elapsed(), under_way=busy)
        free = room - busy
        if allowed is not None and allowed < room:
            return max(0, min(free, allowed))
        return free if 2 * free >= room else 0

    def _gate(self, provider: Provider) -> Gate:
        per_second = None if provider.per_second is None else provider.per_second * self._share()
        return self._gates[provider.name].at_rate(per_second)

    def room(self, channels: Iterable[str]) -> int | None:
        """How many messages each of these channels could take now; None for any number."""
        return min((sum(map(self._free, self._of[c])) for c in channels if c in self._of), default=None)

    def fit(self, due: Sequence[Due], channels: Callable[[Due], Sequence[str]]) -> list[Due]:
        """As many of these, in their order, as the providers of the channels they may use can take."""
        free = self._all_free()
        fitting, self._chosen = [], {}
        for one in due:
            picked = {c: provider for c in channels(one) if (provider := self._pick(c, one.attempts, free))}
            names = {provider.name for provider in picked.values()}
            if all(free[name] > 0 for name in names):
                fitting.append(one)
                free |= {name: free[name] - 1 for name in names}
                self._chosen |= {(one.id, channel): provider for channel, provider in picked.items()}
        return fitting

    def dispatch(self, delivery: Delivery) -> None:
        """Hand a claimed message to its provider; the answer is recorded when it comes."""
        provider = self._by_name[delivery.provider]
        self._busy[provider.name] = self._busy.get(provider.name, 0) + 1
        self._gates[provider.name] = self._gate(provider).given(1, self._elapsed())
        task = asyncio.create_task(self._carry(provider, delivery))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _carry(self, provider: Provider, delivery: Delivery) -> None:
        try:
            answer = await self._queues[provider.name].carry(delivery)
            if answer is not None:
                self._note(provider, answer)
            await self._record(delivery, answer or NotNow("No connection to the provider was free in time."))
        except Exception:
            # Nobody awaits this task, so whatever escaped it would be seen by no one; the claim is found as unknown when its
            # time is over.
            log.exception("answer_not_recorded", delivery_id=str(delivery.id))
        finally:
            self._busy[provider.name] -= 1
            if self._free(provider):  # else whoever waits for room would look in vain at every answer
                self.freed.set()

    def _note(self, provider: Provider, answer: Answer) -> None:
        well = isinstance(answer, Accepted | Rejected)
        self._gates[provider.name] = self._gates[provider.name].answered(well=well, now=self._elapsed())
        answers_total.labels(provider=provider.name, answer=type(answer).__name__).inc()

    def _is_paused(self, name: str) -> bool:
        return self._gates[name].closed_until > self._elapsed()

    async def finish(self, within: float) -> None:
        """Let what is under way end, and what waits behind it go back; what does not in time is given up (and found as unknown
        later)."""
        for queue in self._queues.values():
            queue.close()
        if self._under_way:
            _, late = await asyncio.wait(self._under_way, timeout=within)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


def channels_of(campaign: Campaign, offered: Iterable[str]) -> list[str]:
    """The channels a campaign's messages may go to."""
    wanted = campaign.definition.channel
    return list(offered) if wanted in (None, "preferred") else [str(wanted)]
