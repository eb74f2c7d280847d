"""Starts `python -m deploy.local` for a test, watches what it says, and knows everything it started."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from deploy.local.processes import Known, is_running, start_of
from tests.support.ports import free_ports

CHECKOUT = Path(__file__).resolve().parents[2]
STAND_IN = Path(__file__).with_name("stand_in")
SERVICES = ("profiles", "events", "segments", "messaging")
SERVE = "postgres"
PATIENCE = 60.0  # seconds


def wait_until(what: str, is_true: Any, *, seconds: float = PATIENCE) -> None:
    until = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > until:
            raise AssertionError(f"did not happen within {seconds} s: {what}")
        time.sleep(0.02)


def plant(folder: Path) -> Path:
    """A checkout with our deploy/ and the stand-ins in place of the services."""
    shutil.copytree(CHECKOUT / "deploy", folder / "deploy", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(STAND_IN / "services", folder / "services", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


class LocalRun:
    """One `python -m deploy.local ...` in a planted checkout."""

    def __init__(
        self, checkout: Path, *, arguments: Sequence[str], environment: Mapping[str, str], prefix: Sequence[str]
    ) -> None:
        self.home = checkout / ".local"
        self.ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
        own = {f"REGULARS_{name.upper()}_PORT": str(port) for name, port in self.ports.items()}
        clean = {name: value for name, value in os.environ.items() if not name.startswith("REGULARS_")}
        self.out = checkout / f"out-{time.monotonic_ns()}"
        with self.out.open("wb") as out:
            self.process = subprocess.Popen(
                [*prefix, sys.executable, "-m", "deploy.local", *arguments],
                cwd=checkout, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
                env={**clean, **own, "PYTHONDONTWRITEBYTECODE": "1", **environment},
            )  # fmt: skip
        self._seen: dict[int, Known] = {}

    @property
    def said(self) -> str:
        return self.out.read_text()

    def wait_for(self, text: str) -> "LocalRun":
        wait_until(text, lambda: text in self.said or self.process.poll() is not None)
        assert text in self.said, self.said
        self.look()
        return self

    def look(self) -> None:
        """Remember everything that belongs to this run now."""
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self.process.pid).children(recursive=True):
                self._seen[child.pid] = Known(child.name(), child.pid, start_of(child.pid) or "")

    def left(self) -> list[Known]:
        return [known for known in self._seen.values() if is_running(known)]

    def signal(self, number: int) -> int:
        """Send a signal and wait for the end; returns the exit code."""
        self.look()
        assert self._seen
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def wait_until_nothing_is_left(self) -> None:
        wait_until("all its processes are gone", lambda: not self.left())

    def url(self) -> str:
        """The address that `postgres` announced."""
        self.wait_for('"url"')
        return str(json.loads(self.said.splitlines()[-1])["url"])

    def ask(self, service: str, path: str = "/readyz") -> Any:
        address = f"http://127.0.0.1:{self.ports[service]}{path}"
        with urllib.request.urlopen(address, timeout=10) as answer:
            return json.loads(answer.read())

    def answers(self, service: str) -> bool:
        try:
            return bool(self.ask(service))
        except OSError:
            return False

    def end(self) -> None:
        self.look()
        self.process.kill()
        self.process.wait()
        for known in self.left():
            with contextlib.suppress(ProcessLookupError):
                os.kill(known.pid, signal.SIGKILL)


@contextlib.contextmanager
def local_run(checkout: Path, *arguments: str, prefix: Sequence[str] = (), **environment: str) -> Iterator[LocalRun]:
    run = LocalRun(checkout, arguments=arguments, environment=environment, prefix=prefix)
    try:
        yield run
    finally:
        run.end()
