"""Who is written to, and what they and their addresses allow. The lane is the profile's, or that of the address or household."""

from sqlalchemy import Boolean, Column, Index, PrimaryKeyConstraint, SmallInteger, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from services.messaging.models.base import ID, metadata
from shared.plumbing.tables import AT

# One row for each profile that messaging has met: what its claims are serialised by, and where a merged one went.
people = Table(
    "people",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("profile_id", ID, nullable=False),
    Column("merged_into", ID),
    Column("erased_at", AT),
    PrimaryKeyConstraint("lane", "profile_id"),
)
# Households and asked addresses by a keyed hash, in its lane: what claims for different people are serialised by.
households = Table(
    "households",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("household", Text, nullable=False),
    PrimaryKeyConstraint("lane", "household"),
)
# What was sent to members of households, for frequency caps, and which addresses were asked, in the lane of either. It names nobody.
household_messages = Table(
    "household_messages",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("delivery_id", ID, nullable=False),
    Column("household", Text, nullable=False),
    Column("campaign_id", ID, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("at", AT, nullable=False),
    PrimaryKeyConstraint("lane", "delivery_id"),
    Index("household_messages_sent", "lane", "household", "at"),
)
# The last change seen of each profile in the segments that campaigns use.
memberships_seen = Table(
    "memberships_seen",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("profile_id", ID, nullable=False),
    Column("segment", Text, nullable=False),
    Column("change", Text, nullable=False),
    Column("at", AT, nullable=False),
    PrimaryKeyConstraint("lane", "profile_id", "segment"),
)
# Addresses that must not be written to. `scope`: a purpose, `non_transactional`, or '' for all. The lane is the address's.
# `yields`: a consent granted later lifts it (it was the person's own word by a link).
suppressions = Table(
    "suppressions",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("channel", Text, nullable=False),
    Column("address_hash", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("id", ID, nullable=False),
    Column("address", Text),
    Column("reason", Text, nullable=False),
    Column("yields", Boolean, nullable=False),
    Column("created_at", AT, nullable=False),
    PrimaryKeyConstraint("lane", "channel", "address_hash", "scope"),
)
# Addresses that their owners have confirmed, for a purpose. The lane is the address's.
confirmed_addresses = Table(
    "confirmed_addresses",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("channel", Text, nullable=False),
    Column("address_hash", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("confirmed_at", AT, nullable=False),
    PrimaryKeyConstraint("lane", "channel", "address_hash", "purpose"),
)
# Consents given and withdrawn by links, on their way to profiles. `told_at`: profiles has it; it is kept a moment longer, for
# answers of profiles that are from before.
consent_outbox = Table(
    "consent_outbox",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("id", ID, nullable=False),
    Column("profile_id", ID, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("at", AT, nullable=False),
    Column("created_at", AT, nullable=False),
    Column("told_at", AT),
    PrimaryKeyConstraint("lane", "id"),
    Index("consent_outbox_profile", "lane", "profile_id"),
)
# Preferences changed by links, likewise. `topics`: those that were changed. `contact_windows`: all of them. `first_channel`: the
# one that goes before the others, "" for none. Null: as they were.
preference_outbox = Table(
    "preference_outbox",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("id", ID, nullable=False),
    Column("profile_id", ID, nullable=False),
    Column("topics", JSONB, nullable=False),
    Column("contact_windows", JSONB),
    Column("first_channel", Text),
    Column("locale", Text),
    Column("at", AT, nullable=False),
    Column("created_at", AT, nullable=False),
    Column("told_at", AT),
    PrimaryKeyConstraint("lane", "id"),
    Index("preference_outbox_profile", "lane", "profile_id"),
)
