"""What recipients say by links holds before profiles has it: consents are kept a moment after they are told, and preferences too."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.plumbing.migrate import distribute

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("consent_outbox", sa.Column("told_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("consent_outbox_profile", "consent_outbox", ["lane", "profile_id"])
    op.create_table(
        "preference_outbox",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("profile_id", sa.UUID(), nullable=False),
        sa.Column("topics", postgresql.JSONB(), nullable=False),
        sa.Column("contact_windows", postgresql.JSONB(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("lane", "id"),
    )
    op.create_index("preference_outbox_profile", "preference_outbox", ["lane", "profile_id"])
    distribute(op, "preference_outbox", colocate_with="consent_outbox")
