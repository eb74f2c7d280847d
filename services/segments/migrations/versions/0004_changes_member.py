"""Who was a member at an instant, by the recorded changes: the last one of each profile by then."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_index("changes_member", "changes", ["lane", "segment_id", "profile_id", "at", "seq"], unique=False)
