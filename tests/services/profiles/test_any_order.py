"""Whatever the order and the number of workers, the same people come of the same messages."""

import itertools
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.schemas.raw import RawMessage
from tests.services.profiles.standing import NOW, Standing, migrate_profiles
from tests.support.postgres import MakeDatabase

OWNERS = 4
_examples = itertools.count()

# Each device and card is one owner's (0 has no user id); owners become one by aliases only.
names = st.sampled_from(["anonymous_id:1", "anonymous_id:2", "card:1"])
said = st.fixed_dictionaries(
    {
        "owner": st.integers(0, OWNERS - 1),
        "by_user": st.booleans(),
        "names": st.sets(names, max_size=2),
        "traits": st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from([None, 1, 2]), max_size=2),
        "minute": st.integers(0, 5),
    }
)
aliases = st.tuples(st.integers(1, OWNERS - 1), st.integers(1, OWNERS - 1))


@pytest.fixture(scope="module")
async def crew(make_database: MakeDatabase) -> AsyncIterator[Standing]:
    """A service with four workers; the examples use names of their own."""
    async with Standing(await make_database(migrate_profiles)) as standing:
        await standing.hire_three_more()
        yield standing


class Reference:
    """Who is one with whom, by brute force, and the newest of each trait."""

    def __init__(self) -> None:
        self.groups: list[set[str]] = []
        self.told: list[tuple[str, RawMessage]] = []

    def unite(self, *ids: str) -> None:
        touched = [group for group in self.groups if group & set(ids)]
        self.groups = [group for group in self.groups if group not in touched] + [set(ids).union(*touched)]

    def traits_of(self, name: str) -> dict[str, Any]:
        [group] = [group for group in self.groups if name in group]
        newest: dict[str, tuple[Any, Any]] = {}
        for said_by, message in self.told:
            for key, value in message.traits.items() if said_by in group else ():
                rank = message.timestamp, message.message_id
                if key not in newest or newest[key][0] < rank:
                    newest[key] = rank, value
        return {key: value for key, (_, value) in newest.items() if value is not None}


def _message(standing: Standing, example: int, one: dict[str, Any], reference: Reference) -> None:
    owner = one["owner"]
    user = f"user_id:{example}-{owner}" if owner and (one["by_user"] or not one["names"]) else None
    others = sorted(f"{name}-{example}-{owner}" for name in one["names"]) or (
        [] if user else [f"anonymous_id:1-{example}-0"]
    )
    ids = ([user] if user else []) + others
    fields: dict[str, Any] = {}
    for name in ids:
        namespace, value = name.split(":")
        if namespace != "card" and namespace not in fields:
            fields[namespace] = value
        else:
            fields.setdefault("identifiers", {})[namespace if namespace == "card" else "second"] = value
    used = [name for name in ids if name.split(":")[0] == "card" or fields[name.split(":")[0]] == name.split(":")[1]]
    used += [f"second:{value}" for key, value in fields.get("identifiers", {}).items() if key == "second"]
    minute = timedelta(minutes=one["minute"])
    message = standing.put("identify", traits=one["traits"], timestamp=NOW - minute, **fields)
    reference.unite(*used)
    reference.told.append((used[0], message))


@given(st.lists(said, min_size=1, max_size=12), st.lists(aliases, max_size=3), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
async def test_the_same_people_and_traits_come_of_any_order(
    crew: Standing, told: list[dict[str, Any]], joined: list[tuple[int, int]], chance: Any
) -> None:
    example, reference = next(_examples), Reference()
    work: list[Any] = [*told, *joined]
    chance.shuffle(work)
    for one in work:
        if isinstance(one, dict):
            _message(crew, example, one, reference)
        else:
            user, previous = (f"{example}-{number}" for number in one)
            crew.put("alias", user_id=user, previous_id=previous)
            reference.unite(f"user_id:{user}", f"user_id:{previous}")
    await crew.work()

    found: dict[str, Any] = {}
    for name in sorted(set().union(*reference.groups)):
        namespace, value = name.split(":")
        found[name] = await crew.look_up(**{namespace: value})
        assert found[name] is not None, name
        assert found[name]["traits"] == reference.traits_of(name)
    by_id: dict[str, set[str]] = {}
    for name, profile in found.items():
        by_id.setdefault(profile["id"], set()).add(name)
    assert sorted(map(sorted, by_id.values())) == sorted(map(sorted, reference.groups))
    assert await crew.rows("parked") == []
