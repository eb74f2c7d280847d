"""Checkouts to run in, for its owner only."""

import signal
import subprocess
from pathlib import Path

import pytest

from tests.deploy.local_run import SERVE, local_run, plant


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout whose cluster is made and stopped."""
    checkout = plant(tmp_path_factory.mktemp("made"))
    with local_run(checkout, SERVE) as run:
        run.url()
        assert run.signal(signal.SIGTERM) == 0
        run.wait_until_nothing_is_left()
    return checkout


@pytest.fixture
def checkout(made: Path, tmp_path: Path) -> Path:
    """A copy of it, which is faster than making a cluster."""
    copy = tmp_path / "checkout"
    subprocess.run(["cp", "-a", made, copy], check=True)
    copy.chmod(0o700)
    return copy


@pytest.fixture
def new_checkout(tmp_path: Path) -> Path:
    return plant(tmp_path / "checkout")
