"""What was ever met among the events: their names, by hash, and the currencies of completed orders, by marks of profiles."""

from hashlib import sha256

import sqlalchemy as sa
from alembic import op

from shared.plumbing.lanes import lane_of_text
from shared.plumbing.migrate import distribute

revision = "0005"
down_revision = "0004"

MARKS = """
    INSERT INTO currency_marks (lane, currency, slot, rank)
    SELECT lane, currency, get_byte(hash, 0) % 16,
           max(33 - length(ltrim(('x' || encode(substring(hash FROM 2 FOR 4), 'hex'))::bit(32)::text, '0')))
    FROM (SELECT DISTINCT lane, sha256(uuid_send(profile_id)) AS hash, properties ->> 'currency' AS currency FROM history
          WHERE name IN ('Order Completed', 'Completed Order') AND jsonb_typeof(properties -> 'currency') = 'string'
            AND length(properties ->> 'currency') BETWEEN 1 AND 8) AS paid
    GROUP BY 1, 2, 3"""
NAMES = "SELECT DISTINCT name FROM history"


def upgrade() -> None:
    op.create_table(
        "event_names",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("lane", "hash"),
    )
    op.create_table(
        "currency_marks",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("slot", sa.SmallInteger(), nullable=False),
        sa.Column("rank", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("lane", "currency", "slot"),
    )
    for table in ("event_names", "currency_marks"):
        distribute(op, table, colocate_with="lane_heads")
    fill()


def fill() -> None:
    """By the history there is."""
    op.execute(MARKS)
    names = [row[0] for row in op.get_bind().execute(sa.text(NAMES))]
    if names:
        rows = [{"lane": lane_of_text(name), "hash": sha256(name.encode()).digest()[:16]} for name in names]
        op.get_bind().execute(sa.text("INSERT INTO event_names (lane, hash) VALUES (:lane, :hash)"), rows)
