"""What time will change of a profile next, worked out before it does."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("profiles", sa.Column("planned_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("profiles", sa.Column("planned_revision", sa.BigInteger(), nullable=True))
    op.add_column("profiles", sa.Column("planned_truths", postgresql.ARRAY(sa.BigInteger()), nullable=True))
    op.add_column("profiles", sa.Column("planned_due_at", sa.DateTime(timezone=True), nullable=True))
