"""The local run: PostgreSQL, migrations, the four services; then it stays until told to stop."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from deploy.local import banner, ports
from deploy.local.backoff import exit_reason
from deploy.local.faults import Fault
from deploy.local.home import Home
from deploy.local.keeper import Keeper, Program
from deploy.local.logs import ChildLog
from deploy.local.postgres.server import STOP_SIGNALS, Server
from deploy.local.postgres.server import environment as postgres_environment
from deploy.local.processes import Register, end_all, launched
from deploy.local.readiness import status_of, until
from deploy.local.settings import Settings, service_environment

CHECKOUT = Path(__file__).resolve().parents[2]
SERVICE_STOP = ((signal.SIGTERM, 15.0), (signal.SIGKILL, 5.0))
POSTGRES_STOP = tuple(zip(STOP_SIGNALS, (30.0, 5.0, 5.0), strict=True))
READY_WITHIN = 120.0  # seconds, on a slow machine with much to recover
GIVE_UP_AFTER = 5  # failures in a row before it ever was ready

Result = TypeVar("Result")


class Stopped(Exception):
    """Somebody asked us to stop before we were ready."""


def say(text: str) -> None:
    """One line for the person at the console."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def end_leftovers(register: Register) -> None:
    """End what a killed run left behind."""
    left = register.leftovers()
    if not left:
        return
    say(f"Ending what an earlier run left behind: {', '.join(f'{one.name} ({one.pid})' for one in left)}")
    stuck = end_all(left)
    if stuck:
        raise Fault(f"These processes of an earlier run do not end: {', '.join(str(one.pid) for one in stuck)}")


class Run:
    """Everything one `make run` starts, and how it ends."""

    def __init__(self, home: Home, register: Register) -> None:
        self._home = home
        self._register = register
        self._keepers: list[Keeper] = []
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._reserved: list[socket.socket] = []

    def listen_for_signals(self) -> None:
        """The first signal stops in order, the second in a hurry."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._asked_to_stop)

    def _asked_to_stop(self) -> None:
        (self._hurry if self._stop.is_set() else self._stop).set()

    async def unless_stopped(self, work: Awaitable[Result]) -> Result:
        """The result of `work`, or Stopped as soon as somebody asks for it."""
        task = asyncio.ensure_future(work)
        stop = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait([task, stop], return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if task.done():
            return task.result()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        raise Stopped

    async def wait_for_stop(self) -> None:
        await self._stop.wait()

    async def keep(self, program: Program) -> Keeper:
        """Start a program and keep it running."""
        log = ChildLog(self._home.logs / f"{program.name}.log", name=program.name, say=say)
        keeper = Keeper(program, log=log, register=self._register, say=say)
        self._keepers.append(keeper)
        await keeper.start()
        return keeper

    async def start_postgres(self, server: Server) -> None:
        """Start it and wait until it takes connections."""
        reserved = ports.reserve(server.port)
        if reserved:
            self._reserved.append(reserved)
        keeper = await self.keep(
            Program(
                name="postgres",
                command=server.command,
                environment=postgres_environment(os.environ),
                stop=POSTGRES_STOP,
                before_restart=server.end_stale,
            )
        )

        async def ready() -> bool:
            return keeper.pid is not None and server.is_ready(keeper.pid)

        await self._wait_ready([keeper], {"postgres": ready}, every=0.02)

    async def start_services(self, settings: Settings, environment: Mapping[str, str]) -> None:
        keepers = [await self.keep(service_program(name, environment)) for name in settings.ports]

        def checker(port: int) -> Callable[[], Awaitable[bool]]:
            async def ready() -> bool:
                return await status_of(settings.host, port, "/readyz") == 200

            return ready

        checks = {name: checker(port) for name, port in settings.ports.items()}
        for keeper in keepers:
            keeper.log.muted = True  # while the others start, each one says that it cannot reach them
        await self._wait_ready(keepers, checks, every=0.1)
        for keeper in keepers:
            keeper.log.muted = False

    async def migrate(self, environment: Mapping[str, str]) -> None:
        """Bring the databases to head; a failure ends the run with what it said."""
        await self.call("migrate", [sys.executable, "-m", "services", "migrate", "all"], environment)

    async def call(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        path = self._home.logs / f"{name}.log"
        with path.open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *launched(command, on_parent_death=signal.SIGKILL),
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                env=dict(environment), start_new_session=True,
            )  # fmt: skip
        self._register.add(name, process.pid, stop=(signal.SIGTERM, signal.SIGKILL))
        try:
            code = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            self._register.remove(process.pid)
        if code:
            tail = "\n".join(path.read_text(errors="replace").splitlines()[-8:])
            raise Fault(f"{tail}\n{name} {exit_reason(code)}; its log is {path}")

    async def stop(self) -> None:
        """End the services together, then PostgreSQL."""
        self._stop.set()
        self._home.note_stopping()
        for keeper in self._keepers:
            keeper.log.muted = True  # that the others went away is no news now
        last = [keeper for keeper in self._keepers if keeper.program.name == "postgres"]
        first = [keeper for keeper in self._keepers if keeper not in last]
        for group in (first, last):
            await asyncio.gather(*(keeper.stop(self._hurry) for keeper in group))
        for one in self._reserved:
            one.close()

    async def _wait_ready(
        self, keepers: Sequence[Keeper], checks: Mapping[str, Callable[[], Awaitable[bool]]], *, every: float
    ) -> None:
        waiting = dict(checks)

        async def all_ready() -> bool:
            for keeper in keepers:
                if keeper.gave_up:
                    raise Fault(keeper.log.tail())
                if keeper.program.name in waiting and keeper.failures >= GIVE_UP_AFTER:
                    raise Fault(f"{keeper.log.tail()}\n{keeper.program.name} does not start (see above).")
            for name in list(waiting):
                if await waiting[name]():
                    del waiting[name]
            return not waiting

        if not await until(all_ready, seconds=READY_WITHIN, every=every):
            raise Fault(f"Not ready after {READY_WITHIN:g} s: {', '.join(waiting)}; see the logs in {self._home.logs}.")


def service_program(name: str, environment: Mapping[str, str]) -> Program:
    # One name for ever: what is started again takes the lanes of the one before back at once.
    worker = environment.get("REGULARS_WORKER_NAME") or f"local-{name}"
    command = [sys.executable, "-m", "services", name, "--role", "all"]
    return Program(
        name=name,
        command=lambda: launched(command, on_parent_death=signal.SIGKILL),
        environment={**environment, "REGULARS_WORKER_NAME": worker},
        stop=SERVICE_STOP,
    )


async def run(settings: Settings, home: Home, register: Register, server: Server | None) -> int:
    """Start everything, say so, and stay until asked to stop."""
    credentials, secret = home.credentials(), home.secret()
    this = Run(home, register)
    this.listen_for_signals()
    try:
        if server:
            say(
                f"Starting PostgreSQL {server.version} in {banner.shown(home.path / 'postgres', relative_to=Path.cwd())}"
            )
            await this.unless_stopped(this.start_postgres(server))
        environment = service_environment(
            {**os.environ, "PYTHONPATH": str(CHECKOUT)},
            settings=settings,
            secret=secret,
            credentials=credentials,
            database_url=server.url if server else None,
        )
        await this.unless_stopped(this.migrate(environment))
        say("Starting the services")
        await this.unless_stopped(this.start_services(settings, environment))
        _show_banner(settings, home, server)
        await this.wait_for_stop()
    except Stopped:
        pass
    finally:
        say("Stopping")
        await this.stop()
    return 0


def _show_banner(settings: Settings, home: Home, server: Server | None) -> None:
    here = Path.cwd()
    banner.show(
        addresses=settings.addresses(),
        credentials=banner.shown(home.credentials_file, relative_to=here),
        logs=banner.shown(home.logs, relative_to=here),
        database=f"PostgreSQL {server.version} at 127.0.0.1:{server.port}" if server else "your own",
    )
