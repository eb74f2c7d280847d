"""Leaf states are kept as the text they are: nothing in the database looks into them, and taking them apart and squeezing
them cost more than everything else that an event costs there.

Their keys became shorter, too: what is stored is dropped, and folded anew from a profile's history when it is next worked on.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.alter_column(
        "profiles", "states", type_=postgresql.JSON(), existing_nullable=False, postgresql_using="'{}'::json"
    )
    op.execute(sa.text("UPDATE profiles SET states_revision = 0"))
    op.execute(sa.text("ALTER TABLE profiles SET (toast_tuple_target = 8160)"))
