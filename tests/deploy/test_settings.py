"""What is set wrongly is said in one line that names the variable."""

import os
import subprocess
import sys

import pytest

from tests.deploy.local_run import CHECKOUT

NOWHERE = "postgresql://nobody:none@127.0.0.1:1/none"


def said_by(*words: str, **settings: str) -> tuple[int, list[str]]:
    """The exit code of `python -m services ...` and the lines it printed."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("REGULARS_")}
    environment = clean | {"REGULARS_SECRET": "a secret for tests only", "REGULARS_DATABASE_URL": NOWHERE} | settings
    ended = subprocess.run(
        [sys.executable, "-m", "services", *words],
        cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return ended.returncode, (ended.stdout + ended.stderr).splitlines()


@pytest.mark.parametrize(
    ("service", "setting", "value"),
    [
        ("segments", "REGULARS_DEFAULT_TIMEZONE", "Europe/Berln"),
        ("messaging", "REGULARS_DEFAULT_TIMEZONE", "Europe/Berln"),
        ("messaging", "REGULARS_MAIL_FROM", "nobody"),
        ("events", "REGULARS_EVENTS_PORT", "abc"),
        ("profiles", "REGULARS_SECRET", "short"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(service: str, setting: str, value: str) -> None:
    code, lines = said_by(service, **{setting: value})
    assert (code, len(lines)) == (78, 1), lines
    assert lines[0].startswith(f"{setting}: ")


def test_a_duration_that_is_none_is_told_how_one_is_written() -> None:
    said = 'REGULARS_CLOCK_OFFSET: must be an ISO 8601 duration, such as "PT10S"'
    assert said_by("segments", REGULARS_CLOCK_OFFSET="10 s") == (78, [said])


@pytest.mark.parametrize("url", [NOWHERE, "nonsense", "postgresql://nobody@no-such-host.invalid/none"])
def test_a_database_that_cannot_be_had_is_one_line(url: str) -> None:
    code, lines = said_by("migrate", "events", REGULARS_DATABASE_URL=url)
    assert (code, len(lines)) == (78, 1), lines
    assert "REGULARS_DATABASE_URL" in lines[0]


def test_a_database_that_is_not_there_is_one_line(postgres_server: str) -> None:
    code, lines = said_by("migrate", "events", REGULARS_DATABASE_URL=postgres_server.rsplit("/", 1)[0] + "/no_such")
    assert (code, len(lines)) == (78, 1), lines
    assert "no_such" in lines[0]
