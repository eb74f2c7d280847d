"""Small decisions: identity of messages, months, lag, traces of a person."""

import re
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

import services.events
from services.events.domain.dedup import dedup_key, key_lane
from services.events.domain.lag import behind, pending, slowest_of
from services.events.domain.months import months_from
from services.events.domain.traces import traces_in_bytes, traces_in_text


def test_the_same_message_has_the_same_key_for_ever() -> None:
    # Keys lie in databases: if this fails, every repeat of the last 90 days would count again.
    assert dedup_key("web", "m1").hex() == "152635eb9a136bda746602140ce378d1"
    assert key_lane(bytes([65]) + bytes(15)) == 1


def test_source_and_message_id_are_kept_apart() -> None:
    assert dedup_key("web", "m1") != dedup_key("webm", "1")
    assert dedup_key("web", "m1") != dedup_key("ios", "m1")


@pytest.mark.parametrize(
    ("now", "tables"),
    [
        (datetime(2026, 11, 30, 23, 59, tzinfo=UTC), ["log_2026_11", "log_2026_12", "log_2027_01"]),
        (datetime(2027, 1, 1, tzinfo=UTC), ["log_2027_01", "log_2027_02", "log_2027_03"]),
    ],
)
def test_months_follow_each_other(now: datetime, tables: list[str]) -> None:
    months = months_from(now, 3)
    assert [month.table for month in months] == tables
    assert all(first.end == second.start for first, second in pairwise(months))
    assert months[0].start <= now < months[0].end


def test_pending_is_what_the_slowest_reader_lacks() -> None:
    heads = {0: 10, 1: 5, 2: 0}
    assert pending(heads, [{0: 10, 1: 5}]) == 0
    assert pending(heads, [{0: 10, 1: 5}, {0: 7, 1: 5}]) == 3
    assert pending(heads, [{0: 8, 1: 5}, {0: 9, 1: 1}]) == 6
    assert pending(heads, [{0: 12, 1: 5}]) == 0
    assert pending(heads, [{}]) == 15
    assert behind(heads, slowest_of(heads, [{0: 7, 1: 5}])) == {0: 7}


def test_traces_are_found_however_json_was_written() -> None:
    ids, addresses = ["Zoë", "7"], ["Zoë@Example.com", "a@b"]
    assert traces_in_text(ids, addresses) == ['"7"', '"zoë"', "zoë@example.com"]
    assert '"zo\\303\\253"' in traces_in_bytes(ids, addresses)
    assert '"zo\\\\u00eb"' in traces_in_bytes(ids, addresses)


def test_every_reason_is_documented() -> None:
    package = Path(services.events.__file__).parent
    code = "\n".join(path.read_text() for path in package.rglob("*.py"))
    reasons = set(re.findall(r'(?:Unusable|Refusal)\(\s*"([a-z_]+)"', code))
    page = (package.parents[1] / "docs" / "sending-events.md").read_text()
    assert len(reasons) > 10
    assert sorted(reason for reason in reasons if f"`{reason}`" not in page) == []
