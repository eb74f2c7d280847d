"""Campaigns, templates and settings: the small tables that people edit."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg

from services.messaging.domain.campaign import Campaign, Definition
from services.messaging.domain.campaign_reading import parse_definition
from services.messaging.domain.escalating import with_steps
from services.messaging.domain.rules import Rules, parse_rules
from services.messaging.domain.template import Template, parse_template
from shared.language.exact import as_given
from shared.plumbing import json
from shared.plumbing.db import Connection, Database

Fetcher: TypeAlias = "Connection | Database"
_CAMPAIGN = "id, key, definition, status, runs, winner, created_at, updated_at"


def to_campaign(row: asyncpg.Record) -> Campaign:
    """The campaign of a row."""
    campaign = Campaign(row["id"], row["key"], definition_of(row), row["status"], read_runs(row["runs"]))
    winner = row["winner"]
    if winner is None or campaign.taken_at is None or _instant(winner["at"]) != campaign.taken_at:
        return campaign
    return replace(campaign, winner=winner["variant"])


def definition_of(row: asyncpg.Record) -> Definition:
    """What the campaign of a row does."""
    return _definition_of(json.dumps_text(row["definition"]))


@lru_cache(maxsize=1024)
def _definition_of(text: str) -> Definition:
    """Kept, for the sender reads all of them at every step."""
    return parse_definition(as_given(json.loads(text)))


def read_runs(json: Sequence[Sequence[str | None]]) -> tuple[tuple[datetime, datetime | None], ...]:
    """From when to when something was running."""
    return tuple((_instant(start), _instant(end) if end else None) for start, end in json if start)


def whole_milliseconds(at: datetime) -> datetime:
    """When something starts: SDKs stamp events so, and what is sent right after must not seem to have been before."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def load_campaigns(tx: Fetcher) -> list[Campaign]:
    """All that were ever started, also those paused or deleted since; the steps by which tasks of theirs are escalated; and those of
    our own that ask for confirmations."""
    return (await load_campaigns_and_rules(tx))[0]


async def load_campaigns_and_rules(tx: Fetcher) -> tuple[list[Campaign], Rules]:
    """The same, with the rules that their messages are decided by."""
    rows, rules = await tx.fetch(f"SELECT {_CAMPAIGN} FROM campaigns WHERE runs <> '[]'::jsonb"), await load_rules(tx)
    asking = rules.confirming.campaigns() if rules.confirming else []
    return with_steps(to_campaign(row) for row in rows) + asking, rules


async def find_campaign(tx: Fetcher, key: str, *, lock: bool = False) -> asyncpg.Record | None:
    """The campaign of this key, if it is not deleted."""
    return await tx.fetchrow(
        f"SELECT {_CAMPAIGN} FROM campaigns WHERE key = $1 AND status <> 'deleted'" + (" FOR UPDATE" if lock else ""),
        key,
    )


async def list_campaigns(tx: Fetcher, *, after: str | None, limit: int) -> list[asyncpg.Record]:
    """Campaigns by key."""
    return await tx.fetch(
        f"""SELECT {_CAMPAIGN} FROM campaigns
            WHERE status <> 'deleted' AND ($1::text IS NULL OR key > $1) ORDER BY key LIMIT $2""",
        after,
        limit,
    )


async def put_winner(tx: Fetcher, campaign_id: UUID, winner: Any) -> None:
    """What came of a test."""
    await tx.execute("UPDATE campaigns SET winner = $2 WHERE id = $1", campaign_id, winner)


async def insert_campaign(tx: Fetcher, *, campaign_id: UUID, key: str, definition: Any, at: datetime) -> bool:
    """False if there is one of this key."""
    status = await tx.execute(
        """INSERT INTO campaigns (id, key, definition, status, runs, created_at, updated_at)
           VALUES ($1, $2, $3, 'draft', '[]', $4, $4) ON CONFLICT (key) WHERE status <> 'deleted' DO NOTHING""",
        campaign_id,
        key,
        definition,
        at,
    )
    return status.endswith(" 1")


async def update_campaign(
    tx: Fetcher, *, campaign_id: UUID, definition: Any, status: str, runs: Any, at: datetime
) -> None:
    """Write a campaign anew."""
    await tx.execute(
        "UPDATE campaigns SET definition = $2, status = $3, runs = $4, updated_at = $5 WHERE id = $1",
        campaign_id,
        definition,
        status,
        runs,
        at,
    )


async def load_templates(tx: Fetcher, keys: Sequence[str]) -> list[Template]:
    """The current version of these templates, all channels."""
    rows = await tx.fetch(
        """SELECT version, definition FROM templates JOIN template_versions USING (key, channel, version)
           WHERE key = ANY($1::text[]) ORDER BY key, templates.created_at, channel""",
        list(keys),
    )
    return [to_template(row) for row in rows]


def to_template(row: asyncpg.Record) -> Template:
    """The template of a row with `version` and `definition`."""
    return replace(_template_of(json.dumps_text(row["definition"])), version=row["version"])


@lru_cache(maxsize=1024)
def _template_of(text: str) -> Template:
    return parse_template(json.loads(text))


_TEMPLATE = """SELECT templates.key, templates.channel, version, definition, templates.created_at, updated_at
               FROM templates JOIN template_versions USING (key, channel, version)"""


async def find_templates(tx: Fetcher, key: str) -> list[asyncpg.Record]:
    """The contents of a template, one for each channel, the first made first."""
    return await tx.fetch(_TEMPLATE + " WHERE key = $1 ORDER BY templates.created_at, channel", key)


async def list_versions(
    tx: Fetcher, key: str, *, channel: str | None, after: tuple[int, str] | None, limit: int
) -> list[asyncpg.Record]:
    """Every content that the template ever had, the newest version first."""
    version, last = after or (None, None)
    return await tx.fetch(
        """SELECT channel, version, definition, created_at FROM template_versions
           WHERE key = $1 AND ($2::text IS NULL OR channel = $2)
             AND ($3::int IS NULL OR version < $3 OR (version = $3 AND channel > $4))
           ORDER BY version DESC, channel LIMIT $5""",
        key,
        channel,
        version,
        last,
        limit,
    )


async def list_templates(tx: Fetcher, *, after: tuple[str, str] | None, limit: int) -> list[asyncpg.Record]:
    """Templates by key and channel."""
    key, channel = after or (None, None)
    return await tx.fetch(
        _TEMPLATE + " WHERE $1::text IS NULL OR (key, channel) > ($1, $2) ORDER BY key, channel LIMIT $3",
        key,
        channel,
        limit,
    )


async def insert_template(tx: Fetcher, *, key: str, channel: str, definition: Any, at: datetime) -> bool:
    """False if there is one of this key and channel."""
    status = await tx.execute(
        """INSERT INTO templates (key, channel, version, created_at, updated_at) VALUES ($1, $2, 1, $3, $3)
           ON CONFLICT DO NOTHING""",
        key,
        channel,
        at,
    )
    if not status.endswith(" 1"):
        return False
    await _insert_version(tx, key=key, channel=channel, version=1, definition=definition, at=at)
    return True


async def add_template_version(tx: Fetcher, *, key: str, channel: str, definition: Any, at: datetime) -> int | None:
    """The new version's number, or None if there is no such template."""
    version: int | None = await tx.fetchval(
        "UPDATE templates SET version = version + 1, updated_at = $3 WHERE key = $1 AND channel = $2 RETURNING version",
        key,
        channel,
        at,
    )
    if version is not None:
        await _insert_version(tx, key=key, channel=channel, version=version, definition=definition, at=at)
    return version


async def _insert_version(tx: Fetcher, *, key: str, channel: str, version: int, definition: Any, at: datetime) -> None:
    await tx.execute(
        "INSERT INTO template_versions (key, channel, version, definition, created_at) VALUES ($1, $2, $3, $4, $5)",
        key,
        channel,
        version,
        definition,
        at,
    )


async def delete_template(tx: Fetcher, key: str) -> bool:
    """Forget a template with all its versions; deliveries keep what was said."""
    status = await tx.execute("DELETE FROM templates WHERE key = $1", key)
    await tx.execute("DELETE FROM template_versions WHERE key = $1", key)
    return not status.endswith(" 0")


async def find_settings(tx: Fetcher) -> Any:
    """The settings as they were put, or None."""
    return await tx.fetchval("SELECT definition FROM settings WHERE id = 1")


async def load_rules(tx: Fetcher) -> Rules:
    """The settings as rules."""
    return parse_rules(await find_settings(tx) or {})


async def put_settings(tx: Fetcher, definition: Any, *, at: datetime) -> None:
    """Replace the settings."""
    await tx.execute(
        """INSERT INTO settings (id, definition, updated_at) VALUES (1, $1, $2)
           ON CONFLICT (id) DO UPDATE SET definition = excluded.definition, updated_at = excluded.updated_at""",
        definition,
        at,
    )


async def campaigns_using(tx: Fetcher, template: str) -> list[str]:
    """The keys of campaigns that name this template."""
    rows = await tx.fetch(
        """SELECT key FROM campaigns WHERE status <> 'deleted' AND (definition ->> 'template' = $1 OR EXISTS (
             SELECT FROM jsonb_array_elements(CASE jsonb_typeof(definition -> 'variants')
                                              WHEN 'array' THEN definition -> 'variants' ELSE '[]' END) AS variant
             WHERE variant ->> 'template' = $1) OR definition -> 'task' -> 'escalate' @> jsonb_build_array(
               jsonb_build_object('template', $1::text))) ORDER BY key""",
        template,
    )
    return [row["key"] for row in rows]


async def campaigns_on(tx: Fetcher, segment: str) -> list[str]:
    """The keys of campaigns that a segment triggers."""
    rows = await tx.fetch(
        "SELECT key FROM campaigns WHERE status <> 'deleted' AND definition -> 'trigger' ->> 'segment' = $1 ORDER BY key",
        segment,
    )
    return [row["key"] for row in rows]
