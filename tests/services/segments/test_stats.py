"""A segment in numbers, against plain counting over generated histories."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from services.segments.store.stats import Crowd, count_moves, count_shared, sum_sales
from shared.schemas.resolved import EventResolved
from tests.services.segments.standing import NOW, Standing
from tests.services.segments.told import changed, did, erased, known, merged, person

PEOPLE = [f"p{number}" for number in range(30)]
RECENT = {"event": "Order Completed", "within": "P3D", "op": ">=", "value": 1}
PRO = {"trait": "plan", "op": "=", "value": "pro"}
D = Decimal


async def _stats(segments: Standing, key: str, **asked: Any) -> Any:
    query = "&".join(f"{name}={value}" for name, value in asked.items())
    return await segments.call("GET", f"/v1/segments/{key}/stats?{query}")


def _orders_of(rng: random.Random, name: str, now: datetime) -> Iterable[EventResolved]:
    for _ in range(rng.randint(0, 6)):
        properties: dict[str, Any] = {
            "order_id": rng.choice(["1", "2", 2, None]),
            "total": rng.choice([D("0.1"), D("19.99"), 5, "7", None]),
            "revenue": rng.choice([1, D("2.5")]),
            "currency": rng.choice(["EUR", "EUR", "USD", 5, None]),
        }
        event = rng.choice(["Order Completed", "Order Completed", "Order Updated", "Order Cancelled", "Order Refunded"])
        at = (
            now
            - timedelta(hours=rng.choice([1, 5, 24, 30, 49, 72, 100, 500]))
            + timedelta(days=rng.choice([0, 0, 0, 9]))
        )
        yield did(name, event, at, **{key: value for key, value in properties.items() if value is not None})


@dataclass
class _Order:
    completions: list[Any] = field(default_factory=list)
    changes: list[Any] = field(default_factory=list)
    refunds: list[Any] = field(default_factory=list)

    def amount(self, basis: str) -> Fraction | None:
        """None: it was cancelled."""
        last = max(self.changes, key=lambda event: (event.timestamp, event.message_id))
        if last.name == "Order Cancelled":
            return None
        left = Fraction(_number(last.properties.get(basis)) or 0)
        for refund in self.refunds:
            given_back = _number(refund.properties.get(basis))
            given_back = _number(refund.properties.get("total")) if given_back is None else given_back
            if given_back is None:
                return Fraction(0)
            left -= abs(Fraction(given_back))
        return max(left, Fraction(0))


def _number(value: Any) -> Any:
    return None if isinstance(value, str) else value


def _sales(events: Iterable[Any], basis: str, since: datetime, until: datetime) -> list[tuple[datetime, Any, Fraction]]:
    """Each order that is not cancelled: when it was first completed, in which currency, what is left of it."""
    orders: dict[Any, _Order] = defaultdict(_Order)
    for event in events:
        if event.timestamp > until:
            continue
        order_id = event.properties.get("order_id")
        if order_id is None and event.name != "Order Completed":
            continue
        order = orders[str(order_id) if order_id is not None else event.message_id + " alone"]
        (order.refunds if event.name == "Order Refunded" else order.changes).append(event)
        if event.name == "Order Completed":
            order.completions.append(event)
    found = []
    for order in orders.values():
        amount = order.amount(basis) if order.completions else None
        if amount is not None:
            first = min(order.completions, key=lambda event: (event.timestamp, event.message_id))
            currency = first.properties.get("currency")
            found.append((first.timestamp, currency if isinstance(currency, str) else None, amount))
    return found


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_sales_are_those_of_plain_counting(segments: Standing, seed: int) -> None:
    rng = random.Random(seed)
    await segments.define("pro", PRO)
    told = [event for name in PEOPLE for event in _orders_of(rng, name, NOW)]
    pros = set(rng.sample(PEOPLE, 14))
    await segments.take(*(changed(name, plan="pro" if name in pros else "free") for name in PEOPLE), *told)
    by_person = {name: [e.event for e in told if e.profile_id == person(name)] for name in PEOPLE}
    for days, basis in ((3, "total"), (60, "revenue")):
        found = await _stats(segments, "pro", days=days, basis=basis)
        since = NOW - timedelta(days=days)
        expected = {name: _sales(by_person[name], basis, since, NOW) for name in pros}
        in_period = [sale for sales in expected.values() for sale in sales if sale[0] > since]
        assert found["orders"] == len(in_period)
        assert {item["currency"]: (item["orders"], Fraction(item["revenue"])) for item in found["by_currency"]} == {
            currency: (len(of), sum(amount for *_, amount in of))
            for currency in {sale[1] for sale in in_period}
            for of in [[sale for sale in in_period if sale[1] == currency]]
        }
        firsts = {
            name: min(at for at, *_ in sales) for name, sales in expected.items() if any(at > since for at, *_ in sales)
        }
        new = sum(first > since for first in firsts.values())
        assert found["customers"]["count"] == len(firsts)
        assert (found["customers"]["new"]["count"], found["customers"]["returning"]["count"]) == (
            new,
            len(firsts) - new,
        )


async def test_averages_are_per_member_and_per_order_and_never_mix_currencies(segments: Standing) -> None:
    await segments.define("all", {"all": []})
    await segments.define("none", {"any": []})
    await segments.take(
        did("ann", "Order Completed", profile=known("ann"), order_id="1", total=D("0.1"), currency="EUR"),
        did("ann", "Order Completed", order_id="2", total=D("0.2"), currency="EUR"),
        did("ann", "Order Completed", NOW - timedelta(days=40), order_id="3", total=9, currency="EUR"),
        did("bob", "Order Completed", profile=known("bob"), order_id="1", total=50, currency="USD"),
        did("bob", "Order Completed", order_id="2", total=7),
        did("bob", "Order Completed", NOW - timedelta(hours=1), order_id="4", total=7, currency="USD"),
        did("bob", "Order Cancelled", order_id="4"),
        changed("cat"),
    )
    found = await _stats(segments, "all")
    assert (found["days"], found["basis"], found["since"]) == (30, "total", "2026-04-01T12:00:00Z")
    assert (found["size"], found["orders"], found["orders_per_member"]) == (3, 4, D("1.333333"))
    assert found["by_currency"] == [
        {
            "currency": "EUR",
            "orders": 2,
            "revenue": D("0.3"),
            "average_revenue": D("0.1"),
            "average_order_value": D("0.15"),
        },
        {"currency": "USD", "orders": 1, "revenue": 50, "average_revenue": D("16.666667"), "average_order_value": 50},
        {"currency": None, "orders": 1, "revenue": 7, "average_revenue": D("2.333333"), "average_order_value": 7},
    ]
    half = {"count": 1, "share": D("0.5")}
    assert found["customers"] == {"count": 2, "new": half, "returning": half}
    empty = await _stats(segments, "none")
    assert (empty["size"], empty["orders"], empty["orders_per_member"], empty["by_currency"]) == (0, 0, None, [])
    assert empty["customers"]["new"] == {"count": 0, "share": None}
    assert empty["overlap"] == [{"key": "all", "count": 0, "share": None, "share_of_other": 0}]


async def test_sizes_are_the_members_at_each_midnight(segments: Standing) -> None:
    rng = random.Random(3)
    await segments.take(did("early", "Order Completed", NOW, profile=known("early")))
    await segments.define("s", RECENT)
    for _ in range(12):
        now = segments.clock.now()
        who = rng.sample(PEOPLE, 7)
        await segments.take(*(did(name, "Order Completed", now, profile=known(name)) for name in who))
        await segments.later(hours=rng.choice([8, 12, 20, 31]))
    await segments.take(merged("p1", "p2"), erased("p3"))
    now = segments.clock.now()
    found = await _stats(segments, "s", days=9)
    assert [datetime.fromisoformat(point["at"]) for point in found["sizes"]] == [
        *(datetime(now.year, now.month, now.day, tzinfo=UTC) - timedelta(days=back) for back in range(8, -1, -1)),
        now,
    ]
    before = None
    for point in found["sizes"]:
        members = await segments.items("/v1/segments/s/members", at=point["at"])
        assert point["size"] == len(members), point
        assert before is None or point["size"] == before + point["entered"] - point["left"]
        before = point["size"]
    assert found["sizes"][-1]["size"] == found["size"] == len(await segments.members("s"))
    long_ago = (await _stats(segments, "s", days=366))["sizes"]
    assert (len(long_ago), long_ago[0]["size"], long_ago[0]["entered"]) == (367, 0, 0)


async def test_few_lanes_at_a_time_come_to_the_same_as_all(segments: Standing) -> None:
    await segments.define("all", {"all": []})
    await segments.define("pro", PRO)
    rng = random.Random(7)
    await segments.take(*(changed(name, plan=rng.choice(["pro", "free"])) for name in PEOPLE))
    await segments.take(*(event for name in PEOPLE for event in _orders_of(rng, name, NOW)))
    segment_id = await segments.db.fetchval("SELECT id FROM segments WHERE key = 'all'")
    found = []
    for size in (len(PEOPLE), 10**9):
        crowd = Crowd(segment_id, size)
        async with segments.db.snapshot() as tx:
            sales = await sum_sales(tx, crowd, basis="total", since=NOW - timedelta(days=9), until=NOW)
            moves = await count_moves(tx, crowd, [NOW - timedelta(days=1), NOW])
            found.append((sales, moves, await count_shared(tx, crowd)))
    assert found[0] == found[1]
    assert found[0][0].by_currency["EUR"].orders > 3
    assert found[0][1] == [(0, 0), (len(PEOPLE), 0), (0, 0)]


async def test_overlap_is_a_share_of_either(segments: Standing) -> None:
    await segments.define("pro", PRO)
    await segments.define("all", {"all": []})
    await segments.define("half", {"bucket": [0, 50], "salt": "x"})
    await segments.take(*(changed(name, plan="pro" if number < 8 else "free") for number, name in enumerate(PEOPLE)))
    pro, half = await segments.members("pro"), await segments.members("half")
    found = await _stats(segments, "pro")
    by_key = {item["key"]: item for item in found["overlap"]}
    assert found["overlap"][0]["key"] == "all"
    assert by_key["all"] == {"key": "all", "count": 8, "share": 1, "share_of_other": D("0.266667")}
    assert by_key["half"]["count"] == len(pro & half)
    assert Fraction(by_key["half"]["share"]) == Fraction(len(pro & half), 8)


async def test_many_long_questions_leave_room_for_short_ones(segments: Standing) -> None:
    """While memberships can't be read at all."""
    await segments.define("all", {"all": []})
    async with segments.db.transaction() as tx:
        await tx.execute("LOCK TABLE memberships")
        long = [asyncio.create_task(_stats(segments, "all")) for _ in range(12)]
        async with asyncio.timeout(60):
            for _ in range(20):
                await segments.items("/v1/segments/all/versions")
        assert not any(task.done() for task in long)
    assert [answer["size"] for answer in await asyncio.gather(*long)] == [0] * 12


async def test_what_is_asked_wrongly_is_refused(segments: Standing) -> None:
    await segments.define("pro", PRO)
    await segments.call("GET", "/v1/segments/nobody/stats", status=404)
    for query in ("days=0", "days=367", "days=x", "basis=tips"):
        await segments.call("GET", f"/v1/segments/pro/stats?{query}", status=422)
