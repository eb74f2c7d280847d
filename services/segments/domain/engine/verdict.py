"""A truth with the instant up to which it lasts, and how verdicts combine."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Verdict:
    """`next_at`: no change with nothing happening before that instant, in microseconds; None: none ever."""

    truth: bool
    next_at: int | None = None


# A condition whose leaves are replaced by the keys of their verdicts.
Formula = str | tuple[Literal["all", "any", "not"], tuple["Formula", ...]]


def combine(formula: Formula, verdicts: Mapping[str, Verdict]) -> Verdict:
    if isinstance(formula, str):
        return verdicts[formula]
    name, parts = formula
    children = [combine(part, verdicts) for part in parts]
    if name == "not":
        return Verdict(not children[0].truth, children[0].next_at)
    decides = name == "any"  # one true child decides an `any`, one false child an `all`
    deciding = [child for child in children if child.truth is decides]
    if deciding:  # and as long as one of them does, nothing else matters
        return Verdict(decides, _latest(deciding))
    return Verdict(not decides, earliest(child.next_at for child in children))


def earliest(instants: Iterable[int | None]) -> int | None:
    return min((at for at in instants if at is not None), default=None)


def _latest(verdicts: list[Verdict]) -> int | None:
    instants = [verdict.next_at for verdict in verdicts if verdict.next_at is not None]
    return max(instants) if len(instants) == len(verdicts) else None
