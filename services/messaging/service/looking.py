"""What is due, found in the leased lanes: in all of them, or of campaigns with very much to say in a few at a time."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from services.messaging.store.sends import Due, find_due
from shared.plumbing.clock import Clock
from shared.plumbing.db import Database
from shared.plumbing.leases import Leases

TOGETHER = 16
"""Messages of a lane that are decided together, where there are as many."""


class Lookout:
    """Remembers of which campaigns there is more than enough.

    Of these only a few lanes at a time are looked at, each in its turn, and of what is due at the same time that of one lane
    comes after that of another: what is decided together then lies in few lanes, and is written by few statements. All others
    are looked for in every lane, so that they do not wait for a large one's turns.
    """

    def __init__(self, db: Database, leases: Leases, clock: Clock) -> None:
        self._db = db
        self._leases = leases
        self._clock = clock
        self._large: set[UUID] = set()
        self._turn = 0

    async def look(self, looks: Mapping[UUID, int], *, urgent: Collection[UUID]) -> list[Due]:
        """The oldest due of these campaigns, so many of each as there may be more. `urgent` ones never wait for a lane's turn."""
        lanes = sorted(self._leases.held)
        large = {key: look for key, look in looks.items() if key in self._large}
        turn = self._next_lanes(lanes, max(large.values(), default=0))
        near = await self._find(large, turn)
        there = Counter(one.campaign_id for one in near)
        # Half of it will do: less of it from few lanes costs less than all of it from many, and the rest is looked for right after.
        enough = {key for key, look in large.items() if 2 * there[key] >= look}
        far = await self._find({key: look for key, look in looks.items() if key not in enough}, lanes)
        there = Counter(one.campaign_id for one in far)
        found_large = {key for key, count in there.items() if count >= max(looks[key], len(lanes))}
        # Those that were not looked for stay what they are: nobody had room for them.
        self._large = (self._large - looks.keys()) | enough | (found_large - set(urgent))
        found = [one for one in near if one.campaign_id in enough] + far
        place = {lane: number for number, lane in enumerate(dict.fromkeys([*turn, *lanes]))}
        return sorted(found, key=lambda one: (one.next_at, place[one.lane], one.id))

    def _next_lanes(self, lanes: Sequence[int], wanted: int) -> list[int]:
        """Twice as many as are needed, for not every lane has as many; the second half comes first the next time."""
        needed = -(-wanted // TOGETHER)
        begin, self._turn = self._turn, self._turn + needed
        return [lanes[(begin + place) % len(lanes)] for place in range(min(len(lanes), 2 * needed))]

    async def _find(self, looks: Mapping[UUID, int], lanes: Sequence[int]) -> list[Due]:
        if not looks or not lanes:
            return []
        each = {key: max(1, 2 * look // len(lanes)) for key, look in looks.items()}
        return await find_due(self._db, lanes=lanes, campaigns=each, now=self._clock.now())
