"""Senders in processes of their own, each of which ends as `kill -9` ends it, at another step.

`python -m tests.services.messaging.dying <file>`: JSON with `url`, `settings` and `people`. It ends when all of them have died.
"""

import asyncio
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

from services.messaging.clients.carriers import carriers_of
from services.messaging.config import Settings
from services.messaging.domain.answers import Answer
from services.messaging.domain.delivery import Delivery
from services.messaging.service.providers import Provider
from services.messaging.service.sender import Outdated
from shared.plumbing import json
from shared.plumbing.leases import LeaseLost
from tests.services.messaging.conftest import Messaging
from tests.services.messaging.senders import Standing, make_sender

STEPS = ("claiming", "claimed", "taken", "recorded")
"""Before the claim is committed; after it, before the provider hears of it; when the provider has it, before that is written
down; after that."""
SENDERS = len(STEPS)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Mortal:
    """A carrier at which the process dies with the second message."""

    def __init__(self, carrier: Provider, step: str) -> None:
        self.name, self.timeout, self.room = carrier.name, carrier.timeout, carrier.room
        self.per_second, self.repeatable = carrier.per_second, carrier.repeatable
        self._carrier, self._step, self._count = carrier, step, 0

    async def send(self, delivery: Delivery) -> Answer:
        self._count += 1
        if self._count == 2 and self._step == "claimed":
            die()
        answer = await self._carrier.send(delivery)
        if self._count >= 2 and self._step == "taken":
            die()
        return answer


def record_and_die(standing: Standing) -> None:
    record = standing.providers._record

    async def recorded(delivery: Delivery, answer: Answer) -> None:
        await record(delivery, answer)
        die()

    standing.providers._record = recorded


def clock_that_kills(step: str) -> Any:
    """It is read when profiles has been asked, and at the end of the claim's transaction: the fourth time is of the second batch."""
    read = [0]

    def elapsed() -> float:
        read[0] += 1
        if step == "claiming" and read[0] == 4:
            die()
        return time.monotonic()

    return elapsed


async def send_and_die(told: dict[str, Any], step: str) -> None:
    messaging = Messaging(told["url"], **told["settings"])
    messaging.near.people = {UUID(key): person for key, person in told["people"].items()}
    settings = Settings(**messaging.settings)
    carriers: dict[str, Provider] = {
        channel: Mortal(carrier, step) for channel, carrier in carriers_of(settings, messaging.clock.now).items()
    }
    elapsed = clock_that_kills(step)
    async with make_sender(messaging, f"dies-{step}", carriers=carriers, elapsed=elapsed) as standing:
        standing.sender._batch = standing.sender._size = 8
        if step == "recorded":
            record_and_die(standing)
        while await standing.db.fetchval("SELECT count(*) FROM workers WHERE work = 'sends'") < SENDERS:
            await standing.leases.renew()
            await asyncio.sleep(0.05)
        while True:
            with suppress(LeaseLost, Outdated):
                await standing.leases.renew()
                await standing.sender.step()
            await asyncio.sleep(0.01)


def main(told: dict[str, Any]) -> None:
    for step in STEPS:
        if os.fork() == 0:
            asyncio.run(send_and_die(told, step))
            os._exit(1)
    ends = [os.waitstatus_to_exitcode(os.wait()[1]) for _ in STEPS]
    sys.exit(0 if ends == [-signal.SIGKILL] * SENDERS else f"ended otherwise: {ends}")


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_bytes()))
