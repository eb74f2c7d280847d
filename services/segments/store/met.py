"""What was ever met among the events: their names, by hash, and the currencies of completed orders, by marks."""

from collections.abc import Collection, Iterable, Mapping
from hashlib import sha256
from operator import itemgetter

from services.segments.domain.currencies import Mark
from shared.plumbing.db import Connection
from shared.plumbing.lanes import by_lane, lane_of_text


def name_key(name: str) -> tuple[int, bytes]:
    """Lane and hash: a name may tell of a person, and outlives them here."""
    return lane_of_text(name), sha256(name.encode()).digest()[:16]


async def insert_names(tx: Connection, names: Iterable[str]) -> set[str]:
    """Those that were not there yet."""
    keys = {name_key(name): name for name in names}
    rows = await tx.fetchmany(
        """INSERT INTO event_names (lane, hash) SELECT $1, * FROM unnest($2::bytea[])
           ON CONFLICT DO NOTHING RETURNING lane, hash""",
        [(lane, [hashed for _, hashed in group]) for lane, group in by_lane(sorted(keys), itemgetter(0))],
    )
    return {keys[row["lane"], row["hash"]] for row in rows}


async def met_names(tx: Connection, names: Collection[str]) -> set[str]:
    """Of these names, those that any event ever had."""
    keys = {name_key(name): name for name in names}
    rows = await tx.fetch(
        "SELECT lane, hash FROM unnest($1::smallint[], $2::bytea[]) AS wanted (lane, hash) JOIN event_names USING (lane, hash)",
        [lane for lane, _ in keys],
        [hashed for _, hashed in keys],
    )
    return {keys[row["lane"], row["hash"]] for row in rows}


async def raise_marks(tx: Connection, ranks: Mapping[Mark, int]) -> set[Mark]:
    """Those that were not there, or of a lower rank."""
    rows = await tx.fetchmany(
        """INSERT INTO currency_marks (lane, currency, slot, rank)
           SELECT $1, * FROM unnest($2::text[], $3::smallint[], $4::smallint[])
           ON CONFLICT (lane, currency, slot) DO UPDATE SET rank = excluded.rank
           WHERE currency_marks.rank < excluded.rank RETURNING lane, currency, slot""",
        [
            (lane, [mark.currency for mark in group], [mark.slot for mark in group], [ranks[mark] for mark in group])
            for lane, group in by_lane(sorted(ranks), lambda mark: mark.lane)
        ],
    )
    return {Mark(*row) for row in rows}


async def marks(tx: Connection) -> dict[Mark, int]:
    """All, with their ranks."""
    rows = await tx.fetch("SELECT lane, currency, slot, rank FROM currency_marks")
    return {Mark(lane, currency, slot): rank for lane, currency, slot, rank in rows}


async def ranks_by_currency(tx: Connection) -> dict[str, list[int]]:
    """By currency."""
    rows = await tx.fetch(
        "SELECT currency, array_agg(rank) AS ranks FROM currency_marks GROUP BY currency ORDER BY currency"
    )
    return {row["currency"]: row["ranks"] for row in rows}
