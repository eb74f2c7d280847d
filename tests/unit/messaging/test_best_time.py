"""Messages that wait for the hour in which somebody looks at them."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.messaging.domain.decision import decide
from services.messaging.domain.local_time import zone, zone_names
from services.messaging.domain.timing import best_hour, due_where
from services.messaging.domain.verdict import Defer, History, Send
from shared.language.errors import ConditionError
from tests.unit.messaging.builders import NOW, campaign, person, request

EVENINGS = [NOW.replace(hour=18) - timedelta(days=days) for days in (1, 3, 8)]
acts = st.lists(st.integers(0, 90 * 86_400).map(lambda second: NOW - timedelta(seconds=second)), max_size=12)


@given(acts, st.sampled_from(sorted(zone_names())))
def test_it_is_the_hour_with_most_and_the_message_waits_for_it_for_a_day_at_most(
    acts: list[datetime], name: str
) -> None:
    place = zone(name)
    hour, due = best_hour(acts, place), due_where(campaign(best_time=True).definition, NOW, place, acts)
    if len(acts) < 3:
        assert (hour, due) == (None, None)
        return
    counts = Counter(at.astimezone(place).hour for at in acts)
    assert counts[hour or 0] == max(counts.values())
    assert due is not None
    assert NOW <= due <= NOW + timedelta(hours=26)
    # An hour that a change of clocks leaves out is begun after it.
    assert due.astimezone(place).hour == hour or place.utcoffset(due) != place.utcoffset(due - timedelta(hours=2))


def test_a_message_waits_for_it_and_goes_then() -> None:
    asked = request(campaign=campaign(best_time=True), recipient=person(traits={"email": "a@example.com"}))
    known = History(acts=EVENINGS)
    until = NOW.replace(hour=18, minute=0)
    waiting = decide(asked, known, now=NOW)
    assert isinstance(waiting, Defer)
    assert (waiting.reason, waiting.until, waiting.first_due) == ("best_time", until, True)
    assert isinstance(decide(asked, known, now=until), Send)
    assert isinstance(decide(asked, History(acts=EVENINGS[:2]), now=NOW), Send), "twice is no habit"
    assert isinstance(decide(request(), known, now=NOW), Send), "only where the campaign asks for it"


def test_an_hour_that_has_begun_is_not_waited_for_until_tomorrow() -> None:
    late = datetime(2026, 3, 10, 18, 40, tzinfo=UTC)
    assert due_where(campaign(best_time=True).definition, late, zone("UTC"), EVENINGS) == late


@pytest.mark.parametrize(
    "fields",
    [
        {"best_time": True, "local_time": "09:00"},
        {"best_time": True, "purpose": "transactional"},
        {"best_time": "yes"},
    ],
)
def test_what_contradicts_it_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ConditionError):
        campaign(**fields)
