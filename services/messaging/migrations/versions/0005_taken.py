"""How many members of a broadcast are taken."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("broadcasts", sa.Column("taken", sa.Integer(), nullable=False, server_default="0"))
