"""The tables that every service has: lane counters, leases with cursors, the feed and its readers, what was parked."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

AT = DateTime(timezone=True)


def lane_tables(metadata: MetaData) -> None:
    """`lane_heads`: last sequence number per lane of the service's own feed. `work_lanes`: who works on which lane, how far.

    `workers`: who is alive, for a fair share. `feed_readers`: how far each consumer of the own feed is.
    `parked`: messages that could not be taken in, with the reason.
    """
    _work(metadata)
    _hand_over(metadata)


def _work(metadata: MetaData) -> None:
    Table(
        "lane_heads",
        metadata,
        Column("lane", SmallInteger, primary_key=True, autoincrement=False),
        Column("seq", BigInteger, nullable=False),
        postgresql_with={"fillfactor": 10},
    )
    Table(
        "work_lanes",
        metadata,
        Column("lane", SmallInteger, nullable=False),
        Column("work", Text, nullable=False),
        Column("owner", Text),
        Column("epoch", BigInteger, nullable=False),
        Column("expires_at", AT),
        Column("cursor", BigInteger, nullable=False),
        PrimaryKeyConstraint("lane", "work"),
        postgresql_with={"fillfactor": 10},
    )
    Table(
        "workers",
        metadata,
        Column("work", Text, nullable=False),
        Column("owner", Text, nullable=False),
        Column("seen_at", AT, nullable=False),
        PrimaryKeyConstraint("work", "owner"),
    )


def _hand_over(metadata: MetaData) -> None:
    Table(
        "feed_readers",
        metadata,
        Column("lane", SmallInteger, nullable=False),
        Column("consumer", Text, nullable=False),
        Column("seq", BigInteger, nullable=False),
        PrimaryKeyConstraint("lane", "consumer"),
        postgresql_with={"fillfactor": 10},
    )
    Table(
        "parked",
        metadata,
        Column("lane", SmallInteger, nullable=False),
        Column("id", UUID(as_uuid=True), nullable=False),
        Column("feed", Text, nullable=False),
        Column("seq", BigInteger, nullable=False),
        Column("profile_id", UUID(as_uuid=True)),
        Column("message", JSONB, nullable=False),
        Column("reason", Text, nullable=False),
        Column("tries", SmallInteger, nullable=False),
        Column("parked_at", AT, nullable=False),
        PrimaryKeyConstraint("lane", "id"),
    )


def feed_table(metadata: MetaData) -> None:
    """`feed`: what others must learn, appended in the transaction of its cause. `message` is JSON text."""
    Table(
        "feed",
        metadata,
        Column("lane", SmallInteger, nullable=False),
        Column("seq", BigInteger, nullable=False),
        Column("profile_id", UUID(as_uuid=True)),
        Column("written_at", AT, nullable=False),
        Column("message", Text, nullable=False),
        PrimaryKeyConstraint("lane", "seq"),
        Index("feed_profile", "lane", "profile_id"),
    )


def key_table(metadata: MetaData) -> None:
    """`known_keys`: the API keys as events last gave them out, by hash, for a start while it is away."""
    Table("known_keys", metadata, Column("key_hash", Text, primary_key=True), Column("role", Text, nullable=False))
