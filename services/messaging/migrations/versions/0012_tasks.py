"""Tasks of staff."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.plumbing.migrate import distribute

revision = "0012"
down_revision = "0011"

AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "tasks",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("campaign_id", sa.UUID(), nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("profile_id", sa.UUID(), nullable=False),
        sa.Column("user_id", sa.Text()),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("team", sa.Text()),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_at", AT, nullable=False),
        sa.Column("expires_at", AT, nullable=False),
        sa.Column("created_at", AT, nullable=False),
        sa.Column("taken_by", sa.Text()),
        sa.Column("taken_at", AT),
        sa.Column("done_at", AT),
        sa.Column("outcome", sa.Text()),
        sa.Column("history", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("lane", "id"),
    )
    op.create_index("tasks_due", "tasks", ["lane", "state", "due_at", "id"])
    op.create_index("tasks_profile", "tasks", ["lane", "profile_id"])
    distribute(op, "tasks", colocate_with="lane_heads")
