"""Use cases of journeys, as people edit them, and what operators look at."""

from datetime import datetime
from typing import Any

import asyncpg

from services.messaging.clients.neighbours import Segments
from services.messaging.domain.campaign import JourneyTrigger
from services.messaging.domain.journey import Definition, Journey, campaigns_named, kinds_of, segments_named
from services.messaging.domain.journey_reading import parse_journey
from services.messaging.service.catalogue import closed, fault, key_of, read_at, read_body
from services.messaging.store import journeys as store
from services.messaging.store import runs
from services.messaging.store.catalogue import Fetcher, load_campaigns, whole_milliseconds
from shared.plumbing.db import Connection, Database
from shared.plumbing.errors import Conflict, NotFound
from shared.plumbing.ids import new_id
from shared.plumbing.lanes import LANES


async def create_journey(db: Database, segments: Segments, body: Any, *, at: datetime) -> asyncpg.Record:
    """A draft. Raises Invalid, Conflict if the key is taken, or Unavailable while segments can't say whether there is a segment."""
    definition = read_body(parse_journey, body)
    key = key_of(body)
    await _check_segments(segments, definition)

    async def work(tx: Connection) -> asyncpg.Record:
        if not await store.insert_journey(tx, journey_id=new_id(), key=key, definition=body, at=at):
            raise Conflict(f"There is a journey with the key {key!r} already.", code="key_taken")
        return await get_journey(tx, key)

    return await db.run(work)


async def get_journey(tx: Fetcher, key: str, *, lock: bool = False) -> asyncpg.Record:
    """Raises NotFound."""
    row = await store.find_journey(tx, key, lock=lock)
    if row is None:
        raise NotFound(f"There is no journey with the key {key!r}.")
    return row


async def replace_journey(db: Database, segments: Segments, key: str, body: Any, *, at: datetime) -> asyncpg.Record:
    """A new version, for those who enter from now on; those inside walk on by the one with which they entered."""
    body, definition = read_at(parse_journey, key, body)
    await _check_segments(segments, definition)

    async def work(tx: Connection) -> asyncpg.Record:
        row = await get_journey(tx, key, lock=True)
        if row["status"] == "running":
            await _check_campaigns(tx, key, definition)
        await store.add_version(tx, journey_id=row["id"], definition=body, at=at)
        return await get_journey(tx, key)

    return await db.run(work)


async def start_journey(db: Database, key: str, *, at: datetime) -> asyncpg.Record:
    """Bring in who is brought in from now on, and let those inside go on. Raises Invalid for a campaign that does not run."""

    async def work(tx: Connection) -> asyncpg.Record:
        row = await get_journey(tx, key, lock=True)
        if row["status"] != "running":
            await _check_campaigns(tx, key, store.definition_of(row))
            began = [*row["runs"], [whole_milliseconds(at), None]]
            await store.set_status(tx, journey_id=row["id"], status="running", runs=began, at=at)
            campaigns = [one.id for one in await load_campaigns(tx) if one.definition.trigger == JourneyTrigger(key)]
            await runs.wake_held_up(tx, campaigns, range(LANES), at=at)
        return await get_journey(tx, key)

    return await db.run(work)


async def pause_journey(db: Database, key: str, *, at: datetime) -> asyncpg.Record:
    """Nobody enters or moves until it is started again."""

    async def work(tx: Connection) -> asyncpg.Record:
        row = await get_journey(tx, key, lock=True)
        if row["status"] == "running":
            await store.set_status(tx, journey_id=row["id"], status="paused", runs=closed(row["runs"], at), at=at)
        return await get_journey(tx, key)

    return await db.run(work)


async def delete_journey(db: Database, key: str, *, at: datetime) -> None:
    """Whoever is inside leaves it. Raises NotFound, or Conflict while a campaign is sent by it."""

    async def work(tx: Connection) -> None:
        row = await get_journey(tx, key, lock=True)
        users = await store.campaigns_of(tx, key)
        if users:
            raise Conflict(f"It sends the campaign {min(users)!r}.", code="in_use")
        await store.set_status(tx, journey_id=row["id"], status="deleted", runs=closed(row["runs"], at), at=at)

    await db.run(work)


async def _check_segments(segments: Segments, definition: Definition) -> None:
    """Each must exist; it then stays, for segments deletes none that a journey names."""
    known: dict[str, bool] = {}
    for key, loc in segments_named(definition):
        if key not in known:
            known[key] = await segments.knows(key)
        if not known[key]:
            raise fault(loc, "there is no segment with this key")


async def _check_campaigns(tx: Connection, journey: str, definition: Definition) -> None:
    """Each must wait for this journey, and run."""
    campaigns = await store.campaigns_of(tx, journey)
    for key, loc in campaigns_named(definition):
        if key not in campaigns:
            raise fault(loc, f'there is no campaign with this key and the trigger {{"journey": "{journey}"}}')
        if campaigns[key] != "running":
            raise fault(loc, "this campaign does not run; start it first")


async def journeys_on(db: Database, segment: str) -> list[str]:
    """The keys of the journeys that name a segment, in the version of today or one in which somebody walks."""
    journeys: list[Journey] = [one for one in await store.JourneyBook().load_all(db) if one.status != "deleted"]
    walked = await runs.find_versions(db, [one.id for one in journeys])
    return sorted(
        one.key
        for one in journeys
        if any(
            segment == key
            for version in {one.version, *walked.get(one.id, ())}
            for key, _ in segments_named(one.versions[version])
        )
    )


async def report_on_journey(db: Database, row: asyncpg.Record) -> dict[str, Any]:
    """How many entered and why they left; of each step of the versions with which somebody walked, how many came to it and are there."""
    counted = await runs.count_runs(db, row["id"])
    ended: dict[str, int] = {}
    for found in counted:
        if found["reason"] is not None:
            ended[found["reason"]] = ended.get(found["reason"], 0) + found["runs"]
    here = {(one["version"], one["place"]): one["runs"] for one in counted if one["reason"] is None}
    reached = await runs.count_stops(db, row["id"])
    [journey] = [one for one in await store.JourneyBook().load_all(db) if one.id == row["id"]]
    return {
        "journey": row["key"],
        "status": row["status"],
        "version": row["version"],
        "entered": sum(one["runs"] for one in counted),
        "walking": sum(here.values()),
        "ended": dict(sorted(ended.items())),
        "steps": [
            {"version": version, "step": place, "kind": kind}
            | ({"send": campaign} if campaign else {})
            | {"reached": reached.get((version, place), 0), "here": here.get((version, place), 0)}
            for version in sorted({one["version"] for one in counted} | {row["version"]})
            for place, kind, campaign in kinds_of(journey.versions[version])
        ],
    }
