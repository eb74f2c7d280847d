"""PostgreSQL without the services: for tests, and for commands that need the database."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from deploy.local.home import Home
from deploy.local.postgres.server import Server
from deploy.local.processes import Register, start_of
from deploy.local.run import Run, Stopped


@dataclass(frozen=True)
class Command:
    """A command that needs the database."""

    words: Sequence[str]
    environment: Mapping[str, str]


async def serve_postgres(
    home: Home,
    register: Register,
    server: Server,
    *,
    ready: Callable[[], None] = lambda: None,
    meanwhile: Command | None = None,
    while_pid: int | None = None,
) -> int:
    """Serve until a signal, until `meanwhile` has ended, or until the process `while_pid` has ended."""
    this = Run(home, register)
    this.listen_for_signals()
    try:
        await this.unless_stopped(this.start_postgres(server))
        ready()
        if meanwhile:
            return await this.unless_stopped(_run(meanwhile))
        await this.unless_stopped(_ended(while_pid) if while_pid else this.wait_for_stop())
    except Stopped:
        pass
    finally:
        await this.stop()
    return 0


async def _run(command: Command) -> int:
    process = await asyncio.create_subprocess_exec(*command.words, env=dict(command.environment))
    try:
        return await process.wait()
    finally:
        if process.returncode is None:  # we were asked to stop
            process.terminate()
            await process.wait()


async def _ended(pid: int) -> None:
    started = start_of(pid)
    while started is not None and start_of(pid) == started:  # noqa: ASYNC110 (another process sets no event)
        await asyncio.sleep(0.5)
