"""To which policy somebody consents, and until when."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("consents", sa.Column("policy_version", sa.Text(), nullable=True))
    op.add_column("consents", sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
