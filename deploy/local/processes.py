"""Which processes are ours: remembered by pid and start, so that no stranger with a reused pid is ever ended."""

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

ON_LINUX: bool = sys.platform == "linux"
LAUNCHER = Path(__file__).with_name("launcher.py")


@dataclass(frozen=True)
class Account:
    """The user a child runs as, and the directory it may use (reachable as /proc/self/fd/3)."""

    uid: int
    gid: int
    directory: Path


@dataclass(frozen=True)
class Known:
    """A process we started. `stop` are the signals that end it, the mildest first."""

    name: str
    pid: int
    started: str
    stop: tuple[int, ...] = (signal.SIGTERM, signal.SIGKILL)


def launched(command: Sequence[str], *, on_parent_death: int, account: Account | None = None) -> list[str]:
    """The command line that starts `command` so that it ends with this process (on Linux)."""
    become = f"{account.uid}:{account.gid}:{account.directory}" if account else ""
    head = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), str(int(on_parent_death)), become]
    return [*head, *command]


def _linux_start(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    state, *fields = stat.rpartition(") ")[2].split()
    return None if state in "ZX" else f"{boot}:{fields[18]}"


def start_of(pid: int) -> str | None:
    """What tells this process from a later one with the same pid; None when there is none (or a zombie)."""
    if ON_LINUX:
        # Clock ticks since boot, and which boot: unlike a time of day it never moves when the clock is set.
        return _linux_start(pid)
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except psutil.Error:
        return None


def is_running(known: Known) -> bool:
    return start_of(known.pid) == known.started


def _signal(known: Known, number: int) -> None:
    if is_running(known):
        with contextlib.suppress(ProcessLookupError):
            os.kill(known.pid, number)


def _wait(known: Sequence[Known], seconds: float) -> list[Known]:
    until = time.monotonic() + seconds
    remaining = [one for one in known if is_running(one)]
    while remaining and time.monotonic() < until:
        time.sleep(0.02)
        remaining = [one for one in remaining if is_running(one)]
    return remaining


def end_all(known: Iterable[Known], *, patience: float = 10) -> list[Known]:
    """End these processes, each by its own signals in turn; returns those that would not go."""
    remaining = [one for one in known if is_running(one)]
    for step in range(max((len(one.stop) for one in remaining), default=0)):
        for one in remaining:
            _signal(one, one.stop[min(step, len(one.stop) - 1)])
        remaining = _wait(remaining, patience)
    return remaining


class Register:
    """The processes of this run, on disk, so that the next run can end what a killed one left."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[int, Known] = {}

    def add(self, name: str, pid: int, *, stop: Sequence[int]) -> None:
        started = start_of(pid)
        if started is not None:
            self._known[pid] = Known(name, pid, started, tuple(int(number) for number in stop))
            self._save()

    def remove(self, pid: int) -> None:
        if self._known.pop(pid, None):
            self._save()

    def leftovers(self) -> list[Known]:
        """Processes that an earlier run noted and that are still the same ones."""
        try:
            rows = json.loads(self._path.read_text())
            known = [Known(row["name"], row["pid"], row["started"], tuple(row["stop"])) for row in rows]
        except (OSError, ValueError, KeyError, TypeError):  # none, or half written by a full disk
            return []
        return [one for one in known if is_running(one)]

    def _save(self) -> None:
        new = self._path.with_suffix(".new")
        try:
            new.write_text(json.dumps([asdict(one) for one in self._known.values()]))
            new.replace(self._path)
        except OSError:  # a full disk must not stop what runs; the death signal still ends the children
            new.unlink(missing_ok=True)
