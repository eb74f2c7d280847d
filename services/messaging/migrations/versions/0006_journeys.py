"""Journeys, their versions, and where people are in them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.plumbing.migrate import distribute

revision = "0006"
down_revision = "0005"

AT = sa.DateTime(timezone=True)
WALKING = sa.text("next_at IS NOT NULL")


def upgrade() -> None:
    _catalogue()
    op.create_table(
        "journey_runs",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("journey_id", sa.UUID(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("profile_id", sa.UUID(), nullable=False),
        sa.Column("user_id", sa.Text()),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("entry_id", sa.Text(), nullable=False),
        sa.Column("entry", postgresql.JSONB(), nullable=False),
        sa.Column("entered_at", AT, nullable=False),
        sa.Column("place", sa.Text()),
        sa.Column("since", AT, nullable=False),
        sa.Column("resting", sa.Boolean(), nullable=False),
        sa.Column("answered", sa.Boolean(), nullable=False),
        sa.Column("heard", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("next_at", AT),
        sa.Column("path", postgresql.JSONB(), nullable=False),
        sa.Column("ended_at", AT),
        sa.Column("reason", sa.Text()),
        sa.PrimaryKeyConstraint("lane", "id"),
    )
    _indexes()
    distribute(op, "journey_runs", colocate_with="lane_heads")


def _catalogue() -> None:
    op.create_table(
        "journeys",
        sa.Column("id", sa.UUID(), primary_key=True),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("runs", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", AT, nullable=False),
        sa.Column("updated_at", AT, nullable=False),
    )
    op.create_index("journeys_key", "journeys", ["key"], unique=True, postgresql_where=sa.text("status <> 'deleted'"))
    op.create_table(
        "journey_versions",
        sa.Column("journey_id", sa.UUID(), primary_key=True),
        sa.Column("version", sa.Integer(), primary_key=True),
        sa.Column("definition", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", AT, nullable=False),
    )


def _indexes() -> None:
    table = "journey_runs"
    op.create_index("journey_runs_entry", table, ["lane", "journey_id", "entry_id"], unique=True)
    op.create_index(
        "journey_runs_one",
        table,
        ["lane", "journey_id", "profile_id", "instance"],
        unique=True,
        postgresql_where=WALKING,
    )
    op.create_index("journey_runs_next", table, ["lane", "journey_id", "next_at"], postgresql_where=WALKING)
    op.create_index("journey_runs_profile", table, ["lane", "profile_id", "journey_id"])
    op.create_index("journey_runs_journey", table, ["lane", "journey_id", "id"])
