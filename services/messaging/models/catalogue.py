"""What there is to say, and by which rules: small tables."""

from sqlalchemy import Column, Index, Integer, SmallInteger, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from services.messaging.models.base import ID, metadata
from shared.plumbing.tables import AT

templates = Table(
    "templates",
    metadata,
    Column("key", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("created_at", AT, nullable=False),
    Column("updated_at", AT, nullable=False),
)
template_versions = Table(
    "template_versions",
    metadata,
    Column("key", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("definition", JSONB, nullable=False),
    Column("created_at", AT, nullable=False),
)
# `runs`: [[started_at, paused_at or null], ...]: what happens outside of them makes nobody speak.
# `winner`: {at, variant, shown, in_words, chosen_at}, of the test of the broadcast at that time.
campaigns = Table(
    "campaigns",
    metadata,
    Column("id", ID, primary_key=True),
    Column("key", Text, nullable=False),
    Column("definition", JSONB, nullable=False),
    Column("status", Text, nullable=False),
    Column("runs", JSONB, nullable=False),
    Column("winner", JSONB),
    Column("created_at", AT, nullable=False),
    Column("updated_at", AT, nullable=False),
    Index("campaigns_key", "key", unique=True, postgresql_where=text("status <> 'deleted'")),
)
# `version`: the newest of a journey's definitions, with which people enter. `runs`: as of campaigns.
journeys = Table(
    "journeys",
    metadata,
    Column("id", ID, primary_key=True),
    Column("key", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("runs", JSONB, nullable=False),
    Column("created_at", AT, nullable=False),
    Column("updated_at", AT, nullable=False),
    Index("journeys_key", "key", unique=True, postgresql_where=text("status <> 'deleted'")),
)
journey_versions = Table(
    "journey_versions",
    metadata,
    Column("journey_id", ID, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("definition", JSONB, nullable=False),
    Column("created_at", AT, nullable=False),
)
settings = Table(
    "settings",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("definition", JSONB, nullable=False),
    Column("updated_at", AT, nullable=False),
)
# Broadcasts on their way: how far the members of the segment are taken, and how many are.
broadcasts = Table(
    "broadcasts",
    metadata,
    Column("campaign_id", ID, primary_key=True),
    Column("at", AT, primary_key=True),
    Column("cursor", Text),
    Column("done_at", AT),
    Column("taken", Integer, nullable=False, server_default="0"),
)
