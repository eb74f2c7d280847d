"""Schemas of events, and what was found to break them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.plumbing.migrate import distribute

revision = "0002"
down_revision = "0001"

AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "event_schemas",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("version", postgresql.UUID(as_uuid=True), nullable=False),
        sa.Column("schema", postgresql.JSON, nullable=False),
        sa.Column("on_violation", sa.Text, nullable=False),
        sa.Column("sources", postgresql.ARRAY(sa.Text)),
        sa.Column("created_at", AT, nullable=False),
        sa.Column("updated_at", AT, nullable=False),
    )
    op.create_table(
        "violations",
        sa.Column("lane", sa.SmallInteger, nullable=False),
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("first_seen", AT, nullable=False),
        sa.Column("last_seen", AT, nullable=False),
        sa.Column("example_message_id", sa.Text),
        sa.PrimaryKeyConstraint("lane", "key"),
    )
    distribute(op, "violations", colocate_with="lane_heads")
