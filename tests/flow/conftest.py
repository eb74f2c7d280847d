"""A world a test: its own database, cloned from a migrated one."""

from collections.abc import AsyncIterator

import pytest

from tests.support.postgres import MakeDatabase
from tests.support.world import World, migrate_all


@pytest.fixture
async def world(make_database: MakeDatabase) -> AsyncIterator[World]:
    async with World(await make_database(migrate_all)) as running:
        yield running
