"""Where push messages can go. A device is one person's at a time: `contacts` leads from its token to whose it is."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from services.profiles.domain.devices import DeviceSeen
from services.profiles.domain.names import Name
from services.profiles.domain.people import Merged
from services.profiles.store.names import add_contacts, delete_contacts, find_contacts
from services.profiles.store.records import Final, owners
from shared.plumbing.db import Connection, Database
from shared.plumbing.lanes import by_lane, lane_of
from shared.schemas.recipients import Device

DEVICE = "device"
Seen = Mapping[tuple[UUID, str], DeviceSeen]


async def write_devices(tx: Connection, seen: Iterable[DeviceSeen], final: Final) -> None:
    """Devices as they were seen, the latest of each; removed ones are removed unless they were seen later."""
    newest: dict[tuple[UUID, str], DeviceSeen] = {}
    for each in seen:
        profile_id = final(each.profile_id)
        if profile_id is not None and ((held := newest.get((profile_id, each.token))) is None or held.at <= each.at):
            newest[profile_id, each.token] = each
    added = {key: each for key, each in newest.items() if not each.removed}
    if added:
        await _take_from_others(tx, added)
        await _upsert(tx, added)
    await _remove(tx, {key: each for key, each in newest.items() if each.removed})


async def _upsert(tx: Connection, added: Seen) -> None:
    await tx.executemany(
        """INSERT INTO devices (lane, profile_id, token, platform, app_version, added_at, seen_at)
           SELECT $1, profile_id, token, platform, app_version, at, at
           FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])
             AS seen (profile_id, token, platform, app_version, at)
           ON CONFLICT (lane, profile_id, token) DO UPDATE SET platform = coalesce(excluded.platform, devices.platform),
             app_version = coalesce(excluded.app_version, devices.app_version), seen_at = excluded.seen_at
           WHERE devices.seen_at < excluded.seen_at""",
        [
            (
                lane,
                [profile_id for profile_id, _ in group],
                [token for _, token in group],
                [added[key].platform for key in group],
                [added[key].app_version for key in group],
                [added[key].at for key in group],
            )
            for lane, group in by_lane(sorted(added), lambda key: lane_of(key[0]))
        ],
    )
    await add_contacts(tx, [(Name(DEVICE, token), profile_id) for profile_id, token in added])


async def _take_from_others(tx: Connection, added: Seen) -> None:
    """Whoever else had one of these devices has it no more: what is pushed there would be read by another."""
    held = await find_contacts(tx, {Name(DEVICE, token) for _, token in added})
    others = {(profile_id, name.value) for name, profile_id in held} - added.keys()
    await _delete(tx, others)


async def _remove(tx: Connection, removed: Seen) -> None:
    if not removed:
        return
    rows = await tx.fetchmany(
        """DELETE FROM devices USING unnest($2::uuid[], $3::text[], $4::timestamptz[]) AS gone (profile_id, token, at)
           WHERE lane = $1 AND devices.profile_id = gone.profile_id AND devices.token = gone.token
             AND devices.seen_at <= gone.at RETURNING devices.profile_id, devices.token""",
        [
            (lane, [key[0] for key in group], [key[1] for key in group], [removed[key].at for key in group])
            for lane, group in by_lane(sorted(removed), lambda key: lane_of(key[0]))
        ],
    )
    await delete_contacts(tx, [(Name(DEVICE, row["token"]), row["profile_id"]) for row in rows])


async def _delete(tx: Connection, keys: Iterable[tuple[UUID, str]]) -> None:
    ordered = sorted(keys)
    await tx.executemany(
        """DELETE FROM devices USING unnest($2::uuid[], $3::text[]) AS gone (profile_id, token)
           WHERE lane = $1 AND devices.profile_id = gone.profile_id AND devices.token = gone.token""",
        [
            (lane, [key[0] for key in group], [key[1] for key in group])
            for lane, group in by_lane(ordered, lambda key: lane_of(key[0]))
        ],
    )
    await delete_contacts(tx, [(Name(DEVICE, token), profile_id) for profile_id, token in ordered])


async def move_devices(tx: Connection, merges: Sequence[Merged], final: Final) -> None:
    """Hand the losers' devices to those who stand for them now."""
    into = {merged.loser_id: stays for merged in merges if (stays := final(merged.loser_id)) is not None}
    for loser in await owners(tx, "devices", into):
        rows = await tx.fetch(
            "DELETE FROM devices WHERE lane = $1 AND profile_id = $2 RETURNING token, platform, app_version, seen_at",
            lane_of(loser),
            loser,
        )
        await delete_contacts(tx, [(Name(DEVICE, row["token"]), loser) for row in rows])
        stays = into[loser]
        moved = [DeviceSeen(stays, row["token"], row["platform"], row["app_version"], row["seen_at"]) for row in rows]
        await _upsert(tx, {(stays, each.token): each for each in moved})


async def forget_devices(tx: Connection, profile_ids: Sequence[UUID]) -> list[str]:
    """Delete all devices of these profiles. Returns their tokens."""
    rows = await tx.fetchmany(
        "DELETE FROM devices WHERE lane = $1 AND profile_id = ANY($2::uuid[]) RETURNING profile_id, token",
        by_lane(sorted(profile_ids), lane_of),
    )
    await delete_contacts(tx, [(Name(DEVICE, row["token"]), row["profile_id"]) for row in rows])
    return [row["token"] for row in rows]


async def read_devices(tx: "Database | Connection", profile_ids: Iterable[UUID]) -> dict[UUID, tuple[Device, ...]]:
    """The devices of each profile, the one seen last first."""
    ids = list(profile_ids)
    rows = await tx.fetch(
        """SELECT profile_id, token, platform, app_version FROM devices
           WHERE lane = ANY($1::smallint[]) AND profile_id = ANY($2::uuid[]) ORDER BY profile_id, seen_at DESC, token""",
        sorted({lane_of(profile_id) for profile_id in ids}),
        ids,
    )
    found: dict[UUID, tuple[Device, ...]] = {}
    for row in rows:
        device = Device(token=row["token"], platform=row["platform"], app_version=row["app_version"])
        found[row["profile_id"]] = (*found.get(row["profile_id"], ()), device)
    return found
