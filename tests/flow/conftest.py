"""A world a test, on a database that is as if just migrated."""

from collections.abc import AsyncIterator

import pytest

from tests.support.emptied import CleanDatabase
from tests.support.world import World, migrate_all


@pytest.fixture
async def world(clean_database: CleanDatabase) -> AsyncIterator[World]:
    async with World(await clean_database(migrate_all)) as running:
        yield running
