"""What became of a profile is asked segment by segment, by `changes_member`: one index less to write with every change.

The release before still serves meanwhile; its questions about one profile take longer until it is gone.
"""

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.drop_index("changes_profile", "changes")
