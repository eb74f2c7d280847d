"""Messages that wait for a time of the day are first due then, and their goals' time runs from then on."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("sends", sa.Column("first_due_at", sa.DateTime(timezone=True), nullable=True))
