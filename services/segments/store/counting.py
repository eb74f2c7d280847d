"""Questions about everybody: statements over as many lanes at a time as one bears, each planned for itself."""

from collections.abc import Iterator

from shared.plumbing.db import Connection
from shared.plumbing.lanes import LANES

TIMEOUT = 120.0  # seconds for one statement
PROFILES_AT_ONCE = 250_000
SORT_MEMORY = "64MB"


def portions(size: int) -> Iterator[list[int]]:
    """All lanes, in portions that suit so many profiles. Few portions: lanes lie among each other, to read some is to pass
    over all."""
    at_once = min(LANES, max(1, LANES * PROFILES_AT_ONCE // max(1, size)))
    for first in range(0, LANES, at_once):
        yield list(range(first, min(LANES, first + at_once)))


async def plan_for_each(tx: Connection) -> None:
    """For this transaction: a plan that suits some values does not suit others."""
    await tx.execute(f"SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL work_mem = '{SORT_MEMORY}'")
