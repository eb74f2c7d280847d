"""How far the leaf states of a profile are complete, where that is not as far as its truths."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("profiles", sa.Column("states_revision", sa.BigInteger(), nullable=True))
