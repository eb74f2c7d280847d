"""What a message or a call changed of the traits is told with it; what a merge unites is not."""

from datetime import timedelta
from typing import Any

from services.profiles.domain.fold import Fold
from shared.schemas.resolved import EventResolved, TraitsChanged
from tests.unit.profiles.told import NOW, fold_of, message


def identify(number: int, user_id: str | None = "ann", *, ago: int = 0, **fields: Any) -> Any:
    at = NOW - timedelta(minutes=ago)
    return message("identify", message_id=f"m{number}", user_id=user_id, timestamp=at, received_at=NOW, **fields)


def told_by(fold: Fold) -> list[TraitsChanged | None]:
    return [told.traits_changed for told in fold.told if isinstance(told, EventResolved)]


def test_a_value_of_before_and_the_one_that_replaced_it_are_told_at_the_messages_own_time() -> None:
    first, second = told_by(
        fold_of(identify(1, ago=9, traits={"plan": "free", "n": 1}), identify(2, ago=5, traits={"plan": "pro", "n": 1}))
    )
    assert first is not None
    assert (first.before, first.after) == ({}, {"plan": "free", "n": 1})
    assert second == TraitsChanged(
        at=NOW - timedelta(minutes=5), message_id="m2", source="web", before={"plan": "free"}, after={"plan": "pro"}
    )


def test_true_for_one_is_another_value_and_null_is_none() -> None:
    *_, swapped, removed = told_by(
        fold_of(
            identify(1, ago=9, traits={"n": 1}), identify(2, ago=5, traits={"n": True}), identify(3, traits={"n": None})
        )
    )
    assert swapped is not None
    assert removed is not None
    assert (swapped.before, swapped.after) == ({"n": 1}, {"n": True})
    assert (removed.before, removed.after) == ({"n": True}, {})


def test_a_time_ahead_of_its_receipt_counts_as_the_receipt() -> None:
    [told] = told_by(fold_of(identify(1, ago=-60, traits={"plan": "pro"})))
    assert told is not None
    assert told.at == NOW


def test_an_older_value_that_comes_late_changes_nothing() -> None:
    assert (
        told_by(fold_of(identify(1, traits={"plan": "pro"}), identify(2, ago=60, traits={"plan": "free"})))[1] is None
    )


def test_keys_with_a_dot_go_along() -> None:
    both = {"a": {"b": 1}, "a.b": 5}
    told = told_by(fold_of(identify(1, ago=5, traits=both), identify(2, traits={"a": {"b": 2}})))[1]
    assert told is not None
    assert (told.before, told.after) == (both, {"a": {"b": 2}, "a.b": 5})


def test_uniting_two_profiles_changes_no_trait_but_what_the_message_says_does() -> None:
    anonymous = identify(1, None, ago=9, anonymous_id="a", traits={"plan": "free", "city": "Graz"})
    known = identify(2, ago=8, traits={"plan": "pro"})
    linking = identify(3, ago=1, anonymous_id="a", traits={"city": "Linz"})
    told = told_by(fold_of(anonymous, known, linking))[2]
    assert told is not None
    assert (told.before, told.after) == ({"city": "Graz"}, {"city": "Linz"})


def test_what_a_context_implies_is_told_too() -> None:
    [told] = told_by(fold_of(message(anonymous_id="a", name="A", context={"timezone": "Europe/Vienna"})))
    assert told is not None
    assert told.after == {"timezone": "Europe/Vienna"}
