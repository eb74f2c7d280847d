"""What households were sent, for caps that hold for all their members together."""

import sqlalchemy as sa
from alembic import op

from shared.plumbing.migrate import distribute

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("household", sa.Text(), nullable=True))
    op.create_table(
        "households",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("household", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("lane", "household"),
    )
    op.create_table(
        "household_messages",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("delivery_id", sa.UUID(), nullable=False),
        sa.Column("household", sa.Text(), nullable=False),
        sa.Column("campaign_id", sa.UUID(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("lane", "delivery_id"),
    )
    op.create_index("household_messages_sent", "household_messages", ["lane", "household", "at"], unique=False)
    for table in ("households", "household_messages"):
        distribute(op, table, colocate_with="lane_heads")
