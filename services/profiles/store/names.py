"""Where names lead: read, claimed, changed. Always set-based, one lane a statement where something is written."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from services.profiles.domain.names import Name
from services.profiles.domain.people import Erased
from services.profiles.domain.profile import Held
from shared.plumbing.db import Connection
from shared.plumbing.lanes import by_lane, lane_of, lane_of_text


def lane_of_name(name: Name) -> int:
    """The lane in which a name is looked up."""
    return lane_of_text(name.namespace, name.value)


async def find_names(tx: Connection, names: Iterable[Name]) -> dict[Name, UUID]:
    """The profiles these names lead to, where they lead anywhere."""
    wanted = list(names)
    rows = await tx.fetch(
        """SELECT namespace, value, profile_id
           FROM unnest($1::smallint[], $2::text[], $3::text[]) AS wanted (lane, namespace, value)
           JOIN identifiers USING (lane, namespace, value)""",
        [lane_of_name(name) for name in wanted],
        [name.namespace for name in wanted],
        [name.value for name in wanted],
    )
    return {Name(row["namespace"], row["value"]): row["profile_id"] for row in rows}


async def claim_names(tx: Connection, claims: Mapping[Name, UUID]) -> set[Name]:
    """Make new names lead to these ids; returns those that nobody else had. Waits for others who claim the same.

    In the order of the key, so that two who claim the same names do not wait for each other in a circle.
    """
    rows = await tx.fetchmany(
        """INSERT INTO identifiers (lane, namespace, value, profile_id)
           SELECT $1, * FROM unnest($2::text[], $3::text[], $4::uuid[])
           ON CONFLICT DO NOTHING RETURNING namespace, value""",
        [
            (lane, [n.namespace for n in group], [n.value for n in group], [claims[n] for n in group])
            for lane, group in by_lane(sorted(claims), lane_of_name)
        ],
    )
    return {Name(row["namespace"], row["value"]) for row in rows}


async def lead_names(tx: Connection, leads: Mapping[Name, UUID]) -> None:
    """Make names that lead somewhere lead to these profiles instead."""
    await tx.executemany(
        """UPDATE identifiers SET profile_id = led.profile_id
           FROM unnest($2::text[], $3::text[], $4::uuid[]) AS led (namespace, value, profile_id)
           WHERE identifiers.lane = $1 AND identifiers.namespace = led.namespace AND identifiers.value = led.value""",
        [
            (lane, [n.namespace for n in group], [n.value for n in group], [leads[n] for n in group])
            for lane, group in by_lane(sorted(leads), lane_of_name)
        ],
    )


async def delete_names(tx: Connection, names: Iterable[Name]) -> None:
    """Make names lead nowhere."""
    await tx.executemany(
        """DELETE FROM identifiers USING unnest($2::text[], $3::text[]) AS gone (namespace, value)
           WHERE identifiers.lane = $1 AND identifiers.namespace = gone.namespace AND identifiers.value = gone.value""",
        [
            (lane, [n.namespace for n in group], [n.value for n in group])
            for lane, group in by_lane(sorted(names), lane_of_name)
        ],
    )


async def read_held(tx: Connection, profile_ids: Iterable[UUID]) -> dict[UUID, dict[Name, Held]]:
    """The names of these profiles, in their order."""
    ids = list(profile_ids)
    rows = await tx.fetch(
        """SELECT profile_id, namespace, value, shown, position, first_seen_at FROM profile_identifiers
           WHERE lane = ANY($1::smallint[]) AND profile_id = ANY($2::uuid[]) ORDER BY profile_id, position""",
        sorted({lane_of(profile_id) for profile_id in ids}),
        ids,
    )
    held: dict[UUID, dict[Name, Held]] = {}
    for row in rows:
        name = Name(row["namespace"], row["value"])
        held.setdefault(row["profile_id"], {})[name] = Held(row["first_seen_at"], row["shown"], row["position"])
    return held


HeldName = tuple[UUID, Name, Held]
"""profile, name, how it is held"""


async def write_held(tx: Connection, held: Iterable[HeldName]) -> None:
    """Write what profiles are called."""
    await tx.executemany(
        """INSERT INTO profile_identifiers (lane, profile_id, namespace, value, position, shown, first_seen_at)
           SELECT $1, * FROM unnest($2::uuid[], $3::text[], $4::text[], $5::int[], $6::boolean[], $7::timestamptz[])
           ON CONFLICT (lane, profile_id, namespace, value)
           DO UPDATE SET position = excluded.position, shown = excluded.shown""",
        [
            (
                lane,
                [row[0] for row in group],
                [row[1].namespace for row in group],
                [row[1].value for row in group],
                [row[2].position for row in group],
                [row[2].shown for row in group],
                [row[2].first_seen_at for row in group],
            )
            for lane, group in by_lane(held, lambda row: lane_of(row[0]))
        ],
    )


async def delete_held(tx: Connection, gone: Iterable[tuple[UUID, Name]]) -> None:
    """Profiles that are not called so any more."""
    await tx.executemany(
        """DELETE FROM profile_identifiers AS held
           USING unnest($2::uuid[], $3::text[], $4::text[]) AS gone (profile_id, namespace, value)
           WHERE held.lane = $1 AND held.profile_id = gone.profile_id
             AND held.namespace = gone.namespace AND held.value = gone.value""",
        [
            (lane, [row[0] for row in group], [row[1].namespace for row in group], [row[1].value for row in group])
            for lane, group in by_lane(gone, lambda row: lane_of(row[0]))
        ],
    )


# --- contact points: lookup keys, of any number of profiles


async def find_contacts(tx: Connection, contacts: Iterable[Name]) -> list[tuple[Name, UUID]]:
    """Who can be reached there."""
    wanted = list(contacts)
    rows = await tx.fetch(
        """SELECT namespace, value, profile_id
           FROM unnest($1::smallint[], $2::text[], $3::text[]) AS wanted (lane, namespace, value)
           JOIN contacts USING (lane, namespace, value)""",
        [lane_of_name(contact) for contact in wanted],
        [contact.namespace for contact in wanted],
        [contact.value for contact in wanted],
    )
    return [(Name(row["namespace"], row["value"]), row["profile_id"]) for row in rows]


async def add_contacts(tx: Connection, pairs: Iterable[tuple[Name, UUID]]) -> None:
    """Profiles that can be reached there."""
    await tx.executemany(
        """INSERT INTO contacts (lane, namespace, value, profile_id)
           SELECT $1, * FROM unnest($2::text[], $3::text[], $4::uuid[]) ON CONFLICT DO NOTHING""",
        _contact_arguments(pairs),
    )


async def delete_contacts(tx: Connection, pairs: Iterable[tuple[Name, UUID]]) -> None:
    """Profiles that can't be reached there any more."""
    await tx.executemany(
        """DELETE FROM contacts USING unnest($2::text[], $3::text[], $4::uuid[]) AS gone (namespace, value, profile_id)
           WHERE contacts.lane = $1 AND contacts.namespace = gone.namespace AND contacts.value = gone.value
             AND contacts.profile_id = gone.profile_id""",
        _contact_arguments(pairs),
    )


def _contact_arguments(pairs: Iterable[tuple[Name, UUID]]) -> list[tuple[object, ...]]:
    return [
        (lane, [n.namespace for n, _ in group], [n.value for n, _ in group], [profile_id for _, profile_id in group])
        for lane, group in by_lane(sorted(pairs), lambda pair: lane_of_name(pair[0]))
    ]


# --- names of erased people


async def read_last_erasure(tx: Connection) -> datetime | None:
    """When somebody was last erased."""
    at: datetime | None = await tx.fetchval("SELECT max(erased_at) FROM erased_identifiers")
    return at


async def find_erased(tx: Connection, hashes: Mapping[bytes, Name]) -> dict[Name, Erased]:
    """Which of these names, given by their hash, were an erased person's."""
    rows = await tx.fetch(
        """SELECT hash, profile_id, erased_at FROM unnest($1::smallint[], $2::bytea[]) AS wanted (lane, hash)
           JOIN erased_identifiers USING (lane, hash)""",
        [lane_of_name(name) for name in hashes.values()],
        list(hashes),
    )
    return {hashes[row["hash"]]: Erased(row["profile_id"], row["erased_at"]) for row in rows}


async def write_erased(tx: Connection, erased: Mapping[Name, tuple[bytes, Erased]]) -> None:
    """Remember names of erased people by their hash, the latest time of each."""
    await tx.executemany(
        """INSERT INTO erased_identifiers (lane, hash, profile_id, erased_at)
           SELECT $1, * FROM unnest($2::bytea[], $3::uuid[], $4::timestamptz[])
           ON CONFLICT (lane, hash) DO UPDATE SET profile_id = excluded.profile_id, erased_at = excluded.erased_at
           WHERE erased_identifiers.erased_at < excluded.erased_at""",
        [
            (
                lane,
                [erased[n][0] for n in group],
                [erased[n][1].profile_id for n in group],
                [erased[n][1].at for n in group],
            )
            for lane, group in by_lane(sorted(erased), lane_of_name)
        ],
    )
