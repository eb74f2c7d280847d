"""Rebuilds of what is kept of the profiles."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "rebuilds",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("profile_ids", postgresql.ARRAY(sa.UUID())),
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("cursor", sa.UUID()),
        sa.Column("profiles", sa.BigInteger(), nullable=False),
        sa.Column("repaired", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id"),
    )
