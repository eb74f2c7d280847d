"""A profiles service for each test, on a database of its own."""

from collections.abc import AsyncIterator

import pytest

from tests.services.profiles.standing import Standing, migrate_profiles
from tests.support.postgres import MakeDatabase


@pytest.fixture
async def url(make_database: MakeDatabase) -> str:
    return await make_database(migrate_profiles)


@pytest.fixture
async def standing(url: str) -> AsyncIterator[Standing]:
    async with Standing(url) as made:
        yield made
