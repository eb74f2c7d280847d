"""How far the others are behind: subtraction of cursors from heads, lane by lane."""

from collections.abc import Iterable, Mapping

Lanes = Mapping[int, int]


def behind(heads: Lanes, cursors: Lanes) -> dict[int, int]:
    """The cursors of those lanes in which there is something beyond them."""
    return {lane: cursors.get(lane, 0) for lane, head in heads.items() if head > cursors.get(lane, 0)}


def pending(heads: Lanes, readers: Iterable[Lanes]) -> int:
    """How many rows at least one of the readers has not taken in."""
    slowest = slowest_of(heads, readers)
    return sum(head - slowest[lane] for lane, head in heads.items())


def slowest_of(heads: Lanes, readers: Iterable[Lanes]) -> dict[int, int]:
    """Per lane, where the slowest reader is; never beyond the head."""
    slowest = dict(heads)
    for cursors in readers:
        slowest = {lane: min(seq, cursors.get(lane, 0)) for lane, seq in slowest.items()}
    return slowest
