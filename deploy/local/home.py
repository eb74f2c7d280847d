"""The state directory: one run at a time, and the secrets that are made once and kept."""

import fcntl
import json
import os
import secrets
import string
import time
from pathlib import Path
from typing import IO

from deploy.local.faults import Fault
from deploy.local.processes import start_of

KEY_LENGTH = 25
STOPPING_PATIENCE = 60.0  # seconds; as long as a run may take to stop


def new_write_key() -> str:
    """Looks like the write keys SDKs know: lower case letters and digits, starting with `c`."""
    return "c" + "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(KEY_LENGTH - 1))


def new_api_key() -> str:
    return secrets.token_hex(20)


def write_private(path: Path, text: str) -> None:
    """Write the whole file or nothing, readable by its owner only."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def kept(path: Path, make: str) -> str:
    """What the file holds; written first if there is none yet."""
    if not path.exists():
        write_private(path, make + "\n")
    return path.read_text().strip()


class Home:
    """The state directory `REGULARS_HOME`."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock: IO[str] | None = None

    @property
    def credentials_file(self) -> Path:
        return self.path / "credentials.json"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    def open(self) -> None:
        """Make it, for its owner only."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self.path.stat().st_mode & 0o077:
                self.path.chmod(0o700)
            self.logs.mkdir(mode=0o700, exist_ok=True)
        except PermissionError:
            raise Fault(
                f"The state directory {self.path} belongs to another user; run as that user, or set REGULARS_HOME."
            ) from None
        except (FileExistsError, NotADirectoryError):
            raise Fault(f"The state directory {self.path} is not a directory; set REGULARS_HOME to one.") from None

    def lock(self) -> None:
        """Keep other runs away until this process ends. A run that is just stopping is waited for."""
        file = (self.path / "run.lock").open("a+")
        until = time.monotonic() + STOPPING_PATIENCE
        while not self._try_lock(file):
            holder = self._holder()
            if not holder.get("stopping") or time.monotonic() > until:
                file.close()
                raise Fault(
                    f"Regulars already runs in {self.path} (process {holder.get('pid', 'unknown')}); "
                    "stop that one first, or set REGULARS_HOME for a second one."
                )
            time.sleep(0.05)
        self._lock = file
        self._note(stopping=False)

    def unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()

    def is_locked(self) -> bool:
        """Another process runs in this directory."""
        with (self.path / "run.lock").open("a+") as file:
            return not self._try_lock(file)

    def note_stopping(self) -> None:
        self._note(stopping=True)

    def credentials(self) -> dict[str, str]:
        """The first write key and API key, made once."""
        made = json.dumps({"write_key": new_write_key(), "api_key": new_api_key()}, indent=2)
        found = json.loads(kept(self.credentials_file, made))
        return {"write_key": str(found["write_key"]), "api_key": str(found["api_key"])}

    def secret(self) -> str:
        return kept(self.path / "secret", secrets.token_hex(32))

    def _note(self, *, stopping: bool) -> None:
        pid = os.getpid()
        write_private(self.path / "run.json", json.dumps({"pid": pid, "started": start_of(pid), "stopping": stopping}))

    def _holder(self) -> dict[str, object]:
        try:
            found: dict[str, object] = json.loads((self.path / "run.json").read_text())
        except (OSError, ValueError):
            return {}
        return found

    @staticmethod
    def _try_lock(file: IO[str]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
