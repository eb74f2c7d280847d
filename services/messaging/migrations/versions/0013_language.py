"""The language and the first channel that people choose on their page."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("preference_outbox", sa.Column("first_channel", sa.Text(), nullable=True))
    op.add_column("preference_outbox", sa.Column("locale", sa.Text(), nullable=True))
