"""A process with those that it starts."""

import asyncio
import os
import signal
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


async def run_group(module: str, file: Path, *, seconds: float) -> None:
    """`python -m module file`, which must end well. Raises TimeoutError where it does not in time; then none of them is left."""
    first = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, str(file), cwd=CHECKOUT, start_new_session=True
    )
    try:
        assert await asyncio.wait_for(first.wait(), seconds) == 0
    except TimeoutError:
        os.killpg(first.pid, signal.SIGKILL)
        await first.wait()
        raise
