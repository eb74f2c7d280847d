"""Addresses that their owners have confirmed."""

import sqlalchemy as sa
from alembic import op

from shared.plumbing.migrate import distribute

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "confirmed_addresses",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("address_hash", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("lane", "channel", "address_hash", "purpose"),
    )
    distribute(op, "confirmed_addresses", colocate_with="suppressions")
