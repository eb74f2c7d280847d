"""Incremental, SQL and brute force say the same of two thousand generated cases and more (`make fuzz` goes on)."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg
import pytest

from services.segments.domain.definition import Definition
from tests.fuzz.rounds import play
from tests.unit.segments.test_sql import Profile, Run, connection, members, run

__all__ = ["connection", "run"]
CASES = 2_000


@pytest.mark.slow
def test_two_thousand_cases_agree(connection: "asyncpg.Connection[asyncpg.Record]", run: Run) -> None:
    def ask(
        profiles: Sequence[Profile], definitions: Sequence[Definition], as_of: datetime, zone: str
    ) -> list[set[int]]:
        lanes = list(range(len(profiles)))
        asked = [(lanes, definition, as_of, zone) for definition in definitions]
        answers: list[set[int]] = run(members(connection, profiles, asked))
        return answers

    assert play(ask, rounds=120) >= CASES
