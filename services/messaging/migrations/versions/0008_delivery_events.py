"""What happened to messages after they were sent, and used tokens of webhooks."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.plumbing.migrate import distribute

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "delivery_events",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("delivery_id", sa.UUID(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("profile_id", sa.UUID(), nullable=False),
        sa.Column("campaign_id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("machine", sa.Text(), nullable=True),
        sa.Column("detail", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("lane", "delivery_id", "key"),
    )
    op.create_index("delivery_events_profile", "delivery_events", ["lane", "profile_id"], unique=False)
    op.create_index("delivery_events_campaign", "delivery_events", ["lane", "campaign_id"], unique=False)
    op.create_table(
        "hook_tokens",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("lane", "token"),
    )
    op.create_index("hook_tokens_at", "hook_tokens", ["lane", "at"], unique=False)
    for table in ("delivery_events", "hook_tokens"):
        distribute(op, table, colocate_with="lane_heads")
