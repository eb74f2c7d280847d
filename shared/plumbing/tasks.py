"""Background loops: started together, restarted when they fail, ended together, each at a safe point."""

import asyncio
from collections.abc import Awaitable, Callable

from prometheus_client import Counter

from shared.plumbing.db import is_unavailable
from shared.plumbing.log import get_logger

log = get_logger()
failures = Counter("regulars_task_failures_total", "Background loops that failed and were started again", ["task"])


class Tasks:
    """Named loops that run until the process stops."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, name: str, loop: Callable[[], Awaitable[None]]) -> None:
        """Run `loop()` for ever; when it raises, count it, wait a little and run it again."""
        self._tasks.append(asyncio.create_task(self._keep_running(name, loop), name=name))

    async def _keep_running(self, name: str, loop: Callable[[], Awaitable[None]]) -> None:
        delay = 0.2
        while True:
            started = asyncio.get_running_loop().time()
            try:
                await loop()
                return
            except Exception as error:
                if is_unavailable(error):
                    log.warning("task_waits_for_database", task=name, kind=type(error).__name__)
                else:
                    log.exception("task_failed", task=name)
            failures.labels(task=name).inc()
            lived = asyncio.get_running_loop().time() - started
            delay = 0.2 if lived > 30 else min(delay * 2, 5)
            await asyncio.sleep(delay)

    async def stop(self) -> None:
        """Cancel all and wait: a transaction under way is rolled back, and its work taken up at the next start."""
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            # What ends in the same turn in which it is cancelled may swallow that: it is told again.
            _, running = await asyncio.wait(self._tasks, timeout=1)
            self._tasks = list(running)
