"""What may be forgotten, by what still looks at it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.messaging.domain.campaign import Campaign
from services.messaging.domain.campaign_reading import parse_definition
from services.messaging.domain.retention import forgettable_decisions, forgettable_messages
from services.messaging.domain.rules import Cap, Rules
from shared.plumbing.ids import new_id

NOW = datetime(2026, 11, 21, tzinfo=UTC)
KEPT = timedelta(days=400)


@pytest.mark.parametrize(
    ("fields", "status", "had_days"),
    [
        ({}, "running", None),
        ({"reentry": "once"}, "paused", None),
        ({"reentry": "once"}, "deleted", 400),
        ({"reentry": "always"}, "running", 400),
        ({"reentry": "P30D"}, "running", 400),
        ({"reentry": "P500D"}, "running", 500),
        ({"reentry": "always", "goal": {"event": "x", "within": "P450D"}}, "running", 450),
        ({"reentry": "P500D", "goal": {"event": "x", "within": "P450D"}}, "deleted", 400),
    ],
)
def test_who_had_a_message_is_known_as_long_as_the_campaign_asks(
    fields: dict[str, Any], status: str, had_days: int | None
) -> None:
    body = {"key": "c", "trigger": {"event": "x"}, "template": "t", "purpose": "marketing"} | fields
    campaign = Campaign(new_id(), "c", parse_definition(body), status, ())
    [found] = forgettable_decisions([campaign], now=NOW, kept=KEPT)
    assert (found.campaign_id, found.before) == (campaign.id, NOW - KEPT)
    assert found.had_before == (None if had_days is None else NOW - timedelta(days=had_days))


def test_messages_are_kept_as_long_as_the_longest_cap_counts_them() -> None:
    caps = [Cap("marketing", 1, timedelta(days=days)) for days in (7, 500)]
    assert forgettable_messages(Rules(), now=NOW, kept=KEPT) == NOW - KEPT
    assert forgettable_messages(Rules(tuple(caps[:1])), now=NOW, kept=KEPT) == NOW - KEPT
    assert forgettable_messages(Rules(tuple(caps)), now=NOW, kept=KEPT) == NOW - timedelta(days=500)
