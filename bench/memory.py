"""What the segments worker needs of memory, by the number of profiles that it has worked on."""

import asyncio
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil

from bench.engine import conditions
from bench.feed import BATCH, live_message
from bench.figures import Figure
from bench.ingest import CHECKOUT, postgres
from bench.worker import MIGRATIONS, build, database
from services.segments.service.rules import RuleBook
from services.segments.service.take_in import TakeIn
from shared.plumbing import json
from shared.plumbing.clock import SystemClock
from shared.plumbing.ids import new_id
from shared.plumbing.lanes import LANES, lane_of
from shared.plumbing.leases import Leases
from shared.plumbing.migrate import upgrade
from shared.plumbing.reader import FeedReader

FEW, MANY = 2_000, 60_000


class Passing:
    """A feed that remembers nothing of what it has told."""

    def __init__(self, pages: Iterator[list[dict[str, Any]]]) -> None:
        self._pages = pages
        self._heads = dict.fromkeys(range(LANES), 0)

    async def pull(self, *_: Any, **__: Any) -> bytes:
        items = []
        for message in next(self._pages, []):
            lane = lane_of(message["profile_id"])
            self._heads[lane] += 1
            items.append({"lane": lane, "seq": self._heads[lane], "message": message})
        return json.dumps({"items": items})


async def work_on(url: str, profiles: int) -> float:
    """One event of each; megabytes of this process afterwards."""
    rng, clock, known = random.Random(5), SystemClock(), set[UUID]()
    async with database(url) as db:
        book = RuleBook(db, clock=clock, default_zone="UTC")
        leases, feed_leases = (Leases(db, work=work, owner="bench", clock=clock) for work in ("work", "resolved"))
        await leases.renew()
        await build(db, book, leases, {f"s{n}": condition for n, condition in enumerate(conditions(100))})
        pages = ([live_message(new_id(), rng, known) for _ in range(BATCH)] for _ in range(profiles // BATCH))
        reader = FeedReader(
            db, feed="resolved", consumer="segments", pull=Passing(pages).pull, leases=feed_leases,
            apply=TakeIn(book, clock), committed=lambda: None, clock=clock, batch=BATCH,
        )  # fmt: skip
        await feed_leases.renew()
        while await reader.step():
            known.clear()
            await feed_leases.renew()
    return float(psutil.Process().memory_full_info().pss / 2**20)


async def _in_a_process_of_its_own(profiles: int) -> float:
    with tempfile.TemporaryDirectory(prefix="regulars-bench-") as home:
        async with postgres(Path(home)) as url:
            await asyncio.to_thread(upgrade, service="segments", url=url, directory=MIGRATIONS)
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bench.memory", url, str(profiles), cwd=CHECKOUT, stdout=asyncio.subprocess.PIPE
            )
            said, _ = await process.communicate()
    return float(said)


async def measure() -> list[Figure]:
    """The same after few and after many."""
    few, many = [await _in_a_process_of_its_own(count) for count in (FEW, MANY)]
    return [
        Figure(
            f"memory of the segments worker after {MANY:,} profiles",
            f"{many:.0f} MB",
            f"{few:.0f} MB after {FEW:,}",
            "< 1.1 ×",
            many < 1.1 * few,
        )
    ]


if __name__ == "__main__":
    print(asyncio.run(work_on(sys.argv[1], int(sys.argv[2]))))
