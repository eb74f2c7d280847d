"""The orders of a profile are kept once for all leaves of spend. What is stored in the older form is dropped, and folded anew
from a profile's history when it is next worked on.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.execute(sa.text("UPDATE profiles SET states = '{}', states_revision = 0 WHERE states::text <> '{}'"))
