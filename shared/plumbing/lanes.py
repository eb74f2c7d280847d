"""Lanes: the unit of order, of work and of distribution. 64 of them, fixed for ever."""

from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from typing import Any, TypeVar
from uuid import UUID

from shared.plumbing.db import Connection

LANES = 64
_EMPTY = blake2b(digest_size=1)
T = TypeVar("T")


def lane_of(profile_id: UUID) -> int:
    """The lane of a profile. Never change this: rows lie where it says."""
    hasher = _EMPTY.copy()  # half the time of making one
    hasher.update(profile_id.bytes)
    return hasher.digest()[0] % LANES


def lane_of_text(*parts: str) -> int:
    """The lane of what is not (yet) a profile: an identifier, a dedup key, a device."""
    hasher = _EMPTY.copy()
    hasher.update("\x00".join(parts).encode())
    return hasher.digest()[0] % LANES


def by_lane(items: Iterable[T], lane: Callable[[T], int]) -> list[tuple[int, list[T]]]:
    """The items grouped by lane, in lane order (the order in which locks are taken), each group in its given order."""
    groups: dict[int, list[T]] = {}
    for item in items:
        groups.setdefault(lane(item), []).append(item)
    return [(number, groups[number]) for number in sorted(groups)]


async def take_sequences(tx: Connection, counts: Mapping[int, int]) -> dict[int, int]:
    """Reserve `counts[lane]` numbers of each lane; the first of each is returned.

    Takes the lanes' counter rows in lane order and holds them to commit, so that numbers have no gaps and rise in commit
    order. Call it last in a transaction.
    """
    lanes = sorted(lane for lane, count in counts.items() if count)
    answers = await tx.fetchmany(
        "UPDATE lane_heads SET seq = seq + $2 WHERE lane = $1 RETURNING seq",
        [(lane, counts[lane]) for lane in lanes],
    )
    rows: list[Any] = list(answers)
    return {lane: row["seq"] - counts[lane] + 1 for lane, row in zip(lanes, rows, strict=True)}
