"""What an answer makes of a message, when it is tried again, who comes first, and chance that stays."""

from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from services.messaging.domain.addresses import address_for, address_hash
from services.messaging.domain.answers import Accepted, Final, NotNow, Rejected, TryAgain, Unsure, after, smtp_answer
from services.messaging.domain.drawing import held_out, pick
from services.messaging.domain.fairness import one_each, take_turns
from services.messaging.domain.retry import LONGEST, next_try
from shared.schemas.recipients import Device
from tests.unit.messaging.builders import NOW, person

LATER = NOW + timedelta(days=1)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Accepted(), Final("sent", "sent", "sent")),
        (Rejected("no"), Final("failed", "provider_error", "failed")),
        (Rejected("no", bounced=True), Final("failed", "provider_error", "failed", "bounced")),
        (Unsure("?"), Final("unknown", "no_answer", "unknown")),
        (NotNow("busy"), TryAgain(NOW + timedelta(seconds=5))),
    ],
)
def test_what_an_answer_makes_of_a_message(answer: Accepted, expected: Final) -> None:
    assert after(answer, attempts=1, now=NOW, give_up_at=LATER, chance=0.5) == expected


@pytest.mark.parametrize(
    ("answer", "give_up_at", "expected"),
    [
        (Accepted(), LATER, Final("sent", "sent", "sent")),
        (Rejected("no"), LATER, Final("unknown", "no_answer", "unknown")),
        (Rejected("no", bounced=True), LATER, Final("unknown", "no_answer", "unknown", "bounced")),
        (NotNow("busy"), LATER, TryAgain(NOW + timedelta(seconds=5), "no_answer", "unknown")),
        (NotNow("busy"), NOW, Final("unknown", "no_answer", "unknown")),
    ],
)
def test_only_a_yes_ends_the_doubt_whether_an_earlier_try_was_taken(
    answer: Accepted, give_up_at: datetime, expected: Final
) -> None:
    for preferred in (False, True):
        found = after(
            answer, attempts=1, now=NOW, give_up_at=give_up_at, chance=0.5, preferred=preferred, in_doubt=True
        )
        assert found == expected


def test_whoever_is_not_taken_in_time_has_failed() -> None:
    late = after(NotNow("busy"), attempts=3, now=NOW, give_up_at=NOW, chance=0.5)
    assert late == Final("failed", "provider_error", "failed")


def test_tries_come_later_and_later_and_somewhat_at_random() -> None:
    delays = [next_try(n, now=NOW, give_up_at=LATER, chance=0.5) for n in range(1, 12)]
    waits = [(at - NOW).total_seconds() for at in delays if at]
    assert waits[:4] == [5, 10, 20, 40]
    assert waits[-1] == LONGEST.total_seconds()
    spread = [next_try(1, now=NOW, give_up_at=LATER, chance=chance) for chance in (0.0, 0.999)]
    assert spread[0] == NOW + timedelta(seconds=2.5)
    assert next_try(10_000, now=NOW, give_up_at=LATER, chance=0.9) is not None


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        (550, "5.1.1 no such user", Rejected("550 5.1.1 no such user", bounced=True)),
        (550, "no such user", Rejected("550 no such user", bounced=True)),
        (550, "5.7.1 blocked as spam", Rejected("550 5.7.1 blocked as spam")),
        (554, "rejected", Rejected("554 rejected")),
        (451, "4.7.1 greylisted", NotNow("451 4.7.1 greylisted")),
        (421, "shutting down", NotNow("421 shutting down")),
    ],
)
def test_smtp_refusals(code: int, text: str, expected: Rejected) -> None:
    assert smtp_answer(code, text) == expected


def test_transactional_ones_come_first_and_campaigns_take_turns() -> None:
    a, b, receipts = UUID(int=1), UUID(int=2), UUID(int=3)
    due = [(a, n) for n in range(5)] + [(b, 5), (receipts, 6), (b, 7)]
    turns = take_turns(due, campaign=lambda one: one[0], urgent=lambda one: one[0] == receipts)
    assert turns[:5] == [(receipts, 6), (a, 0), (b, 5), (a, 1), (b, 7)]
    assert one_each(due, lambda one: one[0]) == [(a, 0), (b, 5), (receipts, 6)]


def test_the_draw_stays_and_is_in_proportion() -> None:
    campaign = UUID(int=7)
    people = [UUID(int=n) for n in range(4000)]
    held = [one for one in people if held_out(Decimal("0.1"), campaign, one)]
    assert 300 < len(held) < 500
    assert held == [one for one in people if held_out(Decimal("0.1"), campaign, one)]
    picked = [pick([("a", Decimal(1)), ("b", Decimal(3))], campaign, one) for one in people]
    assert 800 < picked.count("a") < 1200
    assert held_out(Decimal(1), campaign, uuid4())
    assert not held_out(Decimal(0), campaign, uuid4())


def test_addresses_are_recognised_in_every_spelling_and_kept_as_a_keyed_hash() -> None:
    assert address_hash("s", "email", " Ada@Example.com ") == address_hash("s", "email", "ada@example.com")
    assert address_hash("s", "sms", "+49 (171) 123-45") == address_hash("s", "sms", "+4917112345")
    assert address_hash("s", "email", "x") != address_hash("t", "email", "x")
    assert address_hash("s", "email", "x") != address_hash("s", "sms", "x")


@pytest.mark.parametrize(
    "email", ["", "nobody", "a b@c.d", "a@b\nBcc: x@y.z", "a@b.c, d@e.f", "<a@b.c>", 5, None, "x" * 300 + "@b.c"]
)
def test_what_is_no_address_is_not_written_to(email: object) -> None:
    assert address_for(person(traits={"email": email}), "email") is None


def test_addresses_by_channel() -> None:
    who = person(traits={"email": " ada@example.com", "phone": "+49 171 1234567"}, devices=(Device(token="t"),))
    assert [address_for(who, channel) for channel in ("email", "sms", "push", "webhook", "fax")] == [
        "ada@example.com",
        "+49 171 1234567",
        "t",
        str(who.id),
        None,
    ]
