"""PostgreSQL's own note of who serves a data directory (postmaster.pid)."""

from dataclasses import dataclass
from pathlib import Path

import psutil

START_TOLERANCE = 3.0  # seconds between the process's start and the time it writes down


@dataclass(frozen=True)
class PidFile:
    """The server's process, when it started (Unix time), and whether it takes connections."""

    pid: int
    started_at: float
    port: int
    ready: bool


def parse(text: str) -> PidFile | None:
    lines = text.splitlines()
    try:
        return PidFile(
            pid=int(lines[0]),
            started_at=float(lines[2]),
            port=int(lines[3]),
            ready=len(lines) > 7 and lines[7].strip() == "ready",
        )
    except (IndexError, ValueError):  # just being written
        return None


def read(data: Path) -> PidFile | None:
    try:
        return parse((data / "postmaster.pid").read_text())
    except OSError:
        return None


def is_its_server(found: PidFile) -> bool:
    """The process with this pid is the one that wrote the file, and not a later one with a reused pid."""
    try:
        process = psutil.Process(found.pid)
        return process.name() == "postgres" and abs(process.create_time() - found.started_at) <= START_TOLERANCE
    except psutil.Error:
        return False
