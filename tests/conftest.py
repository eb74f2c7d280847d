"""What all tests share. The fixtures themselves are in tests/support/."""

import os

import pytest

from tests.support.postgres import (
    database_url,
    make_database,
    postgres_server,
    pytest_configure,
    pytest_unconfigure,
)

__all__ = ["database_url", "make_database", "postgres_server", "pytest_configure", "pytest_unconfigure"]


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: many tests wait for a process, a timer or the disk."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long goes first, so that no worker begins with it when the others are done."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
