"""What all tests share. The fixtures themselves are in tests/support/."""

import gc
import os
from collections import deque
from zlib import crc32

import pytest
from hypothesis import HealthCheck, settings

from tests.support.emptied import clean_database
from tests.support.near_loop import pytest_asyncio_loop_factories
from tests.support.postgres import (
    database_url,
    make_database,
    postgres_server,
    pytest_configure,
    pytest_unconfigure,
)

__all__ = [
    "clean_database",
    "database_url",
    "make_database",
    "postgres_server",
    "pytest_asyncio_loop_factories",
    "pytest_configure",
    "pytest_unconfigure",
]

# The same examples everywhere and each time, however busy the machine: what fails here fails there. `make fuzz` has new ones.
settings.register_profile(
    "tests",
    derandomize=True,
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("tests")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--one-in", type=int, default=1, help="of the services' tests only one in so many, always the same ones"
    )
    parser.addoption("--fuzz-seed", type=int, help="of `make fuzz`: only the cases of this number")


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: many tests wait for a process, a timer or the disk."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes long goes first, so that no worker begins with it when the others are done; as much of it on each.

    A worker begins with its share of the list, and takes over what others have not got to when that is done.
    """
    _keep_one_in(config.getoption("one_in"), config, items)
    slow = [item for item in items if item.get_closest_marker("slow") is not None]
    others = deque(item for item in items if item.get_closest_marker("slow") is None)
    left, workers = len(items), int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    items.clear()
    for worker in range(workers):
        mine = slow[worker::workers]
        share = left // (workers - worker)
        mine += [others.popleft() for _ in range(min(share - len(mine), len(others)))]
        left -= len(mine)
        items += mine


def _keep_one_in(share: int, config: pytest.Config, items: list[pytest.Item]) -> None:
    def is_left_out(item: pytest.Item) -> bool:
        return "tests/services/" in item.nodeid and crc32(item.nodeid.encode()) % share > 0

    config.hook.pytest_deselected(items=[one for one in items if is_left_out(one)])
    items[:] = [one for one in items if not is_left_out(one)]


def pytest_collection_finish() -> None:
    """What is loaded by now stays, so nobody looks through it for garbage again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
