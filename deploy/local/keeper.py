"""Keeps one child running: its output logged, started again when it dies, ended gracefully."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from deploy.local.backoff import delay_before_restart, exit_reason, failures_after
from deploy.local.logs import ChildLog, Say
from deploy.local.processes import Register

BAD_SETTINGS = 78
"""What a program exits with whose settings are wrong: it would again."""


@dataclass(frozen=True)
class Program:
    """What to keep running. `stop` are the signals that end it, each with the seconds it is given."""

    name: str
    command: Callable[[], Sequence[str]]
    environment: Mapping[str, str]
    stop: Sequence[tuple[signal.Signals, float]]
    before_restart: Callable[[], None] = lambda: None


class Keeper:
    """One program, kept running until `stop`."""

    def __init__(self, program: Program, *, log: ChildLog, register: Register, say: Say) -> None:
        self.program = program
        self.log = log
        self.failures = 0
        self.gave_up = False
        self._register = register
        self._say = say
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def pid(self) -> int | None:
        """The running process, if there is one at this moment."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def start(self) -> None:
        """Start it, and start it again whenever it ends. Must run in the main thread (see launcher)."""
        self._task = asyncio.create_task(self._keep(), name=self.program.name)

    async def stop(self, hurry: asyncio.Event) -> None:
        """End it by its signals in turn; each further one at once when `hurry` is set."""
        self._stopping = True
        for number, seconds in self.program.stop:
            if self._task is None or self._task.done():
                break
            if self.pid is None:
                self._task.cancel()  # it only waits to be started again
            else:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.pid, number)
            if await self._ended_within(seconds, hurry):
                break
        if self._task is not None:
            await asyncio.wait([self._task], timeout=5)
        self.log.close()

    async def _ended_within(self, seconds: float, hurry: asyncio.Event) -> bool:
        assert self._task is not None
        hurried = asyncio.create_task(hurry.wait())
        await asyncio.wait([self._task, hurried], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        if hurry.is_set() and not self._task.done():
            await asyncio.wait([self._task], timeout=0.5)
        return self._task.done()

    async def _keep(self) -> None:
        while True:
            began = time.monotonic()
            code = await self._run_once()
            if self._stopping:
                return
            if code == BAD_SETTINGS:
                self.gave_up = True
                return
            self.failures = failures_after(self.failures, ran_for=time.monotonic() - began)
            delay = delay_before_restart(self.failures)
            self._say(f"{self.program.name} {exit_reason(code)}; starting it again in {delay:g} s")
            await asyncio.sleep(delay)
            self.program.before_restart()

    async def _run_once(self) -> int:
        process = await asyncio.create_subprocess_exec(
            *self.program.command(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=dict(self.program.environment),
            start_new_session=True,  # a Ctrl-C reaches only us, and we end the children in order
        )
        self._process = process
        self._register.add(self.program.name, process.pid, stop=[number for number, _ in self.program.stop])
        try:
            await self._log_output(process)
            return await process.wait()
        finally:
            self._register.remove(process.pid)

    async def _log_output(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        ended = asyncio.create_task(process.wait())
        # A grandchild may hold the pipe open, so the process's end counts, not the pipe's.
        reading = asyncio.create_task(self._copy(process.stdout))
        await asyncio.wait([ended, reading], return_when=asyncio.FIRST_COMPLETED)
        await ended
        await asyncio.wait([reading], timeout=0.5)
        reading.cancel()

    async def _copy(self, stream: asyncio.StreamReader) -> None:
        while chunk := await stream.read(65536):
            self.log.write(chunk)
