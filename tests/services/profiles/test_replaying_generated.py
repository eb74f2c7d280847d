"""Lives of chance: whatever happened, a replay of all of it changes nothing, and puts back what is lost."""

import random
from datetime import timedelta
from typing import Any

import pytest

from tests.services.profiles.standing import Standing
from tests.services.profiles.test_replaying import begun, rows, seen_through
from tests.support.seeds import seeds

USERS, DEVICES, CARDS = ("u1", "u2", "u3", "u4"), ("a1", "a2", "a3", "a4", "a5", "a6"), ("c1", "c2", "c3")


class Chance:
    """What happens next."""

    def __init__(self, standing: Standing, seed: int, *, calls: int = 3) -> None:
        self._standing = standing
        self._dice = random.Random(seed)
        self._weights = {"message": 30, "alias": 2, "call": calls, "merge": 1, "erase": 1, "time": 6}

    async def a_life(self) -> None:
        for kind in self._dice.choices(list(self._weights), list(self._weights.values()), k=100):
            await getattr(self, f"_{kind}")()

    async def _message(self) -> None:
        kind = self._dice.choices(("track", "identify", "suppress", "unsuppress"), (6, 6, 1, 1))[0]
        fields: dict[str, Any] = {"timestamp": self._standing.clock.now() - timedelta(minutes=self._dice.randrange(90))}
        if self._dice.random() < 0.5 or "suppress" in kind:
            fields["user_id"] = self._dice.choice(USERS)
        if self._dice.random() < 0.6:
            fields["anonymous_id"] = self._dice.choice(DEVICES)
        if self._dice.random() < 0.3 or not fields.keys() & {"user_id", "anonymous_id"}:
            fields["identifiers"] = {"card": self._dice.choice(CARDS)}
        if kind == "identify":
            fields["traits"] = {key: self._dice.choice((None, 1, "x", [2])) for key in self._dice.sample("abcd", 2)}
        if self._dice.random() < 0.2:
            fields["context"] = {"device": {"token": self._dice.choice(("t1", "t2"))}, "timezone": "Europe/Berlin"}
        await self._standing.take(kind, **fields)

    async def _alias(self) -> None:
        previous = self._dice.choice((*DEVICES, *USERS, "new"))
        await self._standing.take("alias", user_id=self._dice.choice(USERS), previous_id=previous)

    async def _call(self) -> None:
        await self._standing.make(self._dice.choice(USERS), a=self._dice.randrange(3), b=None)

    async def _merge(self) -> None:
        ids = {await self._standing.id_of(anonymous_id=name) for name in self._dice.sample(DEVICES, 2)} - {None}
        if len(ids) == 2:
            body = {"profile_ids": [str(each) for each in ids]}
            await self._standing.call("POST", "/v1/profiles/merge", body)

    async def _erase(self) -> None:
        name = self._dice.choice(({"user_id": self._dice.choice(USERS)}, {"anonymous_id": self._dice.choice(DEVICES)}))
        found = await self._standing.id_of(**name)
        if found is not None:
            self._standing.others.take_in(await self._standing.feed())
            await self._standing.call("DELETE", f"/v1/profiles/{found}", status=202)

    async def _time(self) -> None:
        self._standing.clock.step(hours=self._dice.randrange(30))


@pytest.mark.parametrize("seed", seeds(*range(5)))
async def test_a_replay_of_a_whole_life_changes_nothing(standing: Standing, seed: int) -> None:
    since = standing.clock.now() - timedelta(days=1)
    await Chance(standing, seed).a_life()
    asked = await begun(standing, since=since)
    if seed % 2:
        standing.others.forgotten.clear()  # as if events had not got to it
    before = await rows(standing)
    found = await seen_through(standing, asked)
    assert (found["messages"] > 0, found["repaired"]) == (True, 0)
    assert await rows(standing) == before


@pytest.mark.parametrize("seed", seeds(*range(100, 103)))
async def test_what_messages_told_in_a_whole_life_comes_back(standing: Standing, seed: int) -> None:
    since = standing.clock.now() - timedelta(days=1)
    await Chance(standing, seed, calls=0).a_life()
    asked = await begun(standing, since=since)
    known = "SELECT id, traits, user_id, created_at FROM profiles ORDER BY id"
    before = await standing.db.fetch(known)
    refused = "SELECT profile_id, status, at FROM consents ORDER BY 1, 3, 2"
    refusals = await standing.db.fetch(refused)
    assert any(row["traits"] for row in before)
    await standing.db.execute("UPDATE profiles SET traits = '{}', provenance = '{}'")
    await standing.db.execute("DELETE FROM consents")
    assert (await seen_through(standing, asked))["repaired"] > 0
    assert await standing.db.fetch(known) == before
    assert await standing.db.fetch(refused) == refusals
