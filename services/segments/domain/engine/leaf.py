"""One door to all leaves: to the keepers of those that look at events, and to those that look at the profile alone."""

from datetime import date
from functools import lru_cache
from typing import assert_never
from zoneinfo import ZoneInfo

from services.segments.domain.condition import (
    Bucket,
    EventAggregate,
    LifeEvent,
    OfEvents,
    Sequence,
    Spend,
    TraitDate,
    firsts_meant,
)
from services.segments.domain.engine import orders, pairs, points, steps
from services.segments.domain.engine.keeper import Keeper
from services.segments.domain.engine.ledger import Ledger
from services.segments.domain.engine.verdict import Verdict
from services.segments.domain.evaluate import bucket_of
from services.segments.domain.facts import EPOCH, MICROSECOND, LifeEventFact, ProfileFacts
from services.segments.domain.local_time import local_date, starts_of, zone_of
from services.segments.domain.occurrences import dates_meant, holds_on, turning_days


def keeper_of(key: str, leaf: OfEvents, ledgers: dict[str, Ledger]) -> Keeper:
    """`ledgers`: of all leaves that may share one; the one it needs is added."""
    match leaf:
        case EventAggregate():
            return points.keeper_of(key, leaf)
        case Sequence():
            return pairs.keeper_of(key, leaf) if firsts_meant(leaf) else steps.keeper_of(key, leaf)
        case Spend():
            return orders.keeper_of(key, leaf, ledgers)
        case _:
            assert_never(leaf)


def judge_facts(leaf: LifeEvent | TraitDate | Bucket, facts: ProfileFacts, t: int) -> Verdict:
    match leaf:
        case LifeEvent() | TraitDate():
            return _date(leaf, facts, t)
        case Bucket(start, end, salt):
            return start <= bucket_of(salt, facts.id) < end, None
        case _:
            assert_never(leaf)


def _date(leaf: LifeEvent | TraitDate, facts: ProfileFacts, t: int) -> Verdict:
    place = zone_of(facts.traits, facts.default_zone)
    meant = dates_meant(leaf, facts, place)
    if not meant:
        return False, None
    day = local_date(EPOCH + t * MICROSECOND, place)
    found = [_around(leaf, fact, day, place) for fact in meant]
    next_at = min((at for _, turns in found for at in turns if at > t), default=None)
    return any(holds for holds, _ in found), next_at


@lru_cache(maxsize=50_000)
def _around(
    leaf: LifeEvent | TraitDate, fact: LifeEventFact, day: date, place: ZoneInfo
) -> tuple[bool, tuple[int, ...]]:
    """Whether it holds on the local `day`, and the instants around it at which it begins to hold or no longer does."""
    turns = (at for turn in turning_days(leaf, fact, day) for at in starts_of(turn, place))
    return holds_on(leaf, fact, day) is not None, tuple(turns)
