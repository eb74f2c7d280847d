"""Channels on which a provider refused a message for good: the next one is tried."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("sends", sa.Column("tried", postgresql.ARRAY(sa.Text()), nullable=False, server_default="{}"))
