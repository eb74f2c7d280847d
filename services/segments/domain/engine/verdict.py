"""A truth with the instant up to which it lasts, and how verdicts combine."""

from collections.abc import Mapping
from typing import Literal

# The truth, and an instant in microseconds before which it cannot change with nothing happening; None: it never does.
Verdict = tuple[bool, int | None]

# A condition whose leaves, and the formulas it refers to, are replaced by the keys of their verdicts.
Formula = str | tuple[Literal["all", "any", "not"], tuple["Formula", ...]]


def combine(formula: Formula, verdicts: Mapping[str, Verdict]) -> Verdict:
    if isinstance(formula, str):
        return verdicts[formula]
    name, parts = formula
    if name == "not":
        truth, until = combine(parts[0], verdicts)
        return not truth, until
    decides = name == "any"  # one true child decides an `any`, one false child an `all`
    deciding: list[int] = []
    others: list[int] = []
    for part in parts:
        truth, until = verdicts[part] if isinstance(part, str) else combine(part, verdicts)
        if truth is decides:
            if until is None:  # and as long as one of them does, nothing else matters
                return decides, None
            deciding.append(until)
        elif until is not None:
            others.append(until)
    if deciding:
        return decides, max(deciding)
    return not decides, min(others, default=None)
