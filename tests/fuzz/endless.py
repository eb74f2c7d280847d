"""`make fuzz`: new cases until it is stopped or one fails. `make fuzz ARGS="--fuzz-seed 7"` plays those of a number again.

Not collected by `make test`, which plays some rounds and some lives that are the same each time.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime
from itertools import count
from typing import Any

import asyncpg
import pytest
from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st

from services.segments.domain.definition import Definition
from tests.fuzz.rounds import play
from tests.services.segments.standing import migrate_segments
from tests.services.segments.test_generated import CONDITIONS, live
from tests.support.postgres import Migrate
from tests.unit.segments import generated, lively
from tests.unit.segments.test_sql import Profile, Run, connection, members

__all__ = ["connection"]
ROUNDS = 20  # of each number, beside one life of the service
DRAWN = 12  # conditions of a life


@pytest.fixture(scope="session")
async def loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


@pytest.fixture(scope="module")
def run(loop: asyncio.AbstractEventLoop) -> Run:
    """In the loop of the databases, which does not run meanwhile."""
    return loop.run_until_complete


async def stop_all() -> None:
    """What was interrupted comes to its end."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


class Tally:
    """What was done, and one line that says so."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._cases = self._lives = 0

    def add(self, cases: int, *, lives: int = 0) -> None:
        self._cases += cases
        self._lives += lives

    def show(self, number: int, *, end: str = "") -> None:
        minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
        done = f"{self._cases:,} cases agree, those of {self._lives:,} lives of the service among them"
        print(f"\r{done} ({minutes}:{seconds:02} min; seed {number})", end=end, flush=True)  # noqa: T201


def drawn_conditions(number: int) -> dict[str, Any]:
    """Of this number, by key."""
    found: list[Any] = []

    @seed(number)
    @settings(max_examples=3 * DRAWN, derandomize=False, phases=[Phase.generate])
    @given(st.one_of(generated.conditions(lasting=()), lively.fors, lively.comparisons))
    def collect(condition: Any) -> None:
        found.append(condition)

    collect()
    return {f"drawn-{place}": condition for place, condition in enumerate(found[-DRAWN:])}  # the first are the simplest


def numbers(asked_for: int | None) -> Iterator[int]:
    return count(random.SystemRandom().randrange(10**9)) if asked_for is None else iter([asked_for])


@pytest.mark.timeout(0)
def test_on_and_on(
    request: pytest.FixtureRequest,
    capfd: pytest.CaptureFixture[str],
    connection: "asyncpg.Connection[asyncpg.Record]",
    clean_database: Callable[[Migrate], Awaitable[str]],
    run: Run,
) -> None:
    def ask(
        profiles: Sequence[Profile], definitions: Sequence[Definition], as_of: datetime, zone: str
    ) -> list[set[int]]:
        lanes = list(range(len(profiles)))
        answers: list[set[int]] = run(members(connection, profiles, [(lanes, d, as_of, zone) for d in definitions]))
        return answers

    async def one_life(number: int) -> int:
        return await live(await clean_database(migrate_segments), number, CONDITIONS | drawn_conditions(number))

    tally, number = Tally(), 0
    try:
        for number in numbers(request.config.getoption("--fuzz-seed")):
            tally.add(play(ask, rounds=ROUNDS, started_with=number))
            tally.add(run(one_life(number)), lives=1)
            with capfd.disabled():
                tally.show(number)
    except KeyboardInterrupt:
        run(stop_all())
    except BaseException:
        with capfd.disabled():
            print(f'\nseed {number} fails; again: make fuzz ARGS="--fuzz-seed {number}"')  # noqa: T201
        raise
    with capfd.disabled():
        tally.show(number, end="\n")
