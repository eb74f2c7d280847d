"""A profiles service for each test, on a database of its own."""

from collections.abc import AsyncIterator

import pytest

from tests.services.profiles.standing import Standing, migrate_profiles
from tests.support.emptied import CleanDatabase


@pytest.fixture
async def url(clean_database: CleanDatabase) -> str:
    return await clean_database(migrate_profiles)


@pytest.fixture
async def standing(url: str) -> AsyncIterator[Standing]:
    async with Standing(url) as made:
        yield made
