"""How far a lane is with a build is whether it is done. The release before, which may still serve, writes `passed`: the next one
drops it.
"""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.drop_column("build_lanes", "cursor")
    op.alter_column("build_lanes", "passed", nullable=True)
