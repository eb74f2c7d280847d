"""What a person was: the traits of then, by the changes that are known."""

from datetime import timedelta

from services.segments.domain.definition import define
from services.segments.domain.evaluate import is_true
from services.segments.domain.facts import TRAITS_CHANGED, Event, ProfileFacts, micros
from services.segments.domain.lists import LISTS
from services.segments.domain.parse import parse
from services.segments.domain.past import Past
from tests.unit.segments.case import NOON, PROFILE_ID, TICK, days


def became(ago: timedelta, before: dict[str, object], after: dict[str, object], message_id: str = "m") -> Event:
    return Event(NOON - ago, message_id, "web", TRAITS_CHANGED, {"before": before, "after": after})


def traits_at(ago: timedelta, traits: dict[str, object], *changes: Event) -> object:
    return Past(ProfileFacts(PROFILE_ID, traits), changes).facts_at(micros(NOON - ago)).traits


def test_a_trait_is_what_it_was_before_the_first_change_since() -> None:
    changes = [became(days(1), {"p": 2}, {"p": 3}), became(days(5), {}, {"p": 1}), became(days(3), {"p": 1}, {"p": 2})]
    now: dict[str, object] = {"p": 3, "q": 1}
    assert [traits_at(days(n), now, *changes) for n in (0, 1, 2, 3, 4, 5, 6)] == [
        {"p": 3, "q": 1},
        {"p": 3, "q": 1},
        {"p": 2, "q": 1},
        {"p": 2, "q": 1},
        {"p": 1, "q": 1},
        {"p": 1, "q": 1},
        {"q": 1},
    ]


def test_changes_of_one_instant_are_in_the_order_of_their_messages() -> None:
    changes = became(days(1), {"p": 2}, {"p": 3}, "b"), became(days(1), {"p": 1}, {"p": 2}, "a")
    assert traits_at(days(1) + TICK, {"p": 3}, *changes) == {"p": 1}


def test_what_went_along_unchanged_is_left_as_it_is() -> None:
    change = became(days(1), {"a": {"b": 1}, "a.b": 5}, {"a": {"b": 2}, "a.b": 5})
    assert traits_at(days(2), {"a": {"b": 2}, "a.b": 6}, change) == {"a": {"b": 1}, "a.b": 6}


def test_somebody_is_on_a_list_since_they_were_put_on_it() -> None:
    since = (NOON - days(3)).isoformat().replace("+00:00", "Z")
    facts = ProfileFacts(PROFILE_ID, {LISTS: {"one": since}})
    for length, expected in (("P3D", True), ("P3DT1S", False)):
        written = {"for": length, "of": {"trait": f"{LISTS}.one", "op": "exists"}}
        assert is_true(define(parse(written), {}), [], facts, NOON) is expected


def test_what_a_caller_kept_under_the_name_of_the_lists_says_nothing_of_them() -> None:
    one, two = ((NOON - days(n)).isoformat().replace("+00:00", "Z") for n in (4, 1))
    lists: dict[str, object] = {LISTS: {"one": one, "two": two}}
    change = became(days(2), {LISTS: {"three": one}}, {LISTS: 5})
    assert traits_at(days(3), lists, change) == {LISTS: {"one": one}}
    assert traits_at(days(5), lists, change) == {}
