"""Rounds of generated conditions over generated histories: followed event by event, asked in SQL, and worked out from scratch.

A round is a few conditions (which may refer to each other) and a few profiles, of whom two may be merged. Events come late,
early, in any order, with restarts and other knowledge between; time is stepped past every boundary. One insert and one
query a condition serve all profiles of the round. A case is one condition of one profile.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from hypothesis import given, seed, settings
from hypothesis import strategies as st

from services.segments.domain.definition import Definition, define
from services.segments.domain.facts import Event, ProfileFacts
from services.segments.domain.parse import parse
from services.segments.domain.standing import Standing
from tests.unit.segments import generated, lively
from tests.unit.segments.test_incremental import Followed
from tests.unit.segments.test_sql import Profile

CONDITIONS, PROFILES = 5, 4
ZONES = ["UTC", "Pacific/Kiritimati", "Asia/Kolkata"]
END = generated.START + (generated.STEPS + 12) * generated.STEP
AskSql = Callable[[Sequence[Profile], Sequence[Definition], datetime, str], list[set[int]]]
"""The numbers of the profiles that are members, for each definition."""


def play(ask: AskSql, *, rounds: int, started_with: int | None = None) -> int:
    """So many rounds: the same ones each time, or those of a number. Returns how many cases that were."""
    cases = 0

    @settings(max_examples=rounds, derandomize=started_with is None)
    @given(st.data())
    def one(data: st.DataObject) -> None:
        nonlocal cases
        cases += _round(data, ask)

    (one if started_with is None else seed(started_with)(one))()
    return cases


def _round(data: st.DataObject, ask: AskSql) -> int:
    definitions = _definitions(data)
    as_of, zone = data.draw(generated.instants), data.draw(st.sampled_from(ZONES))
    followed = [_followed(data, definitions, as_of, zone, place) for place in range(PROFILES)]
    if data.draw(st.booleans()):
        _merge(followed.pop(), followed[0], as_of)
    profiles: list[Profile] = [(one.facts, one.events) for one in followed]
    for number, members in enumerate(ask(profiles, [*definitions.values()], as_of, zone)):
        assert members == {place for place, one in enumerate(followed) if one.truths[number]}, definitions[number]
    for one in followed:
        one.assert_right_until(END)
    return len(definitions) * len(followed)


def _definitions(data: st.DataObject) -> dict[int, Definition]:
    """Each may refer to those before it; a `for`, only to what has none."""
    known = {"plain": parse(data.draw(generated.conditions()))}
    known["base"] = parse(data.draw(generated.conditions(segments=("plain",), lasting=("plain",))))
    others = generated.conditions(segments=("plain", "base"), lasting=("plain",))
    known["pair"] = parse(data.draw(lively.pairs))
    written = [*known.values(), *(parse(data.draw(others)) for _ in range(CONDITIONS - 3))]
    return {number: define(condition, known) for number, condition in enumerate(written)}


def _followed(
    data: st.DataObject, definitions: dict[int, Definition], as_of: datetime, zone: str, place: int
) -> Followed:
    """Somebody to whom everything has come that they did, by an instant that has been reached. No two have one id."""
    events = data.draw(st.one_of(generated.histories, generated.histories, lively.paired))
    instants = data.draw(st.lists(generated.instants, min_size=len(events), max_size=len(events)))
    looks = sorted(min(as_of, at) for at in instants)
    drawn = data.draw(generated.facts)
    facts = ProfileFacts(UUID(int=PROFILES * drawn.id.int + place), drawn.traits, drawn.life_events, zone)
    followed = Followed(definitions, facts, looks[0] if looks else as_of)
    for event, now in zip(data.draw(st.permutations(events)), looks, strict=True):
        followed.assert_right_until(now)
        if data.draw(st.integers(0, 5)) == 0:
            other = data.draw(generated.facts)
            followed.becomes(ProfileFacts(facts.id, other.traits, other.life_events, zone), now)
        followed.does(event, now)
        if data.draw(st.booleans()):
            followed.is_stored()
    followed.assert_right_until(as_of)
    return followed


def _merge(loser: Followed, survivor: Followed, now: datetime) -> None:
    """As the service does it: everything anew, from what both did, each once."""
    both = [*survivor.events, *loser.events]
    united: dict[tuple[Any, ...], Event] = {}
    for event in both:
        united.setdefault((event.timestamp, event.source, event.message_id), event)
    survivor.events = [*united.values()]
    ruleset, facts = survivor.ruleset, survivor.facts
    survivor.standing = Standing(ruleset.refold(survivor.events, now, facts), {})
    known = [event for event in survivor.events if event.name in ruleset.recalled_names]
    ruleset.recall(survivor.standing, facts, now, known)
    survivor.truths = ruleset.judge(survivor.standing, facts, now)
    survivor.agrees(now)
