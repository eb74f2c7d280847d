"""Who was a member at an instant, by the recorded changes: the last one of each profile by then.

Where there are changes it is built CONCURRENTLY, so that they go on being recorded. That is not possible within the migrations'
transaction; so it is on a connection of its own, and one that was cut off is built anew.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

NAME = "changes_member"
COLUMNS = ("lane", "segment_id", "profile_id", "at", "seq")
PATIENCE = "60s"
"""With who was writing before. Whoever waits to migrate, too, would be waited for as well, and in vain."""


def upgrade() -> None:
    if op.get_bind().scalar(sa.text("SELECT EXISTS (SELECT FROM changes)")):
        _build_beside()
    else:
        op.create_index(NAME, "changes", list(COLUMNS), unique=False)


def _build_beside() -> None:
    # any command: the query before it left a snapshot, for which the index would wait
    op.execute(sa.text("SET LOCAL lock_timeout = '5s'"))
    with op.get_bind().engine.connect().execution_options(isolation_level="AUTOCOMMIT") as apart:
        apart.execute(sa.text(f"SET lock_timeout = '{PATIENCE}'"))
        apart.execute(sa.text(f"DROP INDEX CONCURRENTLY IF EXISTS {NAME}"))
        apart.execute(sa.text(f"CREATE INDEX CONCURRENTLY {NAME} ON changes ({', '.join(COLUMNS)})"))
