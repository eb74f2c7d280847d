"""The catalogue of event schemas."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from shared.plumbing.db import Connection, Database

SHOWN = "name, schema, on_violation, sources, created_at, updated_at"


async def schema_versions(db: Database) -> dict[str, UUID]:
    """The version of every schema, by the event's name."""
    return {row["name"]: row["version"] for row in await db.fetch("SELECT name, version FROM event_schemas")}


async def read_schemas(db: Database, names: Sequence[str]) -> list[asyncpg.Record]:
    """These schemas, each with its version."""
    return await db.fetch(
        "SELECT name, version, schema, on_violation, sources FROM event_schemas WHERE name = ANY($1::text[])", names
    )


async def list_schemas(db: Database, *, after: str | None, limit: int) -> list[asyncpg.Record]:
    """By the event's name."""
    return await db.fetch(
        f"SELECT {SHOWN} FROM event_schemas WHERE $1::text IS NULL OR name > $1 ORDER BY name LIMIT $2", after, limit
    )


async def find_schema(db: Database, name: str) -> asyncpg.Record | None:
    """The schema of this event."""
    return await db.fetchrow(f"SELECT {SHOWN} FROM event_schemas WHERE name = $1", name)


async def save_schema(
    tx: Connection,
    *,
    name: str,
    version: UUID,
    schema: Any,
    on_violation: str,
    sources: Sequence[str] | None,
    at: datetime,
) -> asyncpg.Record:
    """Make or replace it; returns what is there now."""
    row = await tx.fetchrow(
        f"""INSERT INTO event_schemas (name, version, schema, on_violation, sources, created_at, updated_at)
            VALUES ($1, $2, $3, $4, $5, $6, $6)
            ON CONFLICT (name) DO UPDATE SET version = excluded.version, schema = excluded.schema,
              on_violation = excluded.on_violation, sources = excluded.sources, updated_at = excluded.updated_at
            RETURNING {SHOWN}""",
        name,
        version,
        schema,
        on_violation,
        sources,
        at,
    )
    assert row is not None
    return row


async def delete_schema(db: Database, name: str) -> bool:
    """False if there is none."""
    return await db.execute("DELETE FROM event_schemas WHERE name = $1", name) != "DELETE 0"


async def count_others(tx: Connection, name: str) -> int:
    """How many events but this one have a schema."""
    count: int = await tx.fetchval("SELECT count(*) FROM event_schemas WHERE name <> $1", name)
    return count


async def source_names(tx: Connection, names: Sequence[str]) -> set[str]:
    """Those of the names that are a source's, also a revoked one's."""
    rows = await tx.fetch("SELECT name FROM sources WHERE name = ANY($1::text[])", names)
    return {row["name"] for row in rows}
