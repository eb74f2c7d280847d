"""Who is a household, and what its caps count."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from services.messaging.domain.decision import decide
from services.messaging.domain.households import household_key, household_of
from services.messaging.domain.verdict import History, Message, Refuse, Send
from tests.unit.messaging.builders import NOW, person, request, rules

HOUR = timedelta(hours=1)
MAIL = Message("marketing", "email", NOW - HOUR)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("h1", "h1"),
        (" h1 ", "h1"),
        (7, "7"),
        (0, "0"),
        ("", None),
        ("  ", None),
        (None, None),
        (True, None),
        (Decimal("1.5"), None),
        (["h1"], None),
        ("x" * 201, None),
    ],
)
def test_the_household_is_a_trait(value: Any, name: str | None) -> None:
    assert household_of(person(traits={"household_id": value})) == name


def test_a_household_is_kept_by_a_hash_that_needs_the_secret() -> None:
    ada, ben = person(traits={"household_id": 7}), person(traits={"household_id": "7"})
    assert household_key("secret", ada) == household_key("secret", ben)
    assert household_key("other", ada) != household_key("secret", ada)
    assert household_key("secret", person()) is None


@pytest.mark.parametrize(
    ("per", "own", "household", "sent"),
    [
        ("household", [], [MAIL], False),
        ("household", [], [], True),
        ("household", [MAIL], [], True),  # had before they moved in
        ("household", [MAIL], None, False),  # who lives alone is a household
        ("person", [], [MAIL], True),
        ("person", [MAIL], [], False),
    ],
)
def test_what_a_cap_counts(per: str, own: list[Message], household: list[Message] | None, sent: bool) -> None:
    cap = {"purpose": "marketing", "max": 1, "within": "P1D", "per": per}
    found = decide(request(rules=rules(frequency_caps=[cap])), History(messages=own, household=household), now=NOW)
    assert isinstance(found, Send if sent else Refuse)
