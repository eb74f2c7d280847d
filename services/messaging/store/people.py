"""Profiles that messaging has met: the rows their claims are serialised by, merges, erasure."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from services.messaging.store.households import discount_deliveries
from shared.plumbing.db import Connection, array_of
from shared.plumbing.lanes import by_lane, lane_of

MOVED = {
    "sends": "id, campaign_id, campaign, user_id, trigger_id, trigger_at, trigger, state, due_at, next_at, attempts, "
    "claimed_until, claimed_by, decision, reason, facts, variant, delivery_id, decided_at, converted_at, revenue, tried, "
    "first_due_at, created_at",
    "deliveries": "id, send_id, campaign_id, campaign, channel, purpose, template, template_version, address, content, "
    "provider, status, answer, at, household",
    "delivery_events": "delivery_id, key, campaign_id, kind, at, machine, detail, tell_at, created_at",
    "memberships_seen": "segment, change, at",
    "journey_runs": "id, journey_id, version, user_id, instance, entry_id, entry, entered_at, place, since, resting, answered, "
    "heard, next_at, path, ended_at, reason",
    "tasks": "id, campaign_id, campaign, user_id, title, team, state, due_at, expires_at, created_at, taken_by, taken_at, done_at, "
    "outcome, history",
    "consent_outbox": "id, purpose, channel, status, source, at, created_at, told_at",
    "preference_outbox": "id, topics, contact_windows, first_channel, locale, at, created_at, told_at",
}
"""Tables whose rows follow a profile into its survivor's lane, with their other columns."""

NAMED = tuple(table for table, columns in MOVED.items() if "user_id" in columns.split(", "))
"""Those that say by which user id the profile is known."""

KEYED_BY_PROFILE = frozenset({"memberships_seen"})
"""Those with the profile in their key: of two rows for the same thing the survivor's own stays."""


async def meet(tx: Connection, profile_ids: Iterable[UUID]) -> dict[UUID, UUID | None]:
    """Who each of these is now (None: erased), with their rows locked to commit, made where there were none."""
    current: dict[UUID, UUID | None] = {}
    asked = {profile_id: profile_id for profile_id in profile_ids}
    while asked:
        rows = await _lock(tx, set(asked.values()))
        following: dict[UUID, UUID] = {}
        for first, profile_id in asked.items():
            merged_into, erased = rows[profile_id]
            if merged_into is not None and not erased:
                following[first] = merged_into
            else:
                current[first] = None if erased else profile_id
        asked = following
    return current


async def _lock(tx: Connection, profile_ids: Collection[UUID]) -> dict[UUID, tuple[UUID | None, bool]]:
    found = await _lock_known(tx, profile_ids)
    while missing := [one for one in profile_ids if one not in found]:
        await tx.executemany(
            """INSERT INTO people (lane, profile_id) SELECT $1, profile_id FROM unnest($2::text::uuid[]) AS profile_id
               ON CONFLICT DO NOTHING""",
            [(lane, array_of(sorted(group))) for lane, group in by_lane(missing, lane_of)],
        )
        found |= await _lock_known(tx, missing)
    return found


async def _lock_known(tx: Connection, profile_ids: Collection[UUID]) -> dict[UUID, tuple[UUID | None, bool]]:
    rows = await tx.fetchmany(
        """SELECT profile_id, merged_into, erased_at FROM people WHERE lane = $1 AND profile_id = ANY($2::text::uuid[])
           ORDER BY profile_id FOR UPDATE""",
        [(lane, array_of(sorted(group))) for lane, group in by_lane(profile_ids, lane_of)],
    )
    return {row["profile_id"]: (row["merged_into"], row["erased_at"] is not None) for row in rows}


async def merge(tx: Connection, *, loser: UUID, survivor: UUID) -> None:
    """Everything of the loser becomes the survivor's; whatever still arrives for the loser is led there."""
    await tx.execute(
        "UPDATE people SET merged_into = $3 WHERE lane = $1 AND profile_id = $2", lane_of(loser), loser, survivor
    )
    for table, columns in MOVED.items():
        if lane_of(loser) == lane_of(survivor) and table not in KEYED_BY_PROFILE:
            # They stay where they are: a copy would meet itself under its own key.
            await tx.execute(
                f"UPDATE {table} SET profile_id = $3 WHERE lane = $1 AND profile_id = $2",
                lane_of(loser),
                loser,
                survivor,
            )
            continue
        await tx.execute(
            f"""INSERT INTO {table} (lane, profile_id, {columns})
                SELECT $3, $4, {columns} FROM {table} WHERE lane = $1 AND profile_id = $2 ON CONFLICT DO NOTHING""",
            lane_of(loser),
            loser,
            lane_of(survivor),
            survivor,
        )
        await tx.execute(f"DELETE FROM {table} WHERE lane = $1 AND profile_id = $2", lane_of(loser), loser)


async def name(tx: Connection, profile_id: UUID, user_id: str | None) -> None:
    """Whatever is there of a profile says that it is known by this user id."""
    for table in NAMED:
        await tx.execute(
            f"""UPDATE {table} SET user_id = $3
                WHERE lane = $1 AND profile_id = $2 AND user_id IS DISTINCT FROM $3::text""",
            lane_of(profile_id),
            profile_id,
            user_id,
        )


async def erase(tx: Connection, profile_ids: Sequence[UUID], *, at: datetime) -> None:
    """Delete everything of a person. What remains is that these random ids stand for nobody."""
    ordered = sorted(profile_ids, key=lambda one: (lane_of(one), one))
    counted = await tx.fetchmany(
        "SELECT household, id FROM deliveries WHERE lane = $1 AND profile_id = $2 AND household IS NOT NULL",
        [(lane_of(profile_id), profile_id) for profile_id in ordered],
    )
    await discount_deliveries(tx, [(row["household"], row["id"]) for row in counted])
    for profile_id in ordered:
        for table in (*MOVED, "feed", "parked"):
            await tx.execute(
                f"DELETE FROM {table} WHERE lane = $1 AND profile_id = $2", lane_of(profile_id), profile_id
            )
        await tx.execute(
            """INSERT INTO people (lane, profile_id, erased_at) VALUES ($1, $2, $3)
               ON CONFLICT (lane, profile_id) DO UPDATE SET erased_at = excluded.erased_at, merged_into = NULL""",
            lane_of(profile_id),
            profile_id,
            at,
        )
