"""Which variant of a broadcast was found to be best, and why."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("campaigns", sa.Column("winner", postgresql.JSONB(), nullable=True))
