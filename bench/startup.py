"""`make run`: how long until all four services are ready, on a machine that has run it before."""

import tempfile
from pathlib import Path
from time import perf_counter

from bench.figures import Figure
from tests.support.deployment import Deployment


async def measure() -> list[Figure]:
    """A first start makes the database; the second is measured."""
    with tempfile.TemporaryDirectory(prefix="regulars-bench-") as folder:
        started = perf_counter()
        async with Deployment(Path(folder) / "home") as deployment:
            first = perf_counter() - started
            await deployment.stop()
            started = perf_counter()
            await deployment.start()
            again = perf_counter() - started
    return [
        Figure("make run, database made and migrated", f"{first:.1f} s", "", "", True),
        Figure("make run, again", f"{again:.1f} s", "", "< 10 s", again < 10),
    ]
