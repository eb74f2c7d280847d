"""The tables of the segments service, for migrations and for the test that compares them with the database.

Catalogue (small, read by every transaction): `catalogue`, `segments`, `segment_versions`, `builds`, `removals`, `list_uploads`.
Hot (by lane): `history`, `profiles`, `plans`, `memberships`, `changes`, `build_lanes`,
`settlings`; seldom written: `event_names`, `currency_marks`.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSON, JSONB, UUID

from shared.plumbing.tables import AT, key_table, lane_tables

metadata = MetaData()
lane_tables(metadata)
key_table(metadata)

# One row. `revision` rises with every change of what is evaluated; whoever evaluated by an older one may not commit.
Table(
    "catalogue",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("revision", BigInteger, nullable=False),
    Column("last_version_id", BigInteger, nullable=False),
)

Table(
    "segments",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("created_at", AT, nullable=False),
    Column("updated_at", AT, nullable=False),
)

# Versions that are made together and take over together. They finish in the order of their numbers (the revision
# that made them).
Table(
    "builds",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),
    Column("kind", Text, nullable=False),  # create, edit
    Column("total", BigInteger, nullable=False),  # profiles there were when it began
    Column("created_at", AT, nullable=False),
    Column("done_at", AT),
)

# `condition` as it was given; `segments` are the [key, condition] pairs it leads to, dependencies first.
# `revision`: the catalogue's when it was made; a profile that is behind it lacks this version's first truth.
# `status`: building, live, replaced, failing. A version with a `live_at` serves; while it is still building, `settlings` says how far.
Table(
    "segment_versions",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("segment_id", UUID(as_uuid=True), ForeignKey("segments.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("condition", JSONB, nullable=False),
    Column("segments", JSONB, nullable=False),
    Column("build_id", UUID(as_uuid=True), ForeignKey("builds.id"), nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("created_at", AT, nullable=False),
    Column("live_at", AT),
    Column("stale_since", AT),
    Column("error", Text),
    UniqueConstraint("segment_id", "number"),
)

# Who is uploading to a static list; nobody else may until they end, or are not heard of until `expires_at`.
Table(
    "list_uploads",
    metadata,
    Column("segment_id", UUID(as_uuid=True), primary_key=True),
    Column("upload_id", UUID(as_uuid=True), nullable=False),
    Column("expires_at", AT, nullable=False),
)

# Comparisons of what is kept with what the history says. `day`: of a nightly one. `lane`: the next to be looked at.
Table(
    "reconciliations",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True),
    Column("day", Date, unique=True),
    Column("requested_at", AT, nullable=False),
    Column("lane", SmallInteger, nullable=False),
    Column("sample", Integer, nullable=False),  # profiles of each lane, at most
    Column("profiles", BigInteger, nullable=False),  # looked at
    Column("drift", JSONB, nullable=False),  # [{segment, version, leaf, profiles}]
    Column("finished_at", AT),
)

# Rebuilds from the profiles' histories. `profile_ids`: null for all, and once it is done.
Table(
    "rebuilds",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True),
    Column("requested_at", AT, nullable=False),
    Column("profile_ids", ARRAY(UUID(as_uuid=True))),
    Column("lane", SmallInteger, nullable=False),  # the one it is at
    Column("cursor", UUID(as_uuid=True)),  # the last profile of it that is done
    Column("profiles", BigInteger, nullable=False),
    Column("repaired", BigInteger, nullable=False),
    Column("finished_at", AT),
)

# Rows of segments that were deleted, to be removed lane by lane.
Table(
    "removals",
    metadata,
    Column("segment_id", UUID(as_uuid=True), primary_key=True),
    Column("lane", SmallInteger, nullable=False),  # the next one
    Column("requested_at", AT, nullable=False),
)

# `passed`: written by the release before this one alone; to be dropped by the next.
Table(
    "build_lanes",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("build_id", UUID(as_uuid=True), nullable=False),
    Column("passed", BigInteger),
    Column("done", Boolean, nullable=False),
    PrimaryKeyConstraint("lane", "build_id"),
)

# Edits that have taken over: of each lane that is not through, up to which profile the members have gone over to them.
Table(
    "settlings",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("build_id", UUID(as_uuid=True), nullable=False),
    Column("cursor", UUID(as_uuid=True), nullable=False),
    PrimaryKeyConstraint("lane", "build_id"),
)

# Every named event of every profile, once.
Table(
    "history",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("profile_id", UUID(as_uuid=True), nullable=False),
    Column("timestamp", AT, nullable=False),
    Column("source", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("properties", JSONB, nullable=False),
    Column("context", JSONB, nullable=False),
    PrimaryKeyConstraint("lane", "profile_id", "timestamp", "source", "message_id"),
)

# What is known of a profile and what its conditions' leaves hold. `traits`: also, under `$lists`, the static lists it is on.
# `version`: of the newest snapshot. `truths`: ids of the
# versions that were true at `evaluated_at`; they are complete up to the catalogue's `revision`, and so are `states` unless
# `states_revision` says up to which: those of versions made since are folded when the profile is next worked on.
# `plan_at`: there is a plan for then; `next_due_at` is when it is due after that. While its row is in `plans`, it waits; when
# that is gone, it was carried out, and `plan_truths` are what is true since. Who gets hold of the profile settles it.
# `planned_…`: written by the release before this one alone; to be dropped by the next.
# `merged_into`, `erased`: tombstones, of which nothing but the id is kept.
Table(
    "profiles",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("profile_id", UUID(as_uuid=True), nullable=False),
    Column("user_id", Text),
    Column("version", BigInteger, nullable=False),
    Column("traits", JSONB, nullable=False),
    Column("life_events", JSONB, nullable=False),
    Column("created_at", AT, nullable=False),
    Column("states", JSON, nullable=False),
    Column("truths", ARRAY(BigInteger), nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("states_revision", BigInteger),
    Column("evaluated_at", AT, nullable=False),
    Column("next_due_at", AT),
    Column("planned_at", AT),
    Column("planned_revision", BigInteger),
    Column("planned_truths", ARRAY(BigInteger)),
    Column("planned_due_at", AT),
    Column("plan_at", AT),
    Column("plan_truths", ARRAY(BigInteger)),
    Column("merged_into", UUID(as_uuid=True)),
    Column("erased", Boolean, nullable=False),
    PrimaryKeyConstraint("lane", "profile_id"),
    Index("profiles_due", "lane", "next_due_at", postgresql_where=text("next_due_at IS NOT NULL")),
    postgresql_with={"fillfactor": 80, "toast_tuple_target": 8160},
)

# What time will change next of profiles that are due soon, by the rules of `revision`: the versions that become true and those
# that cease to be. Whoever has a row has the profile's memberships in hand.
Table(
    "plans",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("at", AT, nullable=False),
    Column("profile_id", UUID(as_uuid=True), nullable=False),
    Column("user_id", Text),
    Column("revision", BigInteger, nullable=False),
    Column("entered", ARRAY(BigInteger), nullable=False),
    Column("left", ARRAY(BigInteger), nullable=False),
    PrimaryKeyConstraint("lane", "at", "profile_id"),
)

# Who is in, by the version that serves; while that one is settling, by the one before it where a profile has not gone over.
Table(
    "memberships",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("segment_id", UUID(as_uuid=True), nullable=False),
    Column("profile_id", UUID(as_uuid=True), nullable=False),
    Column("entered_at", AT, nullable=False),
    PrimaryKeyConstraint("lane", "segment_id", "profile_id"),
    Index("memberships_profile", "lane", "profile_id"),
)

# Every entry and exit for good: the service's feed and the public list in one.
Table(
    "changes",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("segment_id", UUID(as_uuid=True), nullable=False),
    Column("version", Integer, nullable=False),
    Column("profile_id", UUID(as_uuid=True), nullable=False),
    Column("user_id", Text),
    Column("change", Text, nullable=False),  # entered, left
    Column("at", AT, nullable=False),
    Column("cause", JSONB, nullable=False),
    PrimaryKeyConstraint("lane", "seq"),
    Index("changes_segment", "lane", "segment_id", "seq"),
    Index("changes_member", "lane", "segment_id", "profile_id", "at", "seq"),
)

# Every name that an event ever had, by hash, in the lane of the name.
Table(
    "event_names",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    PrimaryKeyConstraint("lane", "hash"),
)

# In which currencies orders were completed, and by about how many profiles: of the marks that profiles leave in a slot, the highest.
Table(
    "currency_marks",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("slot", SmallInteger, nullable=False),
    Column("rank", SmallInteger, nullable=False),
    PrimaryKeyConstraint("lane", "currency", "slot"),
)
