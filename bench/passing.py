"""What time alone changes: how long after its instant an exit or entry is recorded."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from bench.worker import build, database
from services.segments.service.rules import RuleBook
from services.segments.worker import Planner, Timers
from shared.plumbing.clock import ShiftedClock
from shared.plumbing.db import Database
from shared.plumbing.ids import new_id
from shared.plumbing.lanes import lane_of
from shared.plumbing.leases import Leases

AT_MIDNIGHT, IN_A_MINUTE = 200_000, 10_000
BIRTHDAY = {"life_event": "birthday", "from": "P0D", "until": "P0D"}
QUIET = {"event": "Product Viewed", "within": "P1D", "op": ">=", "value": 1}


async def add_profiles(db: Database, ids: Sequence[UUID], life_events: Any, now: datetime) -> None:
    """As if they had been told of long ago."""
    for start in range(0, len(ids), 10_000):
        some = ids[start : start + 10_000]
        await db.execute(
            """INSERT INTO profiles (lane, profile_id, user_id, version, traits, life_events, created_at, states, truths,
                                     revision, evaluated_at, erased)
               SELECT lane, id, 'user-' || id, 1, '{"plan": "free"}', $3::jsonb, $4, '{}', '{}', 0, $4, false
               FROM unnest($1::smallint[], $2::uuid[]) AS new (lane, id)""",
            [lane_of(one) for one in some],
            some,
            life_events,
            now,
        )


async def add_views(db: Database, ids: Sequence[UUID], first: datetime, apart: timedelta) -> None:
    """One view each, evenly apart."""
    await db.execute(
        """INSERT INTO history (lane, profile_id, timestamp, source, message_id, name, properties, context)
           SELECT lane, id, at, 'web', 'm-' || id, 'Product Viewed', '{"sku": "p1"}', '{}'
           FROM unnest($1::smallint[], $2::uuid[], $3::timestamptz[]) AS new (lane, id, at)""",
        [lane_of(one) for one in ids],
        list(ids),
        [first + n * apart for n in range(len(ids))],
    )


async def at_once(timers: Timers, clock: ShiftedClock, instant: datetime, count: int) -> list[float]:
    """Run until so many profiles that are due at one instant are done; seconds from it to each one's commit."""
    found: list[float] = []
    while len(found) < count:
        done = await timers.step()
        found += [(clock.now() - instant).total_seconds()] * done
        if not done:
            await asyncio.sleep(0.001)
    return found


async def _midnight(url: str) -> list[float]:
    clock = ShiftedClock()
    tomorrow = (clock.now() + timedelta(days=3)).date()
    midnight = datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=UTC)
    async with database(url) as db:
        book, leases = await _made(db, clock)
        day = {
            "kind": "birthday",
            "date": tomorrow.replace(year=1990).isoformat(),
            "recurs": "yearly",
            "subject": "self",
        }
        await add_profiles(db, [new_id() for _ in range(AT_MIDNIGHT)], [day], clock.now())
        await build(db, book, leases, {"birthday": BIRTHDAY})
        timers = Timers(db, book, leases, clock, committed=lambda: None)
        clock.step(midnight - timedelta(hours=10) - clock.now())
        await leases.renew()
        while await timers.step():  # the first look, from which on the instant is known exactly
            await leases.renew()
        clock.step(midnight - timedelta(minutes=9) - clock.now())
        await leases.renew()
        planner = Planner(db, book, leases, clock)
        while await planner.step():  # as it does in the minutes before
            await leases.renew()
        clock.step(midnight - timedelta(seconds=2) - clock.now())
        await leases.renew()
        renewing = asyncio.create_task(leases.run())
        found = await at_once(timers, clock, midnight, AT_MIDNIGHT)
        renewing.cancel()
    return found


async def _made(db: Database, clock: ShiftedClock) -> tuple[RuleBook, Leases]:
    book = RuleBook(db, clock=clock, default_zone="UTC")
    leases = Leases(db, work="work", owner="bench", clock=clock)
    await leases.renew()
    return book, leases
