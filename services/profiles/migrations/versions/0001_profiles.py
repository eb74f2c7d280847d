"""Profiles, identifiers and what hangs on them"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.plumbing.migrate import begin, distribute

revision = "0001"
down_revision = None

HOT = (
    "profiles",
    "identifiers",
    "profile_identifiers",
    "contacts",
    "life_events",
    "consents",
    "preferences",
    "devices",
    "merges",
    "erased_identifiers",
)


def upgrade() -> None:
    begin(op, "raw")
    op.create_table(
        "consents",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("profile_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("lane", "profile_id", "id"),
    )
    op.create_table(
        "contacts",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("profile_id", sa.UUID(), nullable=False),
        sa.PrimaryKeyConstraint("lane", "namespace", "value", "profile_id"),
    )
    op.create_table(
        "devices",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("profile_id", sa.UUID(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=True),
        sa.Column("app_version", sa.Text(), nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("lane", "profile_id", "token"),
    )
    op.create_table(
        "erased_identifiers",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("profile_id", sa.UUID(), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("lane", "hash"),
    )
    op.create_index("erased_identifiers_at", "erased_identifiers", ["erased_at"], unique=False)
    op.create_table(
        "erasures",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("profile_id", sa.UUID(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rows", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("raw_heads", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("heads", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("services", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "erasures_pending", "erasures", ["id"], unique=False, postgresql_where=sa.text("status = 'pending'")
    )
    op.create_index("erasures_profile", "erasures", ["profile_id"], unique=False)
    op.create_table(
        "identifiers",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("profile_id", sa.UUID(), nullable=False),
        sa.PrimaryKeyConstraint("lane", "namespace", "value"),
    )
    op.create_table(
        "life_events",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("profile_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("recurs", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("lane", "profile_id", "id"),
    )
    op.create_table(
        "merges",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("survivor_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("loser_id", sa.UUID(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("message_id", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("lane", "survivor_id", "id"),
    )
    op.create_table(
        "preferences",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("profile_id", sa.UUID(), nullable=False),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("lane", "profile_id"),
    )
    op.create_table(
        "profile_identifiers",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("profile_id", sa.UUID(), nullable=False),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("shown", sa.Boolean(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("lane", "profile_id", "namespace", "value"),
    )
    op.create_table(
        "profiles",
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("traits", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("provenance", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("merged_into", sa.UUID(), nullable=True),
        sa.Column("absorbed", postgresql.ARRAY(sa.UUID()), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("lane", "id"),
        postgresql_with={"fillfactor": 80},
    )
    for table in HOT:
        distribute(op, table, colocate_with="lane_heads")
