"""Which of many due messages come next: transactional ones first, then the campaigns take turns."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest
from typing import TypeVar
from uuid import UUID

T = TypeVar("T")


def take_turns(due: Sequence[T], *, campaign: Callable[[T], UUID], urgent: Callable[[T], bool]) -> list[T]:
    """All of `due` (oldest first within a campaign) in another order: no campaign waits behind another's backlog."""
    first = rounds((one for one in due if urgent(one)), campaign)
    then = rounds((one for one in due if not urgent(one)), campaign)
    return first + then


def rounds(due: Iterable[T], campaign: Callable[[T], UUID]) -> list[T]:
    """All of `due`, one of each campaign (or journey) after the other."""
    queues: defaultdict[UUID, list[T]] = defaultdict(list)
    for one in due:
        queues[campaign(one)].append(one)
    return [one for turn in zip_longest(*queues.values()) for one in turn if one is not None]


def one_each(items: Iterable[T], key: Callable[[T], object]) -> list[T]:
    """The first of each key: what concerns one person is decided one after the other."""
    found: dict[object, T] = {}
    for item in items:
        found.setdefault(key(item), item)
    return list(found.values())
