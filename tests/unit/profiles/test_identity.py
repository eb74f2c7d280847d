"""Whose a message is and what becomes of its names, decided without a database."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.profiles.domain.identity import Attach, Keep, Leave, Merge, choose_owner, choose_survivor, decide
from services.profiles.domain.names import ANONYMOUS, USER, Limit, Name, Rules, given_by, is_blocked, names_of
from services.profiles.domain.profile import Held, Profile
from tests.unit.profiles.told import NOW, RULES, fold_of, message


def profile(number: int, *names: str, minutes: int = 0) -> Profile:
    """A profile with names such as `user_id:ann`."""
    created_at = NOW + timedelta(minutes=minutes)
    made = Profile(id=UUID(int=number), created_at=created_at, updated_at=created_at)
    for name in names:
        made.give(Name(*name.split(":", 1)), Held(NOW))
    return made


VISITOR, OTHER = profile(1, "anonymous_id:a1"), profile(2, "anonymous_id:a2", minutes=1)
ANN, BEA = profile(3, "user_id:ann", minutes=2), profile(4, "user_id:bea", minutes=3)
DEVICE, USER_ID = Name(ANONYMOUS, "a9"), Name(USER, "ann")


@pytest.mark.parametrize(
    ("owner", "name", "holder", "explicit", "verdict"),
    [
        (ANN, DEVICE, ANN, False, Keep()),
        (ANN, DEVICE, None, False, Attach()),
        (VISITOR, USER_ID, None, False, Attach()),
        (ANN, DEVICE, VISITOR, False, Merge(loser=VISITOR, survivor=ANN)),
        (VISITOR, USER_ID, ANN, False, Merge(loser=VISITOR, survivor=ANN)),
        (VISITOR, DEVICE, OTHER, False, Merge(loser=OTHER, survivor=VISITOR)),
        (OTHER, DEVICE, VISITOR, False, Merge(loser=OTHER, survivor=VISITOR)),
        (ANN, DEVICE, BEA, False, Attach()),
        (ANN, DEVICE, BEA, True, Merge(loser=BEA, survivor=ANN)),
        (BEA, DEVICE, ANN, True, Merge(loser=BEA, survivor=ANN)),
    ],
    ids=str,
)
def test_what_becomes_of_a_name(
    owner: Profile, name: Name, holder: Profile | None, explicit: bool, verdict: Any
) -> None:
    assert decide(owner, name, holder, explicit=explicit, rules=RULES, seen_at=NOW) == verdict


@pytest.mark.parametrize(
    ("holder", "explicit", "verdict"),
    [
        (None, False, Leave()),
        (None, True, Attach()),
        (profile(9, "user_id:bea", "anonymous_id:x"), False, Leave()),
        (profile(9, "anonymous_id:x"), False, Leave()),
        (profile(9, "loyalty_card:x"), False, None),
        (profile(9, "anonymous_id:x"), True, None),
    ],
)
def test_a_profile_with_its_fill_of_names_takes_no_more_unless_told_to(
    holder: Profile | None, explicit: bool, verdict: Any
) -> None:
    full = profile(5, "user_id:ann", "anonymous_id:1", "anonymous_id:2")
    decided = decide(full, DEVICE, holder, explicit=explicit, rules=Rules(max_values=2), seen_at=NOW)
    assert decided == verdict if verdict else isinstance(decided, Merge)


@pytest.mark.parametrize(
    ("limit", "days_later", "verdict"),
    [
        (Limit(2), 400, Leave()),
        (Limit(3), 0, Attach()),
        (Limit(2, timedelta(days=30)), 29, Leave()),
        (Limit(2, timedelta(days=30)), 30, Attach()),
    ],
    ids=str,
)
def test_a_namespace_may_have_a_limit_of_its_own_in_a_time(limit: Limit, days_later: int, verdict: Any) -> None:
    full, rules = profile(5, "user_id:ann", "anonymous_id:1", "anonymous_id:2"), Rules(limits={ANONYMOUS: limit})
    seen_at = NOW + timedelta(days=days_later)
    assert decide(full, DEVICE, None, explicit=False, rules=rules, seen_at=seen_at) == verdict
    other = profile(9, DEVICE.namespace + ":a9")
    with_other = decide(full, DEVICE, other, explicit=False, rules=rules, seen_at=seen_at)
    assert isinstance(with_other, Leave) is isinstance(verdict, Leave)
    assert decide(full, Name("loyalty_card", "x"), None, explicit=False, rules=rules, seen_at=seen_at) == Attach()


@pytest.mark.parametrize(
    ("leads", "owner"),
    [
        ({}, None),
        ({USER: ANN}, ANN),
        ({USER: ANN, ANONYMOUS: VISITOR}, ANN),
        ({USER: ANN, ANONYMOUS: BEA}, ANN),
        ({ANONYMOUS: VISITOR}, VISITOR),
        ({ANONYMOUS: BEA}, None),
        ({ANONYMOUS: BEA, "card": VISITOR}, VISITOR),
    ],
)
def test_the_first_name_decides_and_a_new_user_id_joins_no_other_known_person(
    leads: dict[str, Profile], owner: Profile | None
) -> None:
    given = names_of({USER: "u", ANONYMOUS: "a", "card": "c"}, RULES)
    assert choose_owner(given, lambda name: leads.get(name.namespace)) is owner


def test_of_two_of_one_age_the_smaller_id_survives() -> None:
    one, other = profile(8, "user_id:x"), profile(7, "user_id:y")
    assert choose_survivor(one, other) == Merge(loser=one, survivor=other)


@pytest.mark.parametrize(
    "value",
    [
        "null",
        "NULL",
        " null ",
        "-1",
        "0",
        "000",
        "00000000-0000-0000-0000-000000000000",
        "---",
        "",
        "  ",
        "NaN",
        "None",
    ],
)
def test_placeholders_are_no_names(value: str) -> None:
    assert is_blocked(value, RULES)


@pytest.mark.parametrize(
    "value", ["1", "u0", "10", "nullo", "0x0", "anonymous-7", "00000000-0000-0000-0000-000000000001"]
)
def test_what_only_looks_like_a_placeholder_is_a_name(value: str) -> None:
    assert not is_blocked(value, RULES)


@pytest.mark.parametrize(
    ("fields", "names", "previous"),
    [
        ({"user_id": "u", "anonymous_id": "a"}, ["user_id:u", "anonymous_id:a"], []),
        ({"user_id": "null", "anonymous_id": "a"}, ["anonymous_id:a"], []),
        ({"identifiers": {"z": "1", "b": "2"}, "anonymous_id": "a"}, ["anonymous_id:a", "b:2", "z:1"], []),
        ({"type": "alias", "user_id": "u", "previous_id": "p"}, ["user_id:u"], ["user_id:p", "anonymous_id:p"]),
        ({"type": "alias", "user_id": "u", "previous_id": "u"}, ["user_id:u"], []),
        ({"type": "alias", "user_id": "u", "previous_id": "NULL"}, ["user_id:u"], []),
        ({"type": "merge", "user_id": "u", "previous_id": "p"}, ["user_id:u"], ["user_id:p", "anonymous_id:p"]),
        ({"type": "track", "user_id": "u", "previous_id": "p"}, ["user_id:u"], []),
        ({"type": "identify", "traits": {"email": "A@x.com"}, "user_id": "u"}, ["user_id:u"], []),
    ],
)
def test_the_names_in_a_message(fields: dict[str, Any], names: list[str], previous: list[str]) -> None:
    given = given_by(message(**fields), RULES)
    assert [":".join(name) for name in given.names] == names
    assert [":".join(name) for name in given.previous] == previous


def test_an_address_is_a_name_where_the_deployment_says_so() -> None:
    rules = Rules(merge_on=frozenset({"email"}))
    given = given_by(message("identify", user_id="u", traits={"email": " A@x.com", "phone": "1"}), rules)
    assert given.names == (Name(USER, "u"), Name("email", "a@x.com"))


def test_an_alias_may_come_first_and_its_other_id_be_of_either_kind() -> None:
    alias = message("alias", user_id="u", previous_id="p")
    for later in (message(user_id="p"), message(anonymous_id="p")):
        fold = fold_of(alias, later)
        [living] = [each for each in fold.people.profiles.values() if each.merged_into is None]
        assert living.user_id == "u"


def test_three_profiles_may_become_one_by_one_message() -> None:
    fold = fold_of(
        message(anonymous_id="a"),
        message(identifiers={"card": "c"}),
        message(user_id="u"),
        message(user_id="u", anonymous_id="a", identifiers={"card": "c"}),
    )
    [living] = [each for each in fold.people.profiles.values() if each.merged_into is None]
    assert [":".join(name) for name in living.names] == ["user_id:u", "anonymous_id:a", "card:c"]
    assert len(living.absorbed) == 2
    assert len({told.profile_id for told in fold.told}) == 3


def test_an_alias_gives_a_known_person_a_new_user_id_without_ado() -> None:
    fold = fold_of(message(user_id="old"), message("alias", user_id="new", previous_id="old"))
    [only] = fold.people.profiles.values()
    assert [":".join(name) for name in only.names] == ["user_id:old", "user_id:new"]
    assert only.user_id == "old"


def test_the_user_id_of_two_made_one_is_the_first_that_either_had() -> None:
    first, second, third = (NOW + timedelta(minutes=minutes) for minutes in (1, 2, 3))
    fold = fold_of(
        message(anonymous_id="a", received_at=NOW),
        message(user_id="first", received_at=first),
        message(user_id="second", anonymous_id="a", received_at=second),
        message("alias", user_id="first", previous_id="second", received_at=third),
    )
    [living] = [each for each in fold.people.profiles.values() if each.merged_into is None]
    assert living.created_at == NOW, "the older one survives"
    assert [":".join(name) for name in living.names] == ["anonymous_id:a", "user_id:first", "user_id:second"]
    assert [held.position for held in living.names.values()] == [0, 1, 2]
    assert living.user_id == "first"


def test_asking_for_an_erasure_links_nobody() -> None:
    fold = fold_of(message(anonymous_id="a"), message(user_id="u"), message("erase", user_id="u", anonymous_id="a"))
    assert [each.erased_at for each in fold.people.profiles.values()] == [None, NOW]
