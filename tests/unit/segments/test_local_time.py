"""Local dates: when they begin, also on the nights that clocks are set at midnight."""

from datetime import UTC, date, datetime, timedelta
from typing import get_args

import pytest

from services.segments.domain.condition import Period
from services.segments.domain.facts import EARLIEST, EPOCH, LATEST, instant, micros
from services.segments.domain.local_time import local_date, period_at, starts_of, zone, zone_names, zone_of


def starts(day: date, name: str) -> list[datetime | None]:
    return [instant(at) for at in starts_of(day, zone(name))]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("day", "name", "expected"),
    [
        (date(2026, 6, 15), "UTC", ["2026-06-15T00:00+00:00"]),
        (date(2026, 6, 15), "Pacific/Kiritimati", ["2026-06-14T10:00+00:00"]),
        (date(2026, 6, 15), "Asia/Kathmandu", ["2026-06-14T18:15+00:00"]),
        (date(2026, 3, 29), "Europe/Berlin", ["2026-03-28T23:00+00:00"]),
        (date(2026, 3, 30), "Europe/Berlin", ["2026-03-29T22:00+00:00"]),
        # 00:00 does not exist: the date begins at 01:00
        (date(2018, 11, 4), "America/Sao_Paulo", ["2018-11-04T03:00+00:00"]),
        (date(1919, 3, 31), "America/Toronto", ["1919-03-31T04:30+00:00"]),
        # a date that never was, and the one after it
        (date(2011, 12, 30), "Pacific/Apia", ["2011-12-30T10:00+00:00"]),
        (date(2011, 12, 31), "Pacific/Apia", ["2011-12-30T10:00+00:00"]),
        # 00:00 twice, an hour apart, on the same date
        (date(2020, 11, 1), "America/Havana", ["2020-11-01T04:00+00:00", "2020-11-01T05:00+00:00"]),
        # at 00:01 back to 23:01 of the day before
        (
            date(2010, 11, 7),
            "America/St_Johns",
            ["2010-11-07T02:30+00:00", "2010-11-07T02:31+00:00", "2010-11-07T03:30+00:00"],
        ),
    ],
)
def test_a_date_begins_at_exact_instants(day: date, name: str, expected: list[str]) -> None:
    assert starts(day, name) == [at(text) for text in expected]


@pytest.mark.parametrize(
    "name", ["America/St_Johns", "Pacific/Apia", "Africa/Cairo", "Asia/Beirut", "Australia/Lord_Howe"]
)
def test_the_local_date_changes_at_no_other_instant(name: str) -> None:
    place = zone(name)
    for year in (1999, 2010, 2011, 2026):
        named = {found for n in range(367) for found in starts_of(date(year, 1, 1) + timedelta(days=n), place)}
        step = timedelta(minutes=1)
        moment = micros(datetime(year, 1, 2, tzinfo=UTC))
        for found in sorted(named):
            before, after = (local_date(EPOCH + timedelta(microseconds=found) + by, place) for by in (-step, step))
            assert before != after or name == "America/St_Johns", found
        while moment < micros(datetime(year, 12, 30, tzinfo=UTC)):
            later = moment + 12 * 3_600_000_000
            dates = [local_date(EPOCH + timedelta(microseconds=m), place) for m in (moment, later)]
            assert dates[0] == dates[1] or any(moment < found <= later for found in named)
            moment = later


def test_beyond_what_a_datetime_holds_there_is_no_start() -> None:
    assert starts_of(date(1, 1, 1), zone("Asia/Tokyo")) == ()
    assert local_date(at("0001-01-01T00:00+00:00"), zone("America/New_York")) == date(1, 1, 1)


@pytest.mark.parametrize("period", ["day", "week", "month", "year"])
@pytest.mark.parametrize(
    "name", ["UTC", "America/St_Johns", "Pacific/Apia", "Africa/Cairo", "Pacific/Kiritimati", "Pacific/Pago_Pago"]
)
def test_periods_follow_one_another(name: str, period: Period) -> None:
    place = zone(name)
    for year in (2010, 2011, 2026):
        moment, end = micros(datetime(year, 10, 1, tzinfo=UTC)), micros(datetime(year + 1, 1, 10, tzinfo=UTC))
        latest = date.min
        while moment < end:
            begins, ends = period_at(moment, period, place)
            latest = max(latest, local_date(EPOCH + timedelta(microseconds=moment), place))
            assert begins <= moment < ends
            assert period_at(begins, period, place) == period_at(ends - 1, period, place) == (begins, ends)
            assert period_at(ends, period, place)[0] == ends
            first, later = (local_date(EPOCH + timedelta(microseconds=at), place) for at in (begins, ends))
            assert first <= latest < later
            moment = min(ends, moment + 20 * 3_600_000_000)


def test_the_first_and_the_last_period_hold_all_that_is_left() -> None:
    for name in ("Asia/Tokyo", "America/New_York", "Pacific/Kiritimati"):
        for period in get_args(Period):
            assert period_at(EARLIEST, period, zone(name))[0] == EARLIEST
            assert period_at(LATEST, period, zone(name))[1] == LATEST + 1


def test_zones_are_exact_names() -> None:
    assert {"Europe/Berlin", "UTC", "Pacific/Kiritimati"} <= zone_names()
    assert not {"europe/berlin", "localtime", "posixrules", "tzdata.zi"} & zone_names()
    assert zone_of({}, "Asia/Tokyo").key == "Asia/Tokyo"
