"""Messages that could not be used."""

from collections.abc import Sequence
from hashlib import blake2b
from uuid import UUID

import asyncpg
import msgspec

from services.events.domain.records import Origin, Refusal
from shared.plumbing.db import Connection, Database


class Rejected(msgspec.Struct, gc=False):
    """A message as it came, and why it can't be used. `path_type` is the type that the path gave."""

    id: UUID
    origin: Origin
    raw: bytes
    path_type: str | None
    refusal: Refusal


async def insert_rejected(tx: Connection, rejected: Sequence[Rejected]) -> set[UUID]:
    """Keep them; one that is known already is kept once. Returns the ids of those that are new."""
    rows = await tx.fetchmany(
        """INSERT INTO rejected (id, digest, source, received_at, sent_at, form, type, raw, reason, detail, message_id, user_id,
                                 anonymous_id, imported, status)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 'rejected')
           ON CONFLICT (digest) DO NOTHING RETURNING id""",
        [
            (
                item.id, _digest(item), item.origin.source, item.origin.received_at, item.origin.sent_at, item.origin.form,
                item.path_type, item.raw, item.refusal.reason, item.refusal.detail, item.refusal.message_id, item.refusal.user_id,
                item.refusal.anonymous_id, item.origin.imported,
            )
            for item in sorted(rejected, key=_digest)
        ],
    )  # fmt: skip
    return {row["id"] for row in rows}


def _digest(item: Rejected) -> bytes:
    """The same bytes for the same message from the same source on the same kind of path."""
    where = f"{item.origin.source}\x00{item.origin.form}\x00{item.path_type}\x00{item.origin.imported}\x00"
    return blake2b(where.encode() + item.raw, digest_size=16).digest()


async def list_rejected(
    db: Database,
    *,
    status: str | None,
    source: str | None,
    reason: str | None,
    user_id: str | None,
    anonymous_id: str | None,
    message_id: str | None,
    before: UUID | None,
    limit: int,
) -> list[asyncpg.Record]:
    """Newest first."""
    return await db.fetch(
        """SELECT * FROM rejected
           WHERE ($1::text IS NULL OR status = $1) AND ($2::text IS NULL OR source = $2)
             AND ($3::text IS NULL OR reason = $3) AND ($4::text IS NULL OR user_id = $4)
             AND ($5::text IS NULL OR anonymous_id = $5) AND ($6::text IS NULL OR message_id = $6)
             AND ($7::uuid IS NULL OR id < $7)
           ORDER BY id DESC LIMIT $8""",
        status,
        source,
        reason,
        user_id,
        anonymous_id,
        message_id,
        before,
        limit,
    )


async def lock_rejected(tx: Connection, rejected_id: UUID) -> asyncpg.Record | None:
    """The message, locked to the end of the transaction."""
    return await tx.fetchrow("SELECT * FROM rejected WHERE id = $1 FOR UPDATE", rejected_id)


async def settle_rejected(tx: Connection, rejected_id: UUID, *, status: str) -> None:
    """It was taken in (`accepted`, `duplicate`): its words are in the log now and needn't be kept twice."""
    await tx.execute("UPDATE rejected SET status = $2, raw = '' WHERE id = $1", rejected_id, status)


async def reject_again(tx: Connection, rejected_id: UUID, *, raw: bytes | None, refusal: Refusal) -> None:
    """It still can't be used, for this reason. `raw`: what it was edited to."""
    await tx.execute(
        """UPDATE rejected SET raw = coalesce($2, raw), reason = $3, detail = $4, message_id = $5, user_id = $6, anonymous_id = $7
           WHERE id = $1""",
        rejected_id,
        raw,
        refusal.reason,
        refusal.detail,
        refusal.message_id,
        refusal.user_id,
        refusal.anonymous_id,
    )
