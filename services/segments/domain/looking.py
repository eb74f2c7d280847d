"""One look at where a profile's conditions stand: what is asked for is worked out, once."""

from collections.abc import Mapping
from typing import Any

from services.segments.domain.engine.compile import Test
from services.segments.domain.engine.keeper import TRUTH, UNTIL, Kept
from services.segments.domain.engine.leaf import judge_facts
from services.segments.domain.engine.values import NOTHING
from services.segments.domain.engine.verdict import Verdict, combine
from services.segments.domain.facts import ProfileFacts
from services.segments.domain.rulebase import Lasting, Rulebase
from services.segments.domain.standing import Standing


class Looking(dict[str, Verdict]):
    """The verdicts of leaves and formulas at one instant, worked out when they are asked for."""

    def __init__(
        self, base: Rulebase[Any], tests: Mapping[str, Test], standing: Standing, facts: ProfileFacts, now: int
    ) -> None:
        self._base = base
        self._tests = tests
        self._standing = standing
        self._leaves = standing.leaves
        self._facts = facts
        self._now = now

    def __missing__(self, key: str) -> Verdict:
        verdict = self[key] = self._found(key)
        return verdict

    def _found(self, key: str) -> Verdict:
        base = self._base
        resting = base.resting.get(key)
        if resting is not None:
            kept = self._leaves.get(key)
            if kept is None:
                return resting
            if lasts(kept, self._now):
                return kept[TRUTH], kept[UNTIL]
            return base.keepers[key].look(self._leaves, self._now) or resting
        test = self._tests.get(key)
        if test is not None:
            return test(self._facts.traits, NOTHING), None
        formula = base.formulas.get(key)
        if formula is None:
            lasting = base.fors.get(key)
            if lasting is not None:
                return self._lasting(key, lasting)
            return judge_facts(base.others[key], self._facts, self._now)
        for needed in base.needs.get(key, ()):  # in turn, for chains of segments may be longer than the stack
            if needed not in self:
                self[needed] = combine(base.formulas[needed], self)
        return combine(formula, self)

    def _lasting(self, key: str, lasting: Lasting) -> Verdict:
        """What it is part of waits until it may turn, which is no sooner than a length after its condition did."""
        since, now = self._standing.since, self._now
        truth, until = self[lasting.formula]
        if self._standing.recalled.get(key) == now:
            truth = key in since
        if not truth:
            since.pop(key, None)
            return False, None if until is None else until + lasting.length
        ripe = since.setdefault(key, now) + lasting.length
        return (True, until) if ripe <= now else (False, ripe)

    def follow(self, key: str) -> int | None:
        """Look at a `for`, and say when its condition may next turn: then it must be looked at again."""
        _ = self[key]
        return self[self._base.fors[key].formula][1]


def lasts(kept: Kept, now: int) -> bool:
    """Whether its verdict still stands."""
    return kept[TRUTH] is not None and (kept[UNTIL] is None or now < kept[UNTIL])
