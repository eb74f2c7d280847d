"""Journeys and their versions: small tables that people edit."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.messaging.domain.journey import Definition, Journey
from services.messaging.domain.journey_reading import parse_journey
from services.messaging.store.catalogue import Fetcher, read_runs
from shared.language.exact import as_given

_JOURNEY = """SELECT id, key, journeys.version, definition, status, runs, journeys.created_at, updated_at
              FROM journeys JOIN journey_versions ON journey_id = id AND journey_versions.version = journeys.version"""


def definition_of(row: asyncpg.Record) -> Definition:
    """What the version of a row says."""
    return parse_journey(as_given(row["definition"]))


class JourneyBook:
    """All journeys that were ever started, in all their versions; a version never changes, so each is read once."""

    def __init__(self) -> None:
        self._versions: dict[UUID, dict[int, Definition]] = {}

    async def load(self, tx: Fetcher) -> list[Journey]:
        """As they are now, also those paused or deleted since."""
        return [one for one in await self.load_all(tx) if one.runs]

    async def load_all(self, tx: Fetcher) -> list[Journey]:
        """Also drafts."""
        rows = await tx.fetch("SELECT id, key, version, status, runs FROM journeys")
        unread = [row["id"] for row in rows if len(self._versions.get(row["id"], ())) < row["version"]]
        if unread:
            await self._read(tx, unread)
        return [
            Journey(
                id=row["id"],
                key=row["key"],
                status=row["status"],
                version=row["version"],
                runs=read_runs(row["runs"]),
                versions=self._versions[row["id"]],
            )
            for row in rows
        ]

    async def _read(self, tx: Fetcher, journeys: Sequence[UUID]) -> None:
        rows = await tx.fetch(
            "SELECT journey_id, version, definition FROM journey_versions WHERE journey_id = ANY($1::uuid[])",
            list(journeys),
        )
        for row in rows:
            versions = self._versions.setdefault(row["journey_id"], {})
            if row["version"] not in versions:
                versions[row["version"]] = definition_of(row)


async def find_journey(tx: Fetcher, key: str, *, lock: bool = False, share: bool = False) -> asyncpg.Record | None:
    """The journey of this key in its newest version, if it is not deleted. `share`: nobody may change or delete it until commit."""
    if lock or share:
        mode = "UPDATE" if lock else "SHARE"
        await tx.fetchval(f"SELECT 1 FROM journeys WHERE key = $1 AND status <> 'deleted' FOR {mode}", key)
    return await tx.fetchrow(f"{_JOURNEY} WHERE key = $1 AND status <> 'deleted'", key)


async def list_journeys(tx: Fetcher, *, after: str | None, limit: int) -> list[asyncpg.Record]:
    """Journeys by key."""
    return await tx.fetch(
        f"{_JOURNEY} WHERE status <> 'deleted' AND ($1::text IS NULL OR key > $1) ORDER BY key LIMIT $2", after, limit
    )


async def list_versions(tx: Fetcher, journey_id: UUID, *, before: int | None, limit: int) -> list[asyncpg.Record]:
    """Its definitions, the newest first."""
    return await tx.fetch(
        """SELECT version, created_at, definition FROM journey_versions
           WHERE journey_id = $1 AND ($2::int IS NULL OR version < $2) ORDER BY version DESC LIMIT $3""",
        journey_id,
        before,
        limit,
    )


async def insert_journey(tx: Fetcher, *, journey_id: UUID, key: str, definition: Any, at: datetime) -> bool:
    """False if there is one of this key."""
    status = await tx.execute(
        """INSERT INTO journeys (id, key, version, status, runs, created_at, updated_at)
           VALUES ($1, $2, 1, 'draft', '[]', $3, $3) ON CONFLICT (key) WHERE status <> 'deleted' DO NOTHING""",
        journey_id,
        key,
        at,
    )
    if not status.endswith(" 1"):
        return False
    await _insert_version(tx, journey_id, 1, definition, at)
    return True


async def add_version(tx: Fetcher, *, journey_id: UUID, definition: Any, at: datetime) -> None:
    """Another definition, with which people enter from now on."""
    version: int = await tx.fetchval(
        "UPDATE journeys SET version = version + 1, updated_at = $2 WHERE id = $1 RETURNING version", journey_id, at
    )
    await _insert_version(tx, journey_id, version, definition, at)


async def _insert_version(tx: Fetcher, journey_id: UUID, version: int, definition: Any, at: datetime) -> None:
    await tx.execute(
        "INSERT INTO journey_versions (journey_id, version, definition, created_at) VALUES ($1, $2, $3, $4)",
        journey_id,
        version,
        definition,
        at,
    )


async def set_status(tx: Fetcher, *, journey_id: UUID, status: str, runs: Any, at: datetime) -> None:
    """Started, paused or deleted."""
    await tx.execute(
        "UPDATE journeys SET status = $2, runs = $3, updated_at = $4 WHERE id = $1", journey_id, status, runs, at
    )


async def campaigns_of(tx: Fetcher, journey: str) -> dict[str, str]:
    """The status of every campaign that this journey triggers, by key."""
    rows = await tx.fetch(
        """SELECT key, status FROM campaigns
           WHERE status <> 'deleted' AND definition -> 'trigger' ->> 'journey' = $1 ORDER BY key""",
        journey,
    )
    return {row["key"]: row["status"] for row in rows}
