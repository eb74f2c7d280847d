"""Plans in a table of their own, so that an instant leaves the rows of profiles as they are.

Those of the release before are forgotten: its workers and these know nothing of each other's.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.plumbing.migrate import distribute

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.add_column("profiles", sa.Column("plan_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("profiles", sa.Column("plan_truths", postgresql.ARRAY(sa.BigInteger()), nullable=True))
    op.create_table(
        "plans",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("profile_id", sa.UUID(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("entered", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("left", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.PrimaryKeyConstraint("lane", "at", "profile_id"),
    )
    distribute(op, "plans", colocate_with="lane_heads")
