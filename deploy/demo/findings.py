"""What came out, read back from the public API."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from deploy.demo.api import Api
from deploy.demo.plan import CAMPAIGNS, SEGMENTS, TOTAL_100, TOTAL_250

THRESHOLDS = {100: TOTAL_100, 250: TOTAL_250}
SHARES = (1, 100, 250)
"""The first, the hundredth and the 250th customer to cross a threshold."""


@dataclass(frozen=True, slots=True)
class Findings:
    """`sizes`: members per segment key. `crossings`: (threshold, n-th customer) → the day it was crossed, or None.
    `decisions`: (campaign, decision, reason) → how many."""

    sizes: dict[str, int]
    crossings: dict[tuple[int, int], date | None]
    decisions: dict[tuple[str, str, str | None], int]
    mails: int


async def read_findings(api: Api, *, first: date, last: date) -> Findings:
    """`first` and `last`: days of the first and the last purchase."""
    sizes = {s["key"]: (await api.call("GET", "segments", f"/v1/segments/{s['key']}"))["size"] for s in SEGMENTS}
    crossings = {
        (amount, nth): await _day_of_crossing(api, condition, nth, first, last)
        for amount, condition in THRESHOLDS.items()
        for nth in SHARES
    }
    decisions: Counter[tuple[str, str, str | None]] = Counter()
    for campaign in CAMPAIGNS:
        for item in await api.items("messaging", f"/v1/decisions?campaign={campaign['key']}"):
            decisions[campaign["key"], item["decision"], item["reason"]] += 1
    mails = len(await api.items("messaging", "/v1/mailbox"))
    return Findings(sizes, crossings, dict(decisions), mails)


async def _day_of_crossing(api: Api, condition: Any, nth: int, first: date, last: date) -> date | None:
    """The first day at whose end `nth` customers are over the threshold, by halving the span of days."""

    async def crossed(day: date) -> bool:
        as_of = datetime.combine(day + timedelta(days=1), time(), UTC)
        body = {"condition": condition, "as_of": as_of.isoformat()}
        return int((await api.call("POST", "segments", "/v1/segments/preview", body))["count"]) >= nth

    if not await crossed(last):
        return None
    low, high = first, last
    while low < high:
        middle = low + (high - low) // 2
        low, high = (low, middle) if await crossed(middle) else (middle + timedelta(days=1), high)
    return low
