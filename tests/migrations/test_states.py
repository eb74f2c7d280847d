"""Leaf states in a form that is read no more are dropped, and folded anew."""

import asyncio
from pathlib import Path
from uuid import UUID

import asyncpg

import services.segments
from shared.plumbing.migrate import upgrade
from tests.support.postgres import MakeDatabase

MIGRATIONS = Path(services.segments.__file__).parent / "migrations"


async def bring(url: str, revision: str) -> None:
    await asyncio.to_thread(upgrade, service="segments", url=url, directory=MIGRATIONS, revision=revision)


async def before_orders_were_shared(url: str) -> None:
    await bring(url, "0010")


async def test_states_with_orders_of_their_own_are_not_misread(make_database: MakeDatabase) -> None:
    url = await make_database(before_orders_were_shared)
    connection = await asyncpg.connect(url, server_settings={"search_path": "segments"})
    for number, states in enumerate(('{"leaves":{"spend":[true,null,null,{"1":null},0,[]]},"due":{}}', "{}")):
        await connection.execute(
            """INSERT INTO profiles (lane, profile_id, version, traits, life_events, created_at, states, truths, revision,
                                     states_revision, evaluated_at, erased)
               VALUES (0, $1, 1, '{}', '[]', 'epoch', $2, '{}', 5, 5, 'epoch', false)""",
            UUID(int=number),
            states,
        )
    await bring(url, "head")
    found = await connection.fetch("SELECT states, revision, states_revision FROM profiles ORDER BY profile_id")
    await connection.close()
    assert [tuple(row) for row in found] == [("{}", 5, 0), ("{}", 5, 5)]
