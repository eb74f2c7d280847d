"""A segments service for each test, on a database of its own."""

from collections.abc import AsyncIterator

import pytest

from tests.services.segments.standing import Standing, migrate_segments
from tests.support.postgres import MakeDatabase


@pytest.fixture
async def url(make_database: MakeDatabase) -> str:
    return await make_database(migrate_segments)


@pytest.fixture
async def segments(url: str) -> AsyncIterator[Standing]:
    async with Standing(url) as standing:
        yield standing
