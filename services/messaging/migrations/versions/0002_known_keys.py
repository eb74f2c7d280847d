"""The API keys that are known while events is away."""

from alembic import op

from shared.plumbing.migrate import create_tables
from shared.plumbing.tables import key_table

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    create_tables(op, key_table)
