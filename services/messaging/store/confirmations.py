"""Addresses whose owners have confirmed them, by keyed hash; the lane is the address's."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.messaging.store.catalogue import Fetcher
from shared.plumbing.db import Connection
from shared.plumbing.lanes import by_lane, lane_of, lane_of_text


async def confirm_address(tx: Connection, *, channel: str, address_hash: str, purpose: str, at: datetime) -> None:
    """It is confirmed from now on."""
    await tx.execute(
        """INSERT INTO confirmed_addresses (lane, channel, address_hash, purpose, confirmed_at)
           VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING""",
        lane_of_text(channel, address_hash),
        channel,
        address_hash,
        purpose,
        at,
    )


async def read_confirmed(tx: Fetcher, asked: Sequence[tuple[str, str]]) -> dict[tuple[str, str], set[str]]:
    """By channel and address hash: the purposes."""
    rows = await tx.fetch(
        """SELECT channel, address_hash, purpose
           FROM unnest($1::smallint[], $2::text[], $3::text[]) AS asked (lane, channel, address_hash)
           JOIN confirmed_addresses USING (lane, channel, address_hash)""",
        [lane_of_text(*one) for one in asked],
        [channel for channel, _ in asked],
        [hashed for _, hashed in asked],
    )
    found: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        found.setdefault((row["channel"], row["address_hash"]), set()).add(row["purpose"])
    return found


async def read_questions(tx: Connection, asked: Sequence[tuple[UUID, UUID]]) -> list[tuple[UUID, UUID, str, datetime]]:
    """For pairs of a profile and a campaign that asks: with the address that was asked, and when. Without those that failed."""
    rows = await tx.fetchmany(
        """SELECT profile_id, campaign_id, address, at FROM deliveries
           WHERE lane = $1 AND profile_id = $2 AND campaign_id = $3 AND status IN ('sent', 'sending', 'unknown')""",
        sorted((lane_of(profile_id), profile_id, campaign_id) for profile_id, campaign_id in set(asked)),
    )
    return [(row["profile_id"], row["campaign_id"], row["address"], row["at"]) for row in rows]


async def forget_confirmations(tx: Connection, addresses: Sequence[tuple[str, str]]) -> None:
    """Of people who are erased: whoever comes back is asked anew."""
    await tx.executemany(
        "DELETE FROM confirmed_addresses WHERE lane = $1 AND channel = $2 AND address_hash = $3",
        [
            (lane, channel, hashed)
            for lane, group in by_lane(sorted(set(addresses)), lambda one: lane_of_text(*one))
            for channel, hashed in group
        ],
    )
