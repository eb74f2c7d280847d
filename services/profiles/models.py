"""The tables of the profiles service."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from shared.plumbing.tables import AT, feed_table, key_table, lane_tables

metadata = MetaData()
lane_tables(metadata)
key_table(metadata)
feed_table(metadata)


def _lane() -> Column[int]:
    return Column("lane", SmallInteger, nullable=False)


def _profile_id() -> Column[object]:
    return Column("profile_id", UUID(as_uuid=True), nullable=False)


# A person. One that was merged away keeps id and `merged_into` only; one that was erased keeps its id and `erased_at`.
# `provenance`: per trait key since when, from which message and source, and whether it was removed.
# `absorbed`: the ids of all profiles that ever became this one.
profiles = Table(
    "profiles",
    metadata,
    _lane(),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("user_id", Text),
    Column("traits", JSONB, nullable=False),
    Column("provenance", JSONB, nullable=False),
    Column("created_at", AT, nullable=False),
    Column("updated_at", AT, nullable=False),
    Column("merged_into", UUID(as_uuid=True)),
    Column("absorbed", ARRAY(UUID(as_uuid=True)), nullable=False),
    Column("erased_at", AT),
    PrimaryKeyConstraint("lane", "id"),
    postgresql_with={"fillfactor": 80},
)

# Where a name leads. Its unique key decides between two that give the same new name at once. It is written only by who holds
# the row of the profile it led to.
identifiers = Table(
    "identifiers",
    metadata,
    _lane(),
    Column("namespace", Text, nullable=False),
    Column("value", Text, nullable=False),
    _profile_id(),
    PrimaryKeyConstraint("lane", "namespace", "value"),
)

# The same from the profile's side, in the order it got them. `shown` is false for a name that is only presumed: an alias
# may come before anything else is known of the other id, which then leads here both as a user id and as an anonymous id.
profile_identifiers = Table(
    "profile_identifiers",
    metadata,
    _lane(),
    _profile_id(),
    Column("namespace", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("shown", Boolean, nullable=False),
    Column("first_seen_at", AT, nullable=False),
    PrimaryKeyConstraint("lane", "profile_id", "namespace", "value"),
)

# Who can be reached where: a lookup key, not an identity. `namespace`: email, phone or device.
contacts = Table(
    "contacts",
    metadata,
    _lane(),
    Column("namespace", Text, nullable=False),
    Column("value", Text, nullable=False),
    _profile_id(),
    PrimaryKeyConstraint("lane", "namespace", "value", "profile_id"),
)

# Dates that were told to the API. Those that follow from a trait are computed.
life_events = Table(
    "life_events",
    metadata,
    _lane(),
    _profile_id(),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("kind", Text, nullable=False),
    Column("date", Date, nullable=False),
    Column("recurs", Text),
    Column("subject", Text, nullable=False),
    Column("note", Text),
    Column("created_at", AT, nullable=False),
    PrimaryKeyConstraint("lane", "profile_id", "id"),
)

# Every word given, for good. `lifted_at`: a suppression that was taken back, which no longer counts. `expires_at`: from then on a
# consent allows nothing.
consents = Table(
    "consents",
    metadata,
    _lane(),
    _profile_id(),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("purpose", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("source", Text),
    Column("at", AT, nullable=False),
    Column("recorded_at", AT, nullable=False),
    Column("lifted_at", AT),
    Column("policy_version", Text),
    Column("expires_at", AT),
    PrimaryKeyConstraint("lane", "profile_id", "id"),
)

preferences = Table(
    "preferences",
    metadata,
    _lane(),
    _profile_id(),
    Column("content", JSONB, nullable=False),
    Column("updated_at", AT, nullable=False),
    PrimaryKeyConstraint("lane", "profile_id"),
)

devices = Table(
    "devices",
    metadata,
    _lane(),
    _profile_id(),
    Column("token", Text, nullable=False),
    Column("platform", Text),
    Column("app_version", Text),
    Column("added_at", AT, nullable=False),
    Column("seen_at", AT, nullable=False),
    PrimaryKeyConstraint("lane", "profile_id", "token"),
)

# Which profile became which, and why; in the survivor's lane of that time.
merges = Table(
    "merges",
    metadata,
    _lane(),
    Column("survivor_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("loser_id", UUID(as_uuid=True), nullable=False),
    Column("cause", Text, nullable=False),
    Column("source", Text),
    Column("message_id", Text),
    Column("at", AT, nullable=False),
    PrimaryKeyConstraint("lane", "survivor_id", "id"),
)

# Receipts. `rows`: the numbers of the feed rows, by lane, that tell the others. `raw_heads`: how far the raw log was,
# `heads` how far the own feed was once all of that had been resolved; null until they are known.
# `services`: who is through, and when.
erasures = Table(
    "erasures",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True),
    _profile_id(),
    Column("status", Text, nullable=False),
    Column("requested_at", AT, nullable=False),
    Column("completed_at", AT),
    Column("rows", JSONB, nullable=False),
    Column("raw_heads", JSONB),
    Column("heads", JSONB),
    Column("services", JSONB, nullable=False),
    Index("erasures_profile", "profile_id"),
    Index("erasures_pending", "id", postgresql_where=text("status = 'pending'")),
)

# Names of erased people, as keyed hashes: what was received by `erased_at` under such a name is dropped.
erased_identifiers = Table(
    "erased_identifiers",
    metadata,
    _lane(),
    Column("hash", LargeBinary, nullable=False),
    _profile_id(),
    Column("erased_at", AT, nullable=False),
    PrimaryKeyConstraint("lane", "hash"),
    Index("erased_identifiers_at", "erased_at"),
)

# Parts of the raw log that are taken in again: what was received from `since` on and before `before`, and had been resolved
# when it was asked for (`until`: by lane). `heads`: how far the own feed was then. `lane`: the one it is at; `cursor`: the last
# number of it that is done.
replays = Table(
    "replays",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True),
    Column("since", AT, nullable=False),
    Column("before", AT, nullable=False),
    Column("reason", Text),
    Column("requested_at", AT, nullable=False),
    Column("until", JSONB, nullable=False),
    Column("heads", JSONB, nullable=False),
    Column("lane", SmallInteger, nullable=False),
    Column("cursor", BigInteger, nullable=False),
    Column("messages", BigInteger, nullable=False),
    Column("repaired", BigInteger, nullable=False),
    Column("finished_at", AT),
)
