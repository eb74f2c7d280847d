"""Tables of the events service."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSON, UUID

from shared.plumbing.tables import lane_tables

AT = DateTime(timezone=True)
metadata = MetaData()

lane_tables(metadata)

# The source of truth: every accepted message once, in the order of its raw lane. Partitioned by month of receipt; rows
# lie in the order of receipt, so a BRIN index finds an instant at next to no cost. `payload` is json, not jsonb: nothing
# here looks into it, and as text it costs a third to write and to read, and stays as it was sent.
Table(
    "log",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("received_at", AT, nullable=False),
    Column("source", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("name", Text),
    Column("user_id", Text),
    Column("anonymous_id", Text),
    Column("previous_id", Text),
    Column("profile_id", UUID(as_uuid=True)),
    Column("timestamp", AT, nullable=False),
    Column("original_timestamp", AT),
    Column("sent_at", AT),
    Column("imported", Boolean, nullable=False),
    Column("payload", JSON, nullable=False),
    PrimaryKeyConstraint("lane", "seq", "received_at"),
    Index("log_received_at", "received_at", postgresql_using="brin", postgresql_with={"autosummarize": True}),
    Index("log_timestamp", "timestamp"),
    Index("log_name", "name", "timestamp"),
    Index("log_user_id", "user_id", "timestamp", postgresql_where=text("user_id IS NOT NULL")),
    postgresql_partition_by="RANGE (received_at)",
)

# What was accepted before: `key` is a hash of source and messageId. No month in the key, so not partitioned.
Table(
    "event_keys",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("key", LargeBinary, nullable=False),
    Column("received_at", AT, nullable=False),
    PrimaryKeyConstraint("lane", "key"),
    Index("event_keys_received_at", "received_at", postgresql_using="brin", postgresql_with={"autosummarize": True}),
)

# Messages that could not be used, as they came, with the reason. `form` says which types it may have, `type` is the one
# that the path gave.
Table(
    "rejected",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("source", Text, nullable=False),
    Column("received_at", AT, nullable=False),
    Column("sent_at", AT),
    Column("form", Text, nullable=False),
    Column("type", Text),
    Column("raw", LargeBinary, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("message_id", Text),
    Column("user_id", Text),
    Column("anonymous_id", Text),
    Column("imported", Boolean, nullable=False),
    Column("status", Text, nullable=False),
    UniqueConstraint("digest"),
    Index("rejected_status", "status", "id"),
    Index("rejected_user_id", "user_id", postgresql_where=text("user_id IS NOT NULL")),
    Index("rejected_anonymous_id", "anonymous_id", postgresql_where=text("anonymous_id IS NOT NULL")),
)

Table(
    "sources",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("trust", Text, nullable=False),
    Column("created_at", AT, nullable=False),
    Column("revoked_at", AT),
    UniqueConstraint("name"),
)

Table(
    "write_keys",
    metadata,
    Column("key", Text, primary_key=True),
    Column("source_id", UUID(as_uuid=True), ForeignKey("sources.id"), nullable=False),
    Column("created_at", AT, nullable=False),
    Column("revoked_at", AT),
)

Table(
    "api_keys",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True),
    Column("key_hash", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("created_at", AT, nullable=False),
    Column("revoked_at", AT),
    UniqueConstraint("key_hash"),
)

# Which rows of the log are whose; `lane` is the profile's.
Table(
    "profile_events",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("profile_id", UUID(as_uuid=True), nullable=False),
    Column("timestamp", AT, nullable=False),
    Column("log_lane", SmallInteger, nullable=False),
    Column("log_seq", BigInteger, nullable=False),
    Column("received_at", AT, nullable=False),
    PrimaryKeyConstraint("lane", "profile_id", "timestamp", "log_lane", "log_seq"),
    Index("profile_events_log", "log_lane", "log_seq"),
)

# Profiles that became part of another; `lane` is that of the one that is gone.
Table(
    "merged_profiles",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("profile_id", UUID(as_uuid=True), nullable=False),
    Column("survivor_id", UUID(as_uuid=True), nullable=False),
    PrimaryKeyConstraint("lane", "profile_id"),
    Index("merged_profiles_survivor", "survivor_id"),
)

# Profiles that are to be forgotten: what still arrives for them is deleted too. An id without a person.
Table(
    "erased_profiles",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("profile_id", UUID(as_uuid=True), nullable=False),
    Column("erased_at", AT, nullable=False),
    PrimaryKeyConstraint("lane", "profile_id"),
)

# What an event's properties must be. `version` changes with every change, so that other processes notice it.
Table(
    "event_schemas",
    metadata,
    Column("name", Text, primary_key=True),
    Column("version", UUID(as_uuid=True), nullable=False),
    Column("schema", JSON, nullable=False),
    Column("on_violation", Text, nullable=False),
    Column("sources", ARRAY(Text)),
    Column("created_at", AT, nullable=False),
    Column("updated_at", AT, nullable=False),
)

# How often what was broken of which event's schema; `key` is a hash of event, source, path and rule, `lane` that of event
# and source. Nothing of the events' values is in it.
Table(
    "violations",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("key", LargeBinary, nullable=False),
    Column("event", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("first_seen", AT, nullable=False),
    Column("last_seen", AT, nullable=False),
    Column("example_message_id", Text),
    PrimaryKeyConstraint("lane", "key"),
)
