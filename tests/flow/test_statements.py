"""What writes or locks in the running pipeline names one lane, so that the same statements run on many machines."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from shared.plumbing.db import Database
from tests.flow.story import consenting, order, thank_spenders
from tests.migrations.test_schema import CATALOGUES, EVERYWHERE
from tests.support.postgres import MakeDatabase
from tests.support.waiting import until
from tests.support.world import World, migrate_all

WRITING = re.compile(
    r"^\s*(WITH\b.*?\b)?(INSERT|UPDATE|DELETE)\b|\bFOR (NO KEY )?(UPDATE|SHARE)\b", re.IGNORECASE | re.DOTALL
)
ONE_LANE = re.compile(r"\blane = \$\d|\(lane,.*?(SELECT|VALUES) \(?\$1", re.IGNORECASE | re.DOTALL)
TARGETS = re.compile(r"\b(?:INSERT INTO|DELETE FROM|(?<!FOR )(?<!KEY )(?<!DO )UPDATE) (\w+)", re.IGNORECASE)
LOCKED = re.compile(r"\bFROM (\w+)(?!.*\bFROM\b)", re.IGNORECASE | re.DOTALL)
SMALL = {"work_lanes", "feed_readers", "parked"}.union(EVERYWHERE, *CATALOGUES.values())
"""Catalogues, leases, what was parked: small, copied to every node or looked through once in a while."""
MANY_HEADS = "FROM (SELECT lane FROM lane_heads WHERE lane = ANY($1::smallint[]) ORDER BY lane FOR UPDATE)"
INGEST = re.compile(rf"INTO event_keys\b|{re.escape(MANY_HEADS)}", re.IGNORECASE)
"""The group commit spans lanes on purpose; it groups by ranges of lanes when scaled out."""


@pytest.fixture
async def world(make_database: MakeDatabase) -> AsyncIterator[World]:
    """On a database of its own: who listens to shared connections would hear other tests, too."""
    async with World(await make_database(migrate_all)) as running:
        yield running


def _is_small(statement: str) -> bool:
    """Whether all that it writes, or locks, is in such tables."""
    return {name.lower() for name in (TARGETS.findall(statement) or LOCKED.findall(statement))} <= SMALL


def _listen(db: Database, heard: set[str]) -> None:
    """Hear every statement on every connection that is taken from the pool from now on."""

    async def hear(connection: Any) -> None:
        connection.add_query_logger(lambda record: heard.add(record.query))

    assert isinstance(db.pool, asyncpg.Pool)
    for holder in db.pool._holders:  # type: ignore[attr-defined]
        holder._setup = hear


async def test_statements_that_write_or_lock_name_one_lane(world: World) -> None:
    await thank_spenders(world)
    plan = {"schema": {"required": ["coupon"]}}
    await world.call("PUT", "events", "/v1/event-schemas/Order%20Completed", plan)
    heard: dict[str, set[str]] = {name: set() for name in world.apps}
    for name, app in world.apps.items():
        _listen(app.state.frame.db, heard[name])
    await consenting(world, "lea")
    steps = [{"wait_for": {"segment": "spenders", "on": "left"}, "at_most": "P1D"}]
    journey = {"key": "buyers", "entry": {"event": "Order Completed"}, "steps": steps, "reentry": "always"}
    await world.call("POST", "messaging", "/v1/journeys", journey, status=201)
    await world.call("POST", "messaging", "/v1/journeys/buyers/start")
    await world.call("POST", "segments", "/v1/segments", {"key": "guests", "list": True}, status=201)
    await world.call("PUT", "segments", "/v1/segments/guests/list", {"user_ids": ["lea"]})
    await world.send({"type": "page", "anonymousId": "lea-phone"}, order("lea", "l1", 60))
    await world.settle()
    await world.send({"type": "identify", "userId": "lea", "anonymousId": "lea-phone"}, order("lea", "l2", 60))
    await world.settle()
    await world.send(*({"type": "page", "anonymousId": f"visitor-{n}"} for n in range(40)))
    await world.settle()
    now = world.clock.now()
    body = {"from": (now - timedelta(hours=1)).isoformat(), "to": now.isoformat()}
    replay = await world.call("POST", "profiles", "/v1/replays", body, status=202)

    async def is_replayed() -> bool:
        found = await world.call("GET", "profiles", f"/v1/replays/{replay['id']}")
        return bool(found["status"] == "finished")

    await until(is_replayed, "all of it is taken in again")
    profile = await world.profile("lea")
    await world.call("DELETE", "profiles", f"/v1/profiles/{profile['id']}")
    await world.settle()

    assert all(len(statements) > 3 for statements in heard.values()), "nothing was heard"
    assert any(MANY_HEADS in statement for statement in heard["events"]), "no group commit over many lanes was heard"
    wrong = [
        f"{name}: {' '.join(statement.split())}"
        for name, statements in heard.items()
        for statement in sorted(statements)
        if WRITING.search(statement)
        and not (ONE_LANE.search(statement) or _is_small(statement) or INGEST.search(statement))
    ]
    assert not wrong, "\n".join(wrong)
