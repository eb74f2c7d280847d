"""PostgreSQL without the services: for tests, and for commands that need the database."""

import asyncio
from collections.abc import Callable

from deploy.local.home import Home
from deploy.local.postgres.server import Server
from deploy.local.processes import Register, start_of
from deploy.local.run import Run, Stopped


async def serve_postgres(
    home: Home,
    register: Register,
    server: Server,
    *,
    ready: Callable[[], None] = lambda: None,
    meanwhile: Callable[[], int] | None = None,
    while_pid: int | None = None,
) -> int:
    """Serve until a signal, until `meanwhile` has returned, or until the process `while_pid` has ended."""
    this = Run(home, register)
    this.listen_for_signals()
    try:
        await this.unless_stopped(this.start_postgres(server))
        ready()
        if meanwhile:
            return await this.unless_stopped(asyncio.to_thread(meanwhile))
        await this.unless_stopped(_ended(while_pid) if while_pid else this.wait_for_stop())
    except Stopped:
        pass
    finally:
        await this.stop()
    return 0


async def _ended(pid: int) -> None:
    started = start_of(pid)
    while started is not None and start_of(pid) == started:  # noqa: ASYNC110 (another process sets no event)
        await asyncio.sleep(0.5)
