"""Lists through drawn lives: uploads among events, changes of profiles, merges, erasures and time, against a plain model."""

from random import Random
from uuid import UUID

import pytest

from tests.services.segments.listing import PATH, know, make_list
from tests.services.segments.standing import Standing
from tests.services.segments.told import changed, did, erased, merged, person
from tests.support.seeds import seeds


class Model:
    """Who is on the list, of people who become one and are forgotten."""

    def __init__(self, names: list[str]) -> None:
        self.leads: dict[str, str | None] = {name: name for name in names}
        self.listed: set[str] = set()

    def living(self) -> list[str]:
        return sorted({name for name in self.leads.values() if name is not None})

    def whom(self, names: list[str]) -> set[str]:
        return {found for name in names if (found := self.leads[name]) is not None}

    def upload(self, mode: str, names: list[str]) -> None:
        meant = self.whom(names)
        self.listed = {"PUT": meant, "POST": self.listed | meant, "DELETE": self.listed - meant}[mode]

    def merge(self, loser: str, survivor: str) -> None:
        self.leads = {name: survivor if found == loser else found for name, found in self.leads.items()}
        self.listed = {survivor if name == loser else name for name in self.listed}

    def erase(self, gone: str) -> None:
        self.leads = {name: None if found == gone else found for name, found in self.leads.items()}
        self.listed -= {gone}


@pytest.mark.parametrize("seed", seeds(*range(4)))
async def test_whatever_happens_a_list_has_whom_it_was_told(segments: Standing, seed: int) -> None:
    await make_list(segments)
    drawn, model = Random(seed), Model([f"p{n}" for n in range(16)])
    await know(segments, *model.leads)
    await segments.define("guests-with-a", {"all": [{"segment": "guests"}, {"event": "A", "op": ">=", "value": 1}]})
    active: set[str] = set()
    for turn in range(25):
        step = drawn.choice(["PUT", "POST", "POST", "DELETE", "DELETE", "merge", "event", "told", "erase", "time"])
        names = drawn.sample(list(model.leads), 5)
        one, *others = drawn.sample(model.living(), min(2, len(model.living())))
        if step in ("PUT", "POST", "DELETE"):
            model.upload(step, names)
            await segments.call(step, PATH, {"user_ids": names})
        elif step == "merge" and others:
            model.merge(others[0], one)
            active |= {one} if others[0] in active else set()
            await segments.take(merged(others[0], one, version=turn + 2))
        elif step == "event":
            active |= model.whom(names)
            await segments.take(*(did(name, "A") for name in names))
        elif step == "told":
            await segments.take(changed(one, version=turn + 2, plan=turn))
        elif step == "erase" and others and turn % 3 == 0:
            model.erase(one)
            gone = [name for name, found in model.leads.items() if found is None]
            await segments.take(erased(one, *gone))
        else:
            await segments.later(hours=1)
        for key, meant in (("guests", model.listed), ("guests-with-a", model.listed & active)):
            assert await segments.members(key) == {person(name) for name in meant}, (turn, step, key)
            assert await _replayed(segments, key) == {person(name) for name in meant}
            counted = await segments.call("POST", "/v1/segments/preview", {"condition": {"segment": key}})
            assert counted["count"] == len(meant)


async def _replayed(segments: Standing, key: str) -> set[UUID]:
    """By the changes alone; of whom was erased only the leaving is left."""
    members: set[UUID] = set()
    for item in await segments.items(f"/v1/segments/{key}/changes"):
        change = members.add if item["change"] == "entered" else members.discard
        change(UUID(item["profile_id"]))
    return members
