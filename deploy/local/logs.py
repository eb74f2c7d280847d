"""What a child prints: all of it goes to its file, and what a person should see to the console."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

MAX_BYTES = 20 * 1024 * 1024  # then the file becomes `.1`, and the one before it goes
REPEAT_AFTER = 60.0  # seconds before the same warning is shown again
LONGEST = 400  # characters of one console line
NOTABLE_LEVELS = ("warning", "error", "critical")
NOTABLE_STARTS = ("WARNING ", "ERROR ", "CRITICAL ")
BORING_KEYS = ("level", "timestamp", "event", "service")
DISK_FULL = "No space left on device"

Say = Callable[[str], None]


def _from_json(line: str) -> str | None:
    try:
        entry: Any = json.loads(line)
    except ValueError:
        return None
    if not isinstance(entry, dict) or entry.get("level") not in NOTABLE_LEVELS:
        return None
    details = " ".join(f"{key}={value}" for key, value in entry.items() if key not in BORING_KEYS)
    return f"{entry['level']}: {entry.get('event', '')} {details}".strip()


def notable(line: str) -> str | None:
    """What of this line belongs on the console, if anything."""
    line = line.strip()
    if line.startswith("{"):
        return _from_json(line)
    if DISK_FULL in line:
        return "error: the disk is full; make room"
    if line.startswith(NOTABLE_STARTS) or " PANIC: " in line:
        return line
    return None


def topic(message: str) -> str:
    """What makes two warnings the same: the text before its details."""
    return message.partition("=")[0].rpartition(" ")[0] or message


class ChildLog:
    """The log file of one child."""

    def __init__(self, path: Path, *, name: str, say: Say) -> None:
        self._path = path
        self._name = name
        self._say = say
        self._shown: dict[str, float] = {}
        self.muted = False  # only the file, not the console
        self._rest = b""
        self._file = path.open("ab", buffering=0)
        self._begun = self._file.tell()  # before it: what earlier runs said

    def write(self, chunk: bytes) -> None:
        try:
            if self._file.tell() > MAX_BYTES:
                self._rotate()
            self._file.write(chunk)
        except OSError:  # a full disk: the child must go on, its pipe must be emptied
            pass
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        self._rest = self._rest[-65536:]
        for line in lines:
            self._show(line.decode(errors="replace"))

    def close(self) -> None:
        self._file.close()

    def tail(self, lines: int = 15) -> str:
        """The last lines of this run, for the console when a start failed."""
        try:
            with self._path.open("rb") as file:
                file.seek(max(self._begun, self._path.stat().st_size - 16384))
                return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""

    def _rotate(self) -> None:
        self._file.close()
        self._path.replace(self._path.with_name(self._path.name + ".1"))
        self._file = self._path.open("ab", buffering=0)
        self._begun = 0

    def _show(self, line: str) -> None:
        message = notable(line)
        if message is None or self.muted:
            return
        now = time.monotonic()
        if now - self._shown.get(topic(message), -REPEAT_AFTER) >= REPEAT_AFTER:
            self._shown[topic(message)] = now
            self._say(f"{self._name}: {message[:LONGEST]}")
