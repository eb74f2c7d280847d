"""Sources with their write keys, and API keys."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from shared.plumbing.db import Connection, Database


async def write_key_sources(db: Database) -> dict[str, str]:
    """The source's name by every good write key."""
    rows = await db.fetch(
        """SELECT write_keys.key, sources.name FROM write_keys JOIN sources ON sources.id = write_keys.source_id
           WHERE write_keys.revoked_at IS NULL AND sources.revoked_at IS NULL"""
    )
    return {row["key"]: row["name"] for row in rows}


async def good_api_keys(db: Database) -> list[asyncpg.Record]:
    """Id, hash and role of every API key that is not revoked."""
    return await db.fetch("SELECT id, key_hash, role FROM api_keys WHERE revoked_at IS NULL ORDER BY id")


async def ensure_source(tx: Connection, *, source_id: UUID, name: str, at: datetime) -> UUID:
    """The id of the source of this name, made if there is none."""
    await tx.execute(
        """INSERT INTO sources (id, name, kind, trust, created_at) VALUES ($1, $2, 'other', 'standard', $3)
           ON CONFLICT (name) DO NOTHING""",
        source_id,
        name,
        at,
    )
    found: UUID = await tx.fetchval("SELECT id FROM sources WHERE name = $1", name)
    return found


async def ensure_write_key(tx: Connection, *, key: str, source_id: UUID, at: datetime) -> None:
    """Add a write key; one that exists, even revoked, stays as it is."""
    await tx.execute(
        "INSERT INTO write_keys (key, source_id, created_at) VALUES ($1, $2, $3) ON CONFLICT (key) DO NOTHING",
        key,
        source_id,
        at,
    )


async def ensure_api_key(tx: Connection, *, key_id: UUID, key_hash: str, name: str, role: str, at: datetime) -> None:
    """Add an API key; one that exists, even revoked, stays as it is."""
    await tx.execute(
        """INSERT INTO api_keys (id, key_hash, name, role, created_at) VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT (key_hash) DO NOTHING""",
        key_id,
        key_hash,
        name,
        role,
        at,
    )


async def list_api_keys(db: Database, *, after: UUID | None, limit: int) -> Sequence[asyncpg.Record]:
    """All API keys, also revoked ones, oldest first."""
    return await db.fetch(
        """SELECT id, name, role, created_at, revoked_at FROM api_keys
           WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT $2""",
        after,
        limit,
    )


async def revoke_api_key(db: Database, key_id: UUID, *, at: datetime) -> bool:
    """False if there is no such key. A revoked one stays as it is."""
    status = await db.execute("UPDATE api_keys SET revoked_at = coalesce(revoked_at, $2) WHERE id = $1", key_id, at)
    return status != "UPDATE 0"


async def list_sources(db: Database, *, after: UUID | None, limit: int) -> Sequence[asyncpg.Record]:
    """All sources, also revoked ones, with their good write keys."""
    return await db.fetch(
        """SELECT id, name, kind, trust, created_at, revoked_at,
                  ARRAY(SELECT key FROM write_keys WHERE source_id = sources.id AND write_keys.revoked_at IS NULL
                        ORDER BY created_at, key) AS write_keys
           FROM sources WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT $2""",
        after,
        limit,
    )


async def find_source(tx: Connection, name: str) -> asyncpg.Record | None:
    """The source of this name, locked."""
    return await tx.fetchrow("SELECT id, revoked_at FROM sources WHERE name = $1 FOR UPDATE", name)


async def save_source(tx: Connection, *, source_id: UUID, name: str, kind: str, trust: str, at: datetime) -> None:
    """Make a source, or a revoked one good again."""
    await tx.execute(
        """INSERT INTO sources (id, name, kind, trust, created_at) VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, trust = excluded.trust, revoked_at = NULL""",
        source_id,
        name,
        kind,
        trust,
        at,
    )


async def source_exists(tx: Connection, source_id: UUID) -> bool:
    """Whether there is such a source that is not revoked; it is locked."""
    row = await tx.fetchrow("SELECT id FROM sources WHERE id = $1 AND revoked_at IS NULL FOR UPDATE", source_id)
    return row is not None


async def revoke_source(tx: Connection, source_id: UUID, *, at: datetime) -> bool:
    """The source and all its write keys are good no more; what it sent stays. False if there is no such source."""
    status = await tx.execute("UPDATE sources SET revoked_at = coalesce(revoked_at, $2) WHERE id = $1", source_id, at)
    await tx.execute("UPDATE write_keys SET revoked_at = coalesce(revoked_at, $2) WHERE source_id = $1", source_id, at)
    return status != "UPDATE 0"


async def revoke_write_key(db: Database, source_id: UUID, key: str, *, at: datetime) -> bool:
    """False if the source has no such key."""
    status = await db.execute(
        "UPDATE write_keys SET revoked_at = coalesce(revoked_at, $3) WHERE source_id = $1 AND key = $2",
        source_id,
        key,
        at,
    )
    return status != "UPDATE 0"
