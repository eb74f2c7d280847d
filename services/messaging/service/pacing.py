"""The rates of campaigns: how many messages of each may go out now, of this worker's share."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from services.messaging.domain.campaign import Campaign
from services.messaging.domain.gate import SECONDS_SAVED, Gate, within_a_minute
from services.messaging.store.sends import Due


class Pacing:
    """Each worker may use as much of a campaign's rate as it holds of the lanes, and begins with nothing saved up."""

    def __init__(self, *, share: Callable[[], float], elapsed: Callable[[], float] = time.monotonic) -> None:
        self._share = share
        self._elapsed = elapsed
        self._gates: dict[UUID, Gate] = {}

    def room(self, campaign: Campaign) -> int | None:
        """How many of its messages may go out now; None for any number."""
        rate = campaign.definition.rate
        if rate is None:
            return None
        now = self._elapsed()
        gate = self._gates.get(campaign.id, Gate(at=now, burst=SECONDS_SAVED))
        self._gates[campaign.id] = gate.at_rate(within_a_minute(rate * self._share()))
        return self._gates[campaign.id].allowed(now)

    def fit(self, due: Sequence[Due], campaigns: Mapping[UUID, Campaign]) -> list[Due]:
        """As many of these, in their order, as their campaigns' rates allow."""
        rooms = {key: self.room(campaigns[key]) for key in {one.campaign_id for one in due}}
        used: Counter[UUID] = Counter()
        fitting = []
        for one in due:
            room = rooms[one.campaign_id]
            if room is None or used[one.campaign_id] < room:
                used[one.campaign_id] += 1
                fitting.append(one)
        return fitting

    def given(self, campaigns: Iterable[UUID]) -> None:
        """A message went out of each of these."""
        now = self._elapsed()
        for key, count in Counter(campaigns).items():
            if key in self._gates:
                self._gates[key] = replace(self._gates[key].given(count, now))
