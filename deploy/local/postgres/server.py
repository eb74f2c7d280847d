"""One PostgreSQL in a folder: made once, then started with the same password and port."""

import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from deploy.local import ports
from deploy.local.faults import Fault
from deploy.local.home import kept, write_private
from deploy.local.postgres import account, pidfile, tuning
from deploy.local.postgres.binaries import Binaries, candidates, choose, inspect
from deploy.local.postgres.memory import machine_memory
from deploy.local.processes import Account, Known, end_all, launched, start_of

DATABASE = "regulars"
# Fast shutdown, then one without a checkpoint (recovered at the next start), then none at all.
STOP_SIGNALS = (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL)
ROOM = 200 * 1024 * 1024  # bytes that an empty cluster and its write-ahead log take


class Server:
    """The PostgreSQL in `<home>/postgres`."""

    def __init__(self, home: Path, *, durable: bool = True, binaries: Path | None = None) -> None:
        self._folder = home / "postgres"
        self._data = self._folder / "data"
        self._password_file = home / "postgres-password"
        self._port_file = home / "postgres-port"
        self._durable = durable
        self._given = binaries
        self._account: Account | None = None
        self._binaries: Binaries | None = None
        self.port = 0

    @property
    def version(self) -> str:
        return self._binaries.version if self._binaries else ""

    @property
    def url(self) -> str:
        password = self._password_file.read_text().strip()
        port = self.port or ports.read_saved(self._port_file)
        return f"postgresql://regulars:{password}@{ports.LOOPBACK}:{port}/{DATABASE}"

    def programs(self) -> Path:
        """The folder of pg_dump and the others, of the version that serves the data."""
        return choose(self._found(), data_major=_data_major(self._data)).folder

    def prepare(self) -> None:
        """Find the binaries, end what still serves this folder, make the cluster if there is none. Blocks."""
        try:
            self._prepare()
        except PermissionError as error:
            raise Fault(
                f"{error.filename or self._folder} belongs to another user; run as the user who made it, "
                "move it away, or set REGULARS_HOME or REGULARS_DATABASE_URL."
            ) from None
        except OSError as error:
            raise Fault(_said(str(error), self._folder)) from None

    def command(self) -> list[str]:
        """The server's command line; it ends with this process."""
        memory = machine_memory() if self._durable else 0
        settings = tuning.server_settings(port=self.port, durable=self._durable, memory=memory)
        return self._launch([self._chosen.postgres, "-D", self._seen("data"), *tuning.as_arguments(settings)])

    def is_ready(self, pid: int) -> bool:
        """This process takes connections now."""
        found = pidfile.read(self._data)
        return found is not None and found.pid == pid and found.ready

    def choose_port(self) -> None:
        """The port of last time if it is free; it stays for the whole run."""
        self.port = ports.choose(ports.read_saved(self._port_file))
        write_private(self._port_file, f"{self.port}\n")

    def end_stale(self) -> None:
        """End a server that still uses the folder, and drop a pid file that names a stranger.

        PostgreSQL itself only looks whether some process has that pid, and then would not start.
        """
        found = pidfile.read(self._data)
        if found and pidfile.is_its_server(found):
            started = start_of(found.pid)
            known = Known("postgres", found.pid, started or "", tuple(STOP_SIGNALS))
            if end_all([known]):
                raise Fault(
                    f"PostgreSQL (process {found.pid}) still uses {self._data} and does not stop; end it first."
                )
        (self._data / "postmaster.pid").unlink(missing_ok=True)

    @property
    def _chosen(self) -> Binaries:
        assert self._binaries is not None, "prepare() comes first"
        return self._binaries

    def _prepare(self) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._account = account.account_for(self._folder)
        found = choose(self._found(), data_major=_data_major(self._data))
        self._binaries = account.within_reach(found) if self._account else found
        if self._account:
            account.own(self._folder, self._account)
        self.end_stale()
        if not self._data.exists():
            self._make()
        elif not self._password_file.exists():
            self._set_password(self._data.name)
        self.choose_port()

    def _found(self) -> list[Binaries]:
        if self._given is None:
            return list(candidates())
        found = inspect(self._given)
        return [found] if found else []

    def _make(self) -> None:
        """Make the cluster beside its place and move it there when it is whole."""
        if shutil.disk_usage(self._folder).free < ROOM:
            raise Fault(_full(self._folder))
        new = self._folder / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        self._run([
            self._chosen.initdb,
            *tuning.initdb_arguments(major=self._chosen.major, durable=self._durable),
            f"--pwfile={self._seen(self._write_password())}",
            "-D", self._seen(new.name),
        ])  # fmt: skip
        (self._folder / ".password").unlink()
        self._single_user(new.name, f"CREATE DATABASE {DATABASE}")
        new.rename(self._data)

    def _write_password(self) -> str:
        password = kept(self._password_file, secrets.token_hex(16))
        path = self._folder / ".password"
        write_private(path, password + "\n")
        if self._account:
            os.chown(path, self._account.uid, self._account.gid)
        return path.name

    def _set_password(self, data: str) -> None:
        """Somebody removed the password's file: give the role a new one."""
        password = kept(self._password_file, secrets.token_hex(16))
        self._single_user(data, f"ALTER ROLE regulars PASSWORD '{password}'")

    def _single_user(self, data: str, statement: str) -> None:
        self._run([self._chosen.postgres, "--single", "-D", self._seen(data), "postgres"], typed=statement + "\n")

    def _seen(self, name: str) -> str:
        """The path of something in the folder as PostgreSQL's user reaches it."""
        return f"/proc/self/fd/3/{name}" if self._account else str(self._folder / name)

    def _launch(self, command: Sequence[str]) -> list[str]:
        return launched(command, on_parent_death=signal.SIGQUIT, account=self._account)

    def _run(self, command: Sequence[str], *, typed: str = "") -> None:
        done = subprocess.run(
            self._launch(command), input=typed, capture_output=True, text=True, check=False,
            env=environment(os.environ), start_new_session=True, errors="replace",
        )  # fmt: skip
        said = done.stdout + done.stderr
        if done.returncode != 0 or "PANIC:" in said or "ERROR:" in said:
            raise Fault(_said(said, self._folder))


def environment(base: "os._Environ[str] | dict[str, str]") -> dict[str, str]:
    """Without what would lead PostgreSQL elsewhere (PGDATA, PGPORT ...), and in English."""
    kept_ones = {name: value for name, value in base.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept_ones, "LC_ALL": "C"}


def _data_major(data: Path) -> int | None:
    version = data / "PG_VERSION"
    return int(version.read_text().split(".")[0]) if version.exists() else None


def _full(folder: Path) -> str:
    return f"The disk that holds {folder} is full: PostgreSQL needs some hundred MB; make room, or set REGULARS_HOME."


def _said(text: str, folder: Path) -> str:
    """The one line that matters in what PostgreSQL printed."""
    if "No space left on device" in text or "Disk quota exceeded" in text:
        return _full(folder)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if any(word in line for word in ("FATAL", "PANIC", "ERROR", "error:"))]
    return f"PostgreSQL could not be started: {(telling or lines or ['it said nothing'])[-1]}"
