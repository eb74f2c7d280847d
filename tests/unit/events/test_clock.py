"""Which instant counts."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from services.events.domain.clock import check_plausible, correct, read_sent_at, read_stamp, read_time
from services.events.domain.records import Unusable

RECEIVED = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def after(**by: float) -> datetime:
    return RECEIVED + timedelta(**by)


@pytest.mark.parametrize(
    ("stamped", "sent_at", "expected", "why"),
    [
        (after(seconds=-5), after(seconds=-1), after(seconds=-4), "a second of travel"),
        (after(minutes=-20), after(minutes=-9, seconds=-59), after(minutes=-10, seconds=-1), "just under ten minutes slow"),
        (after(minutes=-20), after(minutes=-10), after(minutes=-20), "ten minutes: a late delivery"),
        (after(days=-2), after(days=-2, seconds=1), after(days=-2), "a phone that was offline for two days"),
        (after(hours=3), after(hours=3, seconds=1), after(seconds=-1), "a clock that runs three hours ahead"),
        (after(days=9000), after(days=9001), after(days=-1), "a clock that runs decades ahead"),
        (after(days=-30), after(days=1), after(days=-31), "ahead, with an old event"),
        (after(days=-1), RECEIVED, after(days=-1), "no difference"),
        (after(days=400), None, after(days=400), "dated in the future on purpose, no sentAt"),
        (None, after(seconds=-3), RECEIVED, "no time at all"),
        (None, None, RECEIVED, "nothing"),
    ],
)  # fmt: skip
def test_a_wrong_clock_is_corrected_and_a_late_delivery_is_not(
    stamped: datetime | None, sent_at: datetime | None, expected: datetime, why: str
) -> None:
    assert correct(stamped, sent_at=sent_at, received_at=RECEIVED) == expected, why


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-20T12:00:00Z", RECEIVED),
        ("2026-11-20T12:00:00.000Z", RECEIVED),
        ("2026-11-20T12:00:00.123456789Z", RECEIVED.replace(microsecond=123456)),
        ("2026-11-20T14:00:00+02:00", RECEIVED),
        ("2026-11-20T12:00:00", RECEIVED),
        ("2026-11-20 12:00:00", RECEIVED),
        ("2026-11-20 12:00:00 UTC", RECEIVED),
        ("2026-11-20 12:00:00 +00:00", RECEIVED),
        ("2026-11-20", RECEIVED.replace(hour=0)),
        (1_795_176_000, RECEIVED),
        (1_795_176_000_000, RECEIVED),
        (Decimal("1795176000.5"), RECEIVED.replace(microsecond=500_000)),
        ("1795176000", RECEIVED),
        ("1795176000000", RECEIVED),
        (-86_400, datetime(1969, 12, 31, tzinfo=UTC)),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (None, None),
        ("", None),
    ],
)
def test_times_are_read_as_sdks_write_them(value: Any, expected: datetime | None) -> None:
    assert read_time(value) == expected


@pytest.mark.parametrize(
    "value",
    ["yesterday", "2026-13-01", "99999-99-99T99:99", "2024", " ", True, {}, [], 10**30, Decimal("1E+99"), "0001-01-01T00:00:00+23:59"],
)  # fmt: skip
def test_what_is_no_time_makes_the_message_unusable(value: Any) -> None:
    with pytest.raises(Unusable) as refused:
        read_stamp(value, field="timestamp")
    assert refused.value.reason == "bad_timestamp"


@pytest.mark.parametrize(
    "at", ["0001-01-01T00:00:00Z", "1899-12-31T23:59:59Z", "2200-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]
)
def test_years_that_no_business_has_seen_are_refused(at: str) -> None:
    with pytest.raises(Unusable):
        check_plausible(datetime.fromisoformat(at))


def test_a_sent_at_that_cannot_be_read_is_as_if_it_were_missing() -> None:
    assert read_sent_at("soon", None, "2026-11-20T12:00:00Z") == RECEIVED
    assert read_sent_at("soon", {}) is None
