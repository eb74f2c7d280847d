"""The tables of messaging. Hot ones begin with the profile's lane; the catalogue (campaigns, templates, settings) is small."""

from sqlalchemy import (
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    Numeric,
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

ID = UUID(as_uuid=True)

templates = Table(
    "templates",
    metadata,
    Column("key", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("created_at", AT, nullable=False),
    Column("updated_at", AT, nullable=False),
)
template_versions = Table(
    "template_versions",
    metadata,
    Column("key", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("definition", JSONB, nullable=False),
    Column("created_at", AT, nullable=False),
)
# `runs`: [[started_at, paused_at or null], ...]: what happens outside of them makes nobody speak.
# `winner`: {at, variant, shown, in_words, chosen_at}, of the test of the broadcast at that time.
campaigns = Table(
    "campaigns",
    metadata,
    Column("id", ID, primary_key=True),
    Column("key", Text, nullable=False),
    Column("definition", JSONB, nullable=False),
    Column("status", Text, nullable=False),
    Column("runs", JSONB, nullable=False),
    Column("winner", JSONB),
    Column("created_at", AT, nullable=False),
    Column("updated_at", AT, nullable=False),
    Index("campaigns_key", "key", unique=True, postgresql_where=text("status <> 'deleted'")),
)
# `version`: the newest of a journey's definitions, with which people enter. `runs`: as of campaigns.
journeys = Table(
    "journeys",
    metadata,
    Column("id", ID, primary_key=True),
    Column("key", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("runs", JSONB, nullable=False),
    Column("created_at", AT, nullable=False),
    Column("updated_at", AT, nullable=False),
    Index("journeys_key", "key", unique=True, postgresql_where=text("status <> 'deleted'")),
)
journey_versions = Table(
    "journey_versions",
    metadata,
    Column("journey_id", ID, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("definition", JSONB, nullable=False),
    Column("created_at", AT, nullable=False),
)
settings = Table(
    "settings",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("definition", JSONB, nullable=False),
    Column("updated_at", AT, nullable=False),
)
# One row for each profile that messaging has met: what its claims are serialised by, and where a merged one went.
people = Table(
    "people",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("profile_id", ID, nullable=False),
    Column("merged_into", ID),
    Column("erased_at", AT),
    PrimaryKeyConstraint("lane", "profile_id"),
)
# One row for each trigger of a campaign, from its cause to its final decision. `next_at` is set while it is open: when to
# look at it next. `due_at`: when the message was due, from which staleness runs. `tried`: channels on which it was refused for good.
# `first_due_at`: from when its goal's time runs, where that is not trigger and delay.
sends = Table(
    "sends",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("id", ID, nullable=False),
    Column("campaign_id", ID, nullable=False),
    Column("campaign", Text, nullable=False),
    Column("profile_id", ID, nullable=False),
    Column("user_id", Text),
    Column("trigger_id", Text, nullable=False),
    Column("trigger_at", AT, nullable=False),
    Column("trigger", JSONB, nullable=False),
    Column("state", Text, nullable=False),
    Column("due_at", AT, nullable=False),
    Column("next_at", AT),
    Column("attempts", SmallInteger, nullable=False),
    Column("claimed_until", AT),
    Column("claimed_by", Text),
    Column("decision", Text),
    Column("reason", Text),
    Column("facts", JSONB, nullable=False),
    Column("variant", Text),
    Column("delivery_id", ID),
    Column("decided_at", AT),
    Column("converted_at", AT),
    Column("revenue", Numeric),
    Column("tried", ARRAY(Text), nullable=False, server_default="{}"),
    Column("first_due_at", AT),
    Column("created_at", AT, nullable=False),
    PrimaryKeyConstraint("lane", "id"),
    Index("sends_trigger", "lane", "campaign_id", "trigger_id", unique=True),
    Index("sends_open", "lane", "campaign_id", "next_at", postgresql_where=text("next_at IS NOT NULL")),
    Index("sends_next", "lane", "next_at", postgresql_where=text("next_at IS NOT NULL")),
    Index("sends_claimed", "lane", "claimed_until", postgresql_where=text("claimed_until IS NOT NULL")),
    Index("sends_profile", "lane", "profile_id", "campaign_id"),
    Index("sends_campaign", "lane", "campaign", "id"),
)
# What was said: the full content, to whom, by which provider and with which answer. The local mailbox is those of provider `mailbox`.
# `household`: the key of the one that the person belonged to then.
deliveries = Table(
    "deliveries",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("id", ID, nullable=False),
    Column("send_id", ID, nullable=False),
    Column("campaign_id", ID, nullable=False),
    Column("campaign", Text, nullable=False),
    Column("profile_id", ID, nullable=False),
    Column("channel", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("template", Text, nullable=False),
    Column("template_version", Integer, nullable=False),
    Column("address", Text, nullable=False),
    Column("content", JSONB, nullable=False),
    Column("provider", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("answer", Text),
    Column("at", AT, nullable=False),
    Column("household", Text),
    PrimaryKeyConstraint("lane", "id"),
    Index("deliveries_profile", "lane", "profile_id", "at"),
)
# Households by a keyed hash of their name, in its lane: what claims for different members are serialised by.
households = Table(
    "households",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("household", Text, nullable=False),
    PrimaryKeyConstraint("lane", "household"),
)
# What was sent to members of households, for frequency caps; in the household's lane. It names nobody.
household_messages = Table(
    "household_messages",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("delivery_id", ID, nullable=False),
    Column("household", Text, nullable=False),
    Column("campaign_id", ID, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("at", AT, nullable=False),
    PrimaryKeyConstraint("lane", "delivery_id"),
    Index("household_messages_sent", "lane", "household", "at"),
)
# The last change seen of each profile in the segments that campaigns use.
memberships_seen = Table(
    "memberships_seen",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("profile_id", ID, nullable=False),
    Column("segment", Text, nullable=False),
    Column("change", Text, nullable=False),
    Column("at", AT, nullable=False),
    PrimaryKeyConstraint("lane", "profile_id", "segment"),
)
# Addresses that must not be written to. `scope`: a purpose, `non_transactional`, or '' for all. The lane is the address's.
# `yields`: a consent granted later lifts it (it was the person's own word by a link).
suppressions = Table(
    "suppressions",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("channel", Text, nullable=False),
    Column("address_hash", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("id", ID, nullable=False),
    Column("address", Text),
    Column("reason", Text, nullable=False),
    Column("yields", Boolean, nullable=False),
    Column("created_at", AT, nullable=False),
    PrimaryKeyConstraint("lane", "channel", "address_hash", "scope"),
)
# Addresses that their owners have confirmed, for a purpose. The lane is the address's.
confirmed_addresses = Table(
    "confirmed_addresses",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("channel", Text, nullable=False),
    Column("address_hash", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("confirmed_at", AT, nullable=False),
    PrimaryKeyConstraint("lane", "channel", "address_hash", "purpose"),
)
# Consents given and withdrawn by links, on their way to profiles. `told_at`: profiles has it; it is kept a moment longer, for
# answers of profiles that are from before.
consent_outbox = Table(
    "consent_outbox",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("id", ID, nullable=False),
    Column("profile_id", ID, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("at", AT, nullable=False),
    Column("created_at", AT, nullable=False),
    Column("told_at", AT),
    PrimaryKeyConstraint("lane", "id"),
    Index("consent_outbox_profile", "lane", "profile_id"),
)
# Preferences changed by links, likewise. `topics`: those that were changed. `contact_windows`: all of them, or null.
preference_outbox = Table(
    "preference_outbox",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("id", ID, nullable=False),
    Column("profile_id", ID, nullable=False),
    Column("topics", JSONB, nullable=False),
    Column("contact_windows", JSONB),
    Column("at", AT, nullable=False),
    Column("created_at", AT, nullable=False),
    Column("told_at", AT),
    PrimaryKeyConstraint("lane", "id"),
    Index("preference_outbox_profile", "lane", "profile_id"),
)
# Broadcasts on their way: how far the members of the segment are taken, and how many are.
broadcasts = Table(
    "broadcasts",
    metadata,
    Column("campaign_id", ID, primary_key=True),
    Column("at", AT, primary_key=True),
    Column("cursor", Text),
    Column("done_at", AT),
    Column("taken", Integer, nullable=False, server_default="0"),
)
# What staff are to do about profiles. `history`: what happened to each, [{"what", "at", …}, ...].
tasks = Table(
    "tasks",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("id", ID, nullable=False),
    Column("campaign_id", ID, nullable=False),
    Column("campaign", Text, nullable=False),
    Column("profile_id", ID, nullable=False),
    Column("user_id", Text),
    Column("title", Text, nullable=False),
    Column("team", Text),
    Column("state", Text, nullable=False),
    Column("due_at", AT, nullable=False),
    Column("expires_at", AT, nullable=False),
    Column("created_at", AT, nullable=False),
    Column("taken_by", Text),
    Column("taken_at", AT),
    Column("done_at", AT),
    Column("outcome", Text),
    Column("history", JSONB, nullable=False),
    PrimaryKeyConstraint("lane", "id"),
    Index("tasks_due", "lane", "state", "due_at", "id"),
    Index("tasks_profile", "lane", "profile_id"),
)
# Where people are in journeys. `next_at` is set while they walk: when to look at them next. `path`: [[step, reached_at], ...].
journey_runs = Table(
    "journey_runs",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("id", ID, nullable=False),
    Column("journey_id", ID, nullable=False),
    Column("version", Integer, nullable=False),
    Column("profile_id", ID, nullable=False),
    Column("user_id", Text),
    Column("instance", Text, nullable=False),
    Column("entry_id", Text, nullable=False),
    Column("entry", JSONB, nullable=False),
    Column("entered_at", AT, nullable=False),
    Column("place", Text),
    Column("since", AT, nullable=False),
    Column("resting", Boolean, nullable=False),
    Column("answered", Boolean, nullable=False),
    Column("heard", ARRAY(Text), nullable=False),
    Column("next_at", AT),
    Column("path", JSONB, nullable=False),
    Column("ended_at", AT),
    Column("reason", Text),
    PrimaryKeyConstraint("lane", "id"),
    Index("journey_runs_entry", "lane", "journey_id", "entry_id", unique=True),
    Index(
        "journey_runs_one",
        "lane",
        "journey_id",
        "profile_id",
        "instance",
        unique=True,
        postgresql_where=text("next_at IS NOT NULL"),
    ),
    Index("journey_runs_next", "lane", "journey_id", "next_at", postgresql_where=text("next_at IS NOT NULL")),
    Index("journey_runs_profile", "lane", "profile_id", "journey_id"),
    Index("journey_runs_journey", "lane", "journey_id", "id"),
)
# What happened to messages after they were sent, as providers and our own links tell it. `machine`: why it is taken for a machine's
# doing. `key`: the same for the same happening, however often it is told.
delivery_events = Table(
    "delivery_events",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("delivery_id", ID, nullable=False),
    Column("key", Text, nullable=False),
    Column("profile_id", ID, nullable=False),
    Column("campaign_id", ID, nullable=False),
    Column("kind", Text, nullable=False),
    Column("at", AT, nullable=False),
    Column("machine", Text),
    Column("detail", JSONB, nullable=False),
    Column("created_at", AT, nullable=False),
    PrimaryKeyConstraint("lane", "delivery_id", "key"),
    Index("delivery_events_profile", "lane", "profile_id"),
    Index("delivery_events_campaign", "lane", "campaign_id"),
)
# Tokens of webhooks that are signed without their content, each good for one: for a day. The lane is the token's.
hook_tokens = Table(
    "hook_tokens",
    metadata,
    Column("lane", SmallInteger, nullable=False),
    Column("token", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("at", AT, nullable=False),
    PrimaryKeyConstraint("lane", "token"),
    Index("hook_tokens_at", "lane", "at"),
)
