"""The demo's numbers are those that pandas computes straight from the file."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deploy.demo.__main__ import play
from deploy.demo.api import connect
from deploy.demo.findings import Findings
from deploy.demo.people import make_people
from deploy.demo.purchases import sample_file
from tests.support.deployment import Deployment

if TYPE_CHECKING:
    import pandas as pd  # loaded by the worker that needs it, for it takes its time


def _frame(today: date) -> "pd.DataFrame":
    """The file as it is, moved so that it ends the day before `today`."""
    import pandas as pd

    frame = pd.read_csv(
        sample_file(), sep=r"\s+", header=None, names=["master", "customer", "day", "items", "cents"], dtype=str
    )
    frame["cents"] = (frame["cents"].astype(float) * 100).round().astype(int)
    days = pd.to_datetime(frame["day"], format="%Y%m%d")
    days += pd.Timestamp(today) - pd.Timedelta(days=1) - days.max()
    frame = frame.assign(day=days.dt.date, at=days).sort_values("at", kind="stable", ignore_index=True)
    seconds = pd.to_timedelta(frame.index.to_numpy() % 3600, unit="s")
    frame["at"] = (frame["at"] + pd.Timedelta(hours=12) + seconds).dt.tz_localize("UTC")
    return frame


def _crossings(frame: "pd.DataFrame", cents: int) -> list[date]:
    """On which day each customer who ever did crossed the threshold, in order."""
    daily = frame.groupby(["customer", "day"])["cents"].sum().groupby("customer").cumsum().reset_index()
    return sorted(daily[daily["cents"] >= cents].groupby("customer")["day"].min())


def _windowed(frame: "pd.DataFrame", now: datetime) -> tuple[int, int]:
    """How many spent over 50 within 90 days, and how many bought but not within 180 days, at an instant."""
    recent = frame[frame["at"] > now - timedelta(days=90)].groupby("customer")["cents"].sum()
    last = frame.groupby("customer")["at"].max()
    return int((recent > 5_000).sum()), int((last <= now - timedelta(days=180)).sum())


def _check_sizes(found: Findings, frame: "pd.DataFrame", between: tuple[datetime, datetime]) -> None:
    total = frame.groupby("customer")["cents"].sum()
    assert found.sizes["demo-spent-100"] == (total >= 10_000).sum()
    assert found.sizes["demo-spent-250"] == (total >= 25_000).sum()
    early, late = (_windowed(frame, instant) for instant in between)
    assert late[0] <= found.sizes["demo-spent-50-in-90-days"] <= early[0]
    assert early[1] <= found.sizes["demo-lapsed"] <= late[1]


async def test_its_connections_are_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "credentials.json").write_text('{"write_key": "w", "api_key": "a"}')
    monkeypatch.setenv("REGULARS_HOME", str(tmp_path))
    async with connect() as api:
        assert not api.client.is_closed
    assert api.client.is_closed


@pytest.mark.once
@pytest.mark.slow
@pytest.mark.timeout(280)
async def test_the_demos_numbers_are_those_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Deployment(tmp_path / "home") as deployment:
        for name, value in deployment.environment.items():
            if name.startswith("REGULARS_"):
                monkeypatch.setenv(name, value)
        started = datetime.now(UTC)
        async with connect() as api:
            found = await play(api)
    today = started.date()
    frame = _frame(today)
    _check_sizes(found, frame, (started, datetime.now(UTC)))
    for (amount, nth), day in found.crossings.items():
        crossed = _crossings(frame, amount * 100)
        assert day == (crossed[nth - 1] if nth <= len(crossed) else None)

    people = {person.customer: person for person in make_people(set("cdnow-" + frame["customer"]), today=today)}
    total = frame.groupby("customer")["cents"].sum()
    over = [people[f"cdnow-{customer}"] for customer in total[total >= 10_000].index]
    sent = sum(1 for person in over if person.consent == "granted" and "email" in person.traits)
    counts = {key: count for key, count in found.decisions.items() if key[0] == "demo-thanks-for-100"}
    assert sum(counts.values()) == len(over), "everybody who crossed the threshold has one decision"
    assert sum(count for (_, decision, _), count in counts.items() if decision == "sent") == sent
    assert found.mails == sum(count for (_, decision, _), count in found.decisions.items() if decision == "sent")
