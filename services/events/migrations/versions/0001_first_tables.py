"""The log, its dedup keys and index, rejected messages, sources and keys."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.plumbing.migrate import begin, distribute

revision = "0001"
down_revision = None

AT = sa.DateTime(timezone=True)
ID = postgresql.UUID(as_uuid=True)
SUMMARIZED = {"autosummarize": True}


def upgrade() -> None:
    """Make everything."""
    begin(op, "outcomes", "resolved", feed=False)
    _log()
    _event_keys()
    _rejected()
    _catalogue()
    _index_by_profile()
    for table in ("log", "event_keys", "profile_events", "merged_profiles", "erased_profiles"):
        distribute(op, table, colocate_with="lane_heads")


def _log() -> None:
    op.create_table(
        "log",
        sa.Column("lane", sa.SmallInteger, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("received_at", AT, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("message_id", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("name", sa.Text),
        sa.Column("user_id", sa.Text),
        sa.Column("anonymous_id", sa.Text),
        sa.Column("previous_id", sa.Text),
        sa.Column("profile_id", ID),
        sa.Column("timestamp", AT, nullable=False),
        sa.Column("original_timestamp", AT),
        sa.Column("sent_at", AT),
        sa.Column("imported", sa.Boolean, nullable=False),
        sa.Column("payload", postgresql.JSON, nullable=False),
        sa.PrimaryKeyConstraint("lane", "seq", "received_at"),
        postgresql_partition_by="RANGE (received_at)",
    )
    op.create_index("log_received_at", "log", ["received_at"], postgresql_using="brin", postgresql_with=SUMMARIZED)
    op.create_index("log_timestamp", "log", ["timestamp"])
    op.create_index("log_name", "log", ["name", "timestamp"])
    op.create_index("log_user_id", "log", ["user_id", "timestamp"], postgresql_where=sa.text("user_id IS NOT NULL"))
    # The net below the months that are made ahead.
    op.execute("CREATE TABLE log_default PARTITION OF log DEFAULT")


def _event_keys() -> None:
    op.create_table(
        "event_keys",
        sa.Column("lane", sa.SmallInteger, nullable=False),
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.Column("received_at", AT, nullable=False),
        sa.PrimaryKeyConstraint("lane", "key"),
    )
    op.create_index(
        "event_keys_received_at", "event_keys", ["received_at"], postgresql_using="brin", postgresql_with=SUMMARIZED
    )


def _rejected() -> None:
    op.create_table(
        "rejected",
        sa.Column("id", ID, primary_key=True),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("received_at", AT, nullable=False),
        sa.Column("sent_at", AT),
        sa.Column("form", sa.Text, nullable=False),
        sa.Column("type", sa.Text),
        sa.Column("raw", sa.LargeBinary, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("message_id", sa.Text),
        sa.Column("user_id", sa.Text),
        sa.Column("anonymous_id", sa.Text),
        sa.Column("imported", sa.Boolean, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.UniqueConstraint("digest"),
    )
    op.create_index("rejected_status", "rejected", ["status", "id"])
    for column in ("user_id", "anonymous_id"):
        op.create_index(f"rejected_{column}", "rejected", [column], postgresql_where=sa.text(f"{column} IS NOT NULL"))


def _catalogue() -> None:
    op.create_table(
        "sources",
        sa.Column("id", ID, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("trust", sa.Text, nullable=False),
        sa.Column("created_at", AT, nullable=False),
        sa.Column("revoked_at", AT),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "write_keys",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("source_id", ID, sa.ForeignKey("sources.id"), nullable=False),
        sa.Column("created_at", AT, nullable=False),
        sa.Column("revoked_at", AT),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", ID, primary_key=True),
        sa.Column("key_hash", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("created_at", AT, nullable=False),
        sa.Column("revoked_at", AT),
        sa.UniqueConstraint("key_hash"),
    )


def _index_by_profile() -> None:
    op.create_table(
        "profile_events",
        sa.Column("lane", sa.SmallInteger, nullable=False),
        sa.Column("profile_id", ID, nullable=False),
        sa.Column("timestamp", AT, nullable=False),
        sa.Column("log_lane", sa.SmallInteger, nullable=False),
        sa.Column("log_seq", sa.BigInteger, nullable=False),
        sa.Column("received_at", AT, nullable=False),
        sa.PrimaryKeyConstraint("lane", "profile_id", "timestamp", "log_lane", "log_seq"),
    )
    op.create_index("profile_events_log", "profile_events", ["log_lane", "log_seq"])
    op.create_table(
        "merged_profiles",
        sa.Column("lane", sa.SmallInteger, nullable=False),
        sa.Column("profile_id", ID, nullable=False),
        sa.Column("survivor_id", ID, nullable=False),
        sa.PrimaryKeyConstraint("lane", "profile_id"),
    )
    op.create_index("merged_profiles_survivor", "merged_profiles", ["survivor_id"])
    op.create_table(
        "erased_profiles",
        sa.Column("lane", sa.SmallInteger, nullable=False),
        sa.Column("profile_id", ID, nullable=False),
        sa.Column("erased_at", AT, nullable=False),
        sa.PrimaryKeyConstraint("lane", "profile_id"),
    )
