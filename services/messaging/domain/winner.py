"""Which of the variants goes to everybody else, by what it did for those who were told first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Literal

from services.messaging.domain.effect import Group, effect_of
from shared.language.durations import parse_duration
from shared.language.reading import Loc, Reading

By = Literal["conversions", "revenue"]


@dataclass(frozen=True, slots=True)
class Test:
    """A share of the audience gets the variants; what did best by `after` goes to the others. `by`: the share who did what was
    hoped for, or revenue per person."""

    share: Decimal
    after: timedelta
    by: By

    __test__ = False  # else pytest takes it for one of its own


@dataclass(frozen=True, slots=True)
class Choice:
    """`shown`: whether it is better than the next one by more than chance alone makes."""

    variant: str
    shown: bool
    in_words: str


def read_test(json: object, loc: Loc, reading: Reading) -> Test:
    """From untrusted JSON."""
    found = reading.fields(json, loc) or {}
    reading.keys(found, loc, required=("test_share", "after", "by"))
    share = reading.number(found, "test_share", loc)
    if share is not None and not 0 < share < 1:
        reading.fault((*loc, "test_share"), "must be between 0 and 1")
    after = reading.converted(found, "after", loc, parse_duration)
    by: By | None = reading.choice(found, "by", loc, ("conversions", "revenue"))
    return Test(Decimal(share or 0), after or timedelta(), by or "conversions")


def choose(groups: Sequence[tuple[str, Group]], *, by: By, event: str) -> Choice:
    """The best of at least two, by name; of equals the first. If nothing is shown, the better one is used all the same."""

    def score(one: tuple[str, Group]) -> float:
        return one[1].rate if by == "conversions" else one[1].mean

    first, second = sorted(groups, key=score, reverse=True)[:2]
    name, best = first
    if not any(group.people for _, group in groups):
        return Choice(
            name, False, f"Nobody was told in the test. “{name}”, the first variant, is used for everybody else."
        )
    effect = effect_of(best, second[1])
    interval = effect.difference_interval if by == "conversions" else effect.revenue_interval
    shown = interval is not None and interval[0] > 0
    seen = "; ".join(_did(each, group, by, event) for each, group in groups)
    chance = "The difference is more than chance alone makes." if shown else "The difference may be chance."
    return Choice(name, shown, f"In the test, {seen}. “{name}” is used for everybody else. {chance}")


def _did(name: str, group: Group, by: By, event: str) -> str:
    if by == "revenue":
        return f"“{name}” brought {group.mean:.2f} from each of {group.people:,} people"
    return f"of {group.people:,} told “{name}” {group.converted:,} ({100 * group.rate:.1f} %) did “{event}”"
