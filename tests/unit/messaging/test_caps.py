"""A message that caps hold back waits for the first instant at which they allow it, where its campaign says so."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.messaging.domain.decision import decide
from services.messaging.domain.verdict import Defer, History, Message, Refuse, Send, Verdict
from tests.unit.messaging.builders import NOW, campaign, request, rules

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)


def capped(*, most: int, within: str = "P7D", **more: Any) -> dict[str, Any]:
    return {"purpose": "marketing", "max": most, "within": within} | more


def verdict(sent: list[timedelta], *caps: Any, now: Any = NOW, **fields: Any) -> Verdict:
    """With mails sent so long ago; due now, unless `fields` say otherwise."""
    history = History(messages=[Message("marketing", "email", NOW - ago) for ago in sent])
    return decide(request(rules=rules(frequency_caps=list(caps)), **fields), history, now=now)


@pytest.mark.parametrize(
    ("wait", "sent", "caps", "until"),
    [
        ("P2D", [6 * DAY], [capped(most=1)], DAY),
        ("P1D", [6 * DAY], [capped(most=1)], DAY),
        ("PT23H", [6 * DAY], [capped(most=1)], None),
        ("P2D", [6 * DAY, HOUR], [capped(most=2)], DAY),
        ("P7D", [6 * DAY, HOUR], [capped(most=1)], 7 * DAY - HOUR),
        ("P7D", [6 * DAY, HOUR], [capped(most=2), capped(most=1, within="P1D")], DAY),
        ("P7D", [6 * DAY, HOUR], [capped(most=2), capped(most=1, within="P1D", channel="sms")], DAY),
        ("P99D", [], [capped(most=0)], None),
        ("P99D", [HOUR], [capped(most=1), capped(most=0)], None),
    ],
)
def test_it_waits_until_all_caps_allow_it_if_that_is_in_time(
    wait: str, sent: list[timedelta], caps: list[Any], until: timedelta | None
) -> None:
    found = verdict(sent, *caps, campaign=campaign(when_capped={"wait": wait}))
    if until is None:
        assert isinstance(found, Refuse)
        assert (found.decision, found.reason, found.facts["wait"]) == ("skipped", "frequency_cap", wait)
    else:
        assert isinstance(found, Defer)
        assert (found.reason, found.until, found.facts["until"]) == ("frequency_cap", NOW + until, NOW + until)


def test_the_time_to_wait_runs_from_when_it_was_first_due_however_often_it_waits() -> None:
    fields: dict[str, Any] = {"campaign": campaign(when_capped={"wait": "P2D"}, delay="PT1H")}
    early = verdict([6 * DAY], capped(most=1), trigger_at=NOW - HOUR, **fields)
    late = verdict([6 * DAY], capped(most=1), trigger_at=NOW - DAY - 2 * HOUR, **fields)
    assert (type(early), type(late)) == (Defer, Refuse)


def test_without_being_asked_to_wait_it_is_skipped() -> None:
    found = verdict([HOUR], capped(most=1))
    assert isinstance(found, Refuse)
    assert (found.reason, found.facts["sent"]) == ("frequency_cap", 1)
    assert "until" not in found.facts


@given(
    st.lists(st.integers(0, 400), max_size=12),
    st.lists(st.tuples(st.integers(1, 4), st.integers(1, 300)), min_size=1, max_size=3),
)
def test_it_waits_exactly_as_long_as_it_must(hours: list[int], caps: list[tuple[int, int]]) -> None:
    """At `until` it is sent, and any sooner it would not have been."""
    rulebook = [capped(most=most, within=f"PT{within}H") for most, within in caps]
    sent = [HOUR * ago for ago in hours]
    patient = campaign(when_capped={"wait": "P999D"}, stale_after="P999D")
    found = verdict(sent, *rulebook, campaign=patient)
    if isinstance(found, Defer):
        assert isinstance(verdict(sent, *rulebook, campaign=patient, now=found.until), Send)
        sooner = verdict(sent, *rulebook, campaign=patient, now=found.until - TICK)
        assert isinstance(sooner, Defer)
        assert sooner.until == found.until
    else:
        assert isinstance(found, Send)
