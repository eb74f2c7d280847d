"""Quiet hours and contact windows, where clocks change and where days begin early."""

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.messaging.domain.local_time import Held, Span, contact_windows, held_back, parse_local_time, zone, zone_of

EVERY_DAY = frozenset(range(7))


def span(start: str, end: str, *days: int) -> Span:
    return Span(parse_local_time(start), parse_local_time(end), frozenset(days) or EVERY_DAY)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("place", "now", "quiet", "until"),
    [
        # Clocks go forward at 01:00 UTC on 29 March: 02:00 becomes 03:00.
        ("Europe/Berlin", "2026-03-29T00:30", span("00:00", "02:30"), "2026-03-29T01:00"),
        ("Europe/Berlin", "2026-03-28T22:00", span("21:00", "08:00"), "2026-03-29T06:00"),
        # Clocks go back at 01:00 UTC on 25 October: 02:00 to 03:00 comes twice.
        ("Europe/Berlin", "2026-10-25T00:10", span("00:00", "02:30"), "2026-10-25T00:30"),
        ("Europe/Berlin", "2026-10-25T01:10", span("00:00", "02:30"), "2026-10-25T01:30"),
        ("Europe/Berlin", "2026-10-24T22:30", span("21:00", "08:00"), "2026-10-25T07:00"),
        ("Pacific/Kiritimati", "2026-03-10T12:00", span("21:00", "08:00"), "2026-03-10T18:00"),
        ("Pacific/Pago_Pago", "2026-03-10T12:00", span("21:00", "08:00"), "2026-03-10T19:00"),
        ("Asia/Kolkata", "2026-03-10T17:00", span("21:00", "08:00"), "2026-03-11T02:30"),
        ("Australia/Lord_Howe", "2026-04-04T14:00", span("21:00", "08:00"), "2026-04-04T21:30"),
    ],
)
def test_quiet_hours_end_by_the_local_clock(place: str, now: str, quiet: Span, until: str) -> None:
    assert held_back(at(now), zone(place), quiet=quiet, windows=None) == Held("quiet_hours", at(until))


def test_a_window_that_the_clock_skips_opens_with_the_change_or_a_week_later() -> None:
    berlin = zone("Europe/Berlin")
    over = held_back(at("2026-03-28T12:00"), berlin, quiet=None, windows=[span("02:30", "04:00", 6)])
    assert over == Held("contact_window", at("2026-03-29T01:00"))
    within = held_back(at("2026-03-28T12:00"), berlin, quiet=None, windows=[span("02:10", "02:50", 6)])
    assert within == Held("contact_window", at("2026-04-05T00:10"))


def test_a_window_past_midnight_belongs_to_the_day_it_begins() -> None:
    late = [span("22:00", "02:00", 4)]  # Friday night
    assert held_back(at("2026-03-14T01:59"), zone("UTC"), quiet=None, windows=late) is None
    assert held_back(at("2026-03-14T02:00"), zone("UTC"), quiet=None, windows=late) == Held(
        "contact_window", at("2026-03-20T22:00")
    )


def test_no_instant_at_all_is_said_so() -> None:
    night = [span("22:00", "23:00")]
    assert held_back(at("2026-03-10T12:00"), zone("UTC"), quiet=span("21:00", "08:00"), windows=night) == Held(
        "contact_window", None
    )
    assert held_back(at("2026-03-10T12:00"), zone("UTC"), quiet=None, windows=[]) == Held("contact_window", None)


@pytest.mark.parametrize("name", ["Europe/berlin", "../etc/passwd", "", "CET+1", None, 5, "Europe/Berlin "])
def test_a_zone_that_is_no_exact_name_falls_back_to_the_default(name: object) -> None:
    assert zone_of({"timezone": name}, "Asia/Tokyo").key == "Asia/Tokyo"


def test_windows_are_read_from_preferences() -> None:
    windows = [{"days": ["mon", "Tuesday"], "from": "10:00", "until": "24:00"}, {"from": "nonsense"}, "nonsense"]
    assert contact_windows({"contact_windows": windows}) == (span("10:00", "24:00", 0, 1),)
    assert contact_windows({}) is None
    assert contact_windows({"contact_windows": []}) is None


def test_twenty_four_o_clock_is_the_end_of_the_day() -> None:
    evening = [span("20:00", "24:00")]
    assert held_back(at("2026-03-10T23:59"), zone("UTC"), quiet=None, windows=evening) is None
    assert held_back(at("2026-03-10T00:00"), zone("UTC"), quiet=None, windows=evening) is not None


minutes = st.integers(0, 24 * 60 - 1).map(lambda m: time(m // 60, m % 60))
spans = st.builds(Span, minutes, minutes, st.frozensets(st.integers(0, 6), min_size=1))
zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])


@given(
    begin=st.integers(0, 365 * 24 * 60).map(lambda minutes: at("2026-01-01T00:00") + timedelta(minutes=minutes)),
    place=zones,
    quiet=st.none() | st.builds(Span, minutes, minutes),
    windows=st.none() | st.lists(spans, min_size=1, max_size=3),
)
def test_until_is_the_first_allowed_minute(
    begin: datetime, place: str, quiet: Span | None, windows: list[Span] | None
) -> None:
    held = held_back(begin, zone(place), quiet=quiet, windows=windows)

    def allowed(instant: datetime) -> bool:
        local = instant.astimezone(zone(place))
        inside = windows is None or any(window.covers(local) for window in windows)
        return inside and not (quiet is not None and quiet.covers(local))

    if held is None:
        assert allowed(begin)
        return
    assert not allowed(begin)
    limit = held.until or begin + timedelta(days=8)
    looked, step = begin, timedelta(minutes=1 if limit - begin < timedelta(days=1) else 17)
    while looked < limit:
        assert not allowed(looked)
        looked += step
    assert held.until is None or allowed(held.until)
