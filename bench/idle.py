"""What a deployment costs that nobody uses: processor time and memory."""

import asyncio
import tempfile
from pathlib import Path

import psutil

from bench.figures import Figure
from tests.support.deployment import Deployment

SECONDS = 60


def _processes(supervisor: int) -> list[psutil.Process]:
    parent = psutil.Process(supervisor)
    return [parent, *parent.children(recursive=True)]


def _seconds(processes: list[psutil.Process]) -> float:
    times = [process.cpu_times() for process in processes]
    return sum(t.user + t.system for t in times)


def _is_ours(process: psutil.Process) -> bool:
    return "python" in process.name().lower()


async def measure() -> list[Figure]:
    """All processes under the supervisor, for a minute of rest after a minute of settling."""
    with tempfile.TemporaryDirectory(prefix="regulars-bench-") as folder:
        async with Deployment(Path(folder) / "home") as deployment:
            await asyncio.sleep(20)
            assert deployment.process is not None
            everything = _processes(deployment.process.pid)
            python = [process for process in everything if _is_ours(process)]
            before, before_python = _seconds(everything), _seconds(python)
            await asyncio.sleep(SECONDS)
            share = 100 * (_seconds(everything) - before) / SECONDS
            share_python = 100 * (_seconds(python) - before_python) / SECONDS
            memory = sum(process.memory_full_info().pss for process in python) / 2**20
    count = f"{len(python)} processes"
    return [
        Figure("idle: processor time, Python", f"{share_python:.1f} % of a core", count, "< 3 %", share_python < 3),
        Figure("idle: processor time, PostgreSQL too", f"{share:.1f} % of a core", "", "", True),
        Figure("idle: memory (PSS), Python", f"{memory:.0f} MB", count, "< 600 MB", memory < 600),
    ]
