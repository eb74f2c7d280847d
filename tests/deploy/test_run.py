"""The whole local run, with stand-ins for the services."""

import json
import os
import signal
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import closing, suppress
from pathlib import Path
from socket import create_server

import pytest

from deploy.local.processes import ON_LINUX, Known, start_of
from tests.deploy.local_run import PATIENCE, SERVICES, LocalRun, local_run, wait_until
from tests.support.ports import free_ports

READY = "Regulars is ready"


def kill_by_request(run: LocalRun, service: str) -> None:
    request = urllib.request.Request(f"http://127.0.0.1:{run.ports[service]}/die", method="POST")
    with suppress(OSError, urllib.error.URLError):
        urllib.request.urlopen(request, timeout=PATIENCE).close()


def test_it_starts_keeps_running_and_stops_everything(new_checkout: Path) -> None:
    with local_run(new_checkout) as run:
        run.wait_for(READY)

        credentials_file = run.home / "credentials.json"
        assert stat.S_IMODE(credentials_file.stat().st_mode) == 0o600
        credentials = json.loads(credentials_file.read_text())
        told = run.ask("profiles")
        assert told["REGULARS_BOOTSTRAP_WRITE_KEY"] == credentials["write_key"]
        assert told["REGULARS_BOOTSTRAP_API_KEY"] == credentials["api_key"]
        assert told["REGULARS_EVENTS_URL"] == f"http://127.0.0.1:{run.ports['events']}"
        assert len(told["REGULARS_SECRET"]) >= 32

        before = run.ask("events")["pid"]
        kill_by_request(run, "events")
        run.wait_for("events ended with code 3; starting it again")
        wait_until("events answers again", lambda: run.answers("events"))
        assert run.ask("events")["pid"] != before
        assert "events: warning: stand_in_started" in run.said
        assert "stand_in_started" in (run.home / "logs/events.log").read_text()

        assert run.signal(signal.SIGTERM) == 0
        run.wait_until_nothing_is_left()

    with local_run(new_checkout) as run:
        run.wait_for(READY)
        assert json.loads(credentials_file.read_text()) == credentials, "keys stay"
        assert run.signal(signal.SIGINT) == 0
        run.wait_until_nothing_is_left()


def test_what_a_killed_run_left_is_ended_by_the_next(checkout: Path) -> None:
    with local_run(checkout) as run:
        run.wait_for(READY)
        run.signal(signal.SIGKILL)
        if ON_LINUX:
            run.wait_until_nothing_is_left()
        # Where there is no death signal, the processes live on and are in the register:
        with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as orphan:
            known = Known("events", orphan.pid, start_of(orphan.pid) or "")
            row = {"name": known.name, "pid": known.pid, "started": known.started, "stop": [15, 9]}
            (run.home / "processes.json").write_text(json.dumps([row]))
            with local_run(checkout) as again:
                again.wait_for(READY)
                assert f"left behind: events ({orphan.pid})" in again.said
                assert orphan.wait(PATIENCE) == -signal.SIGTERM


@pytest.mark.skipif(not ON_LINUX, reason="only Linux has a parent-death signal")
def test_it_stops_when_make_is_killed_and_the_next_one_waits_for_that(checkout: Path) -> None:
    names = [f"REGULARS_{name.upper()}_PORT" for name in SERVICES]
    environment = dict(zip(names, map(str, free_ports(len(SERVICES))), strict=True))
    made = checkout / "made.out"
    with subprocess.Popen(
        ["/bin/sh", "-c", f"{sys.executable} -m deploy.local --with-parent > made.out 2>&1; true"],
        cwd=checkout, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, start_new_session=True,
    ) as make:  # fmt: skip
        try:
            wait_until("the run is ready", lambda: made.exists() and READY in made.read_text())
        finally:
            make.kill()
    with local_run(checkout) as run:
        run.wait_for(READY)
        assert "Stopping" in made.read_text()


def test_a_taken_port_is_one_clear_line(checkout: Path) -> None:
    with closing(create_server(("127.0.0.1", 0))) as server:
        port = str(server.getsockname()[1])
        with local_run(checkout, REGULARS_SEGMENTS_PORT=port) as run:
            assert run.process.wait(PATIENCE) == 1
            assert run.said.splitlines() == [
                f"Port {port} is taken by another program; stop it, or set REGULARS_SEGMENTS_PORT to a free port."
            ]
            assert json.loads((run.home / "credentials.json").read_text())


def test_a_service_that_never_starts_ends_the_run_with_its_last_words(checkout: Path) -> None:
    (checkout / "services/__main__.py").write_text(
        "import sys\nif 'migrate' not in sys.argv: sys.exit('the reason why')\n"
    )
    with local_run(checkout) as run:
        run.wait_for("does not start")
        assert run.process.wait(PATIENCE) == 1
        assert "the reason why" in run.said
        run.wait_until_nothing_is_left()


def test_a_service_with_wrong_settings_ends_the_run_at_once(checkout: Path) -> None:
    (checkout / "services/__main__.py").write_text(
        "import sys\nif 'migrate' not in sys.argv:\n    print('REGULARS_X: is wrong')\n    sys.exit(78)\n"
    )
    with local_run(checkout) as run:
        assert run.process.wait(PATIENCE) == 1
        assert run.said.splitlines()[-1].endswith("REGULARS_X: is wrong")
        assert "starting it again" not in run.said
        run.wait_until_nothing_is_left()


def test_a_failed_migration_ends_the_run_with_its_last_words(checkout: Path) -> None:
    (checkout / "services/__main__.py").write_text("import sys\nsys.exit('no such column')\n")
    with local_run(checkout) as run:
        assert run.process.wait(PATIENCE) == 1
        assert "no such column" in run.said
        assert "migrate ended with code 1" in run.said


def test_with_a_database_of_ones_own_no_postgresql_is_started(new_checkout: Path, postgres_server: str) -> None:
    with local_run(new_checkout, REGULARS_DATABASE_URL=postgres_server) as run:
        run.wait_for(READY)
        assert not (run.home / "postgres").exists()
        assert run.signal(signal.SIGTERM) == 0


def test_stopping_while_it_still_starts_leaves_nothing(checkout: Path) -> None:
    with local_run(checkout) as run:
        run.wait_for("Starting PostgreSQL")
        assert run.signal(signal.SIGTERM) == 0
        run.wait_until_nothing_is_left()
