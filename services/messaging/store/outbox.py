"""What recipients said by links, on its way to profiles; it holds meanwhile."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.messaging.domain.own_words import OwnWords
from services.messaging.store.catalogue import Fetcher
from shared.plumbing.db import Connection, Database
from shared.plumbing.lanes import lane_of
from shared.schemas.recipients import Consent, ConsentChange, PreferencesChange

KEPT = timedelta(seconds=10)
"""How long a word is kept after it was told: longer than an answer of profiles may be old at a claim."""
TABLES = ("consent_outbox", "preference_outbox")
Word = ConsentChange | PreferencesChange


async def put_consent(tx: Connection, change: ConsentChange, *, at: datetime) -> None:
    """To be told to profiles."""
    await tx.execute(
        """INSERT INTO consent_outbox (lane, id, profile_id, purpose, channel, status, source, at, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",
        lane_of(change.profile_id),
        change.id,
        change.profile_id,
        change.purpose,
        change.channel,
        change.status,
        change.source,
        change.at,
        at,
    )


async def put_preferences(tx: Connection, change: PreferencesChange, *, at: datetime) -> None:
    """To be told to profiles."""
    windows = change.contact_windows
    await tx.execute(
        """INSERT INTO preference_outbox (lane, id, profile_id, topics, contact_windows, first_channel, locale, at, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",
        lane_of(change.profile_id),
        change.id,
        change.profile_id,
        change.topics,
        None if windows is None else list(windows),
        change.first_channel,
        change.locale,
        change.at,
        at,
    )


async def find_words(db: Database, *, lanes: Sequence[int], limit: int) -> list[Word]:
    """The oldest that are not told yet."""
    consents = await db.fetch(
        """SELECT id, profile_id, purpose, channel, status, source, at FROM consent_outbox
           WHERE lane = ANY($1::smallint[]) AND told_at IS NULL ORDER BY created_at LIMIT $2""",
        list(lanes),
        limit,
    )
    preferences = await db.fetch(
        """SELECT id, profile_id, topics, contact_windows, first_channel, locale, at FROM preference_outbox
           WHERE lane = ANY($1::smallint[]) AND told_at IS NULL ORDER BY created_at LIMIT $2""",
        list(lanes),
        limit,
    )
    return [*(ConsentChange(**row) for row in consents), *(_to_change(row) for row in preferences)]


def _to_change(row: Any) -> PreferencesChange:
    windows = row["contact_windows"]
    return PreferencesChange(
        id=row["id"],
        profile_id=row["profile_id"],
        topics=row["topics"],
        contact_windows=None if windows is None else tuple(windows),
        first_channel=row["first_channel"],
        locale=row["locale"],
        at=row["at"],
    )


async def mark_told(db: Database, word: Word, *, at: datetime) -> None:
    """It is told. One that moved with its profile meanwhile is told once more, which changes nothing."""
    table = "consent_outbox" if isinstance(word, ConsentChange) else "preference_outbox"
    await db.execute(
        f"UPDATE {table} SET told_at = $3 WHERE lane = $1 AND id = $2", lane_of(word.profile_id), word.id, at
    )


async def forget_told(db: Database, *, lanes: Sequence[int], now: datetime) -> None:
    """Those told so long ago that profiles has said so itself in every answer since."""
    for table in TABLES:
        old = await db.fetch(
            f"SELECT DISTINCT lane FROM {table} WHERE lane = ANY($1::smallint[]) AND told_at <= $2 ORDER BY lane",
            list(lanes),
            now - KEPT,
        )
        for row in old:
            await db.execute(f"DELETE FROM {table} WHERE lane = $1 AND told_at <= $2", row["lane"], now - KEPT)


async def read_words(tx: Fetcher, profile_ids: Iterable[UUID], *, now: datetime) -> dict[UUID, OwnWords]:
    """By profile: what it said that an answer of profiles may not have in it."""
    asked = sorted(set(profile_ids))
    rows = await tx.fetch(
        """SELECT id, profile_id, at, purpose, channel, status, source, NULL::jsonb AS topics, NULL::jsonb AS contact_windows,
                  NULL AS first_channel, NULL AS locale
           FROM consent_outbox
           WHERE lane = ANY($1::smallint[]) AND profile_id = ANY($2::uuid[]) AND (told_at IS NULL OR told_at > $3)
           UNION ALL
           SELECT id, profile_id, at, NULL, NULL, NULL, NULL, topics, contact_windows, first_channel, locale
           FROM preference_outbox
           WHERE lane = ANY($1::smallint[]) AND profile_id = ANY($2::uuid[]) AND (told_at IS NULL OR told_at > $3)
           ORDER BY at, id""",
        sorted({lane_of(one) for one in asked}),
        asked,
        now - KEPT,
    )
    found: dict[UUID, OwnWords] = {}
    for row in rows:
        words = found.setdefault(row["profile_id"], OwnWords())
        if row["topics"] is not None:
            words.preferences.append(_to_change(row))
        else:
            words.consents.append(
                Consent(
                    purpose=row["purpose"],
                    channel=row["channel"],
                    status=row["status"],
                    at=row["at"],
                    source=row["source"],
                )
            )
    return found
