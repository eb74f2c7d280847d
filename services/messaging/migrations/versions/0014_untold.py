"""Clicks that are told when a scanner would have shown itself."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("delivery_events", sa.Column("tell_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "delivery_events_untold",
        "delivery_events",
        ["lane", "tell_at"],
        postgresql_where=sa.text("tell_at IS NOT NULL"),
    )
