"""Edits that have taken over in the catalogue, and how far each lane's members have gone over to them."""

import sqlalchemy as sa
from alembic import op

from shared.plumbing.migrate import distribute

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "settlings",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("build_id", sa.UUID(), nullable=False),
        sa.Column("cursor", sa.UUID(), nullable=False),
        sa.PrimaryKeyConstraint("lane", "build_id"),
    )
    distribute(op, "settlings", colocate_with="lane_heads")
