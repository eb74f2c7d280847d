"""A segments service for each test, on a database that is as if just made."""

from collections.abc import AsyncIterator

import pytest

from tests.services.segments.standing import Standing, migrate_segments
from tests.support.emptied import CleanDatabase


@pytest.fixture
async def url(clean_database: CleanDatabase) -> str:
    return await clean_database(migrate_segments)


@pytest.fixture
async def segments(url: str) -> AsyncIterator[Standing]:
    async with Standing(url) as standing:
        yield standing
