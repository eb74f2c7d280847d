"""Did it help: those who were told against those who were held out, in numbers and in plain words.

- Difference of two shares: R. G. Newcombe, "Interval estimation for the difference between independent proportions", Statistics in
  Medicine 17 (1998), method 10: two Wilson score intervals, combined.
- Ratio of two shares: D. Katz et al., "Obtaining confidence intervals for the risk ratio", Biometrics 34 (1978), on the logarithm.
- Difference of two means: Welch's, by the normal distribution.
- People needed: the usual two-sided test of two shares at 5 %, with a power of 80 % and the pooled variance.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

Z = NormalDist().inv_cdf(0.975)
POWER = NormalDist().inv_cdf(0.8)
FEWEST_PAYING = 10  # of a group, for an interval of what they pay to mean anything

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Group:
    """`squares`: the sum of the squares of what each person brought, revenue 0 among them."""

    people: int
    converted: int
    orders: int
    revenue: float
    squares: float

    @property
    def rate(self) -> float:
        return self.converted / self.people if self.people else 0.0

    @property
    def mean(self) -> float:
        """Revenue of a person."""
        return self.revenue / self.people if self.people else 0.0

    @property
    def order_value(self) -> float | None:
        return self.revenue / self.orders if self.orders else None

    @property
    def variance(self) -> float:
        """Of the revenue of a person."""
        if self.people < 2:
            return 0.0
        return max(0.0, (self.squares - self.people * self.mean**2) / (self.people - 1))


@dataclass(frozen=True, slots=True)
class Effect:
    """What telling did, with 95 % intervals; None where nothing can be said.

    `difference` of the shares who did what was hoped for; `lift`: by which part of the held-out share the told share is
    above it; `revenue`: difference per person; `needed`: how many more people (of both groups together) it takes to show an
    effect of the size seen; 0 if it is shown.
    """

    difference: float
    difference_interval: Interval | None
    lift: float | None
    lift_interval: Interval | None
    revenue: float
    revenue_interval: Interval | None
    needed: int | None

    @property
    def shown(self) -> bool:
        """Whether the difference is more than chance alone makes."""
        return self.needed == 0


def effect_of(told: Group, held: Group) -> Effect:
    """Of telling the one group and not the other."""
    difference = told.rate - held.rate
    interval = _difference_interval(told, held)
    shown = interval is not None and not interval[0] <= 0 <= interval[1]
    ratio = _ratio_interval(told, held)
    return Effect(
        difference=difference,
        difference_interval=interval,
        lift=None if ratio is None else told.rate / held.rate - 1,
        lift_interval=None if ratio is None else (ratio[0] - 1, ratio[1] - 1),
        revenue=told.mean - held.mean,
        revenue_interval=_revenue_interval(told, held),
        needed=0 if shown else _needed(told, held),
    )


def wilson(successes: int, people: int) -> Interval:
    """The score interval of a share. E. B. Wilson, Journal of the American Statistical Association 22 (1927)."""
    share, square = successes / people, Z * Z
    centre = share + square / (2 * people)
    spread = Z * math.sqrt(share * (1 - share) / people + square / (4 * people * people))
    scale = 1 + square / people
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def _difference_interval(told: Group, held: Group) -> Interval | None:
    if not told.people or not held.people:
        return None
    p, q = told.rate, held.rate
    (low_p, high_p), (low_q, high_q) = wilson(told.converted, told.people), wilson(held.converted, held.people)
    below, above = math.hypot(p - low_p, high_q - q), math.hypot(high_p - p, q - low_q)
    return max(-1.0, p - q - below), min(1.0, p - q + above)


def _ratio_interval(told: Group, held: Group) -> Interval | None:
    if not told.converted or not held.converted:
        return None
    error = math.sqrt(1 / told.converted - 1 / told.people + 1 / held.converted - 1 / held.people)
    ratio = told.rate / held.rate
    return ratio * math.exp(-Z * error), ratio * math.exp(Z * error)


def _revenue_interval(told: Group, held: Group) -> Interval | None:
    if min(told.orders, held.orders) < FEWEST_PAYING:
        return None
    error = Z * math.sqrt(told.variance / told.people + held.variance / held.people)
    difference = told.mean - held.mean
    return difference - error, difference + error


def _needed(told: Group, held: Group) -> int | None:
    difference = told.rate - held.rate
    if not told.people or not held.people or not difference:
        return None
    ratio = told.people / held.people  # the groups go on growing as they did
    pooled = (told.converted + held.converted) / (told.people + held.people)
    held_out = (Z + POWER) ** 2 * pooled * (1 - pooled) * (1 / ratio + 1) / difference**2
    return max(1, math.ceil(held_out * (1 + ratio)) - told.people - held.people)


def in_words(effect: Effect, told: Group, held: Group, *, event: str) -> str:
    """For people who have to decide."""
    if not held.people:
        return f"Nobody was held out, so nothing can be said about what telling did. {_did(told, 'told', event)}"
    if not told.people:
        return "Nobody was told yet."
    said = f"{_did(told, 'told', event)} {_did(held, 'held out', event)}"
    low, high = effect.difference_interval or (0.0, 0.0)
    points = f"{_points(effect.difference)} percentage points (95 %: {_points(low)} to {_points(high)})"
    if effect.shown:
        return f"{said} Telling {'raised' if effect.difference > 0 else 'lowered'} it by {points}."
    more = f"To show an effect of this size, about {effect.needed:,} more people are needed." if effect.needed else ""
    return f"{said} The difference is {points}: this shows no effect. {more}".strip()


def _did(group: Group, how: str, event: str) -> str:
    return f"Of {group.people:,} {how}, {group.converted:,} ({100 * group.rate:.1f} %) did “{event}”."


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"
