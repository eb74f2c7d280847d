"""Writing the log: dedup keys, sequence numbers, rows. One transaction may span lanes here (a group commit does)."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain

from services.events.domain.dedup import KEY_LANES, KEY_SIZE, key_lane
from services.events.store.copying import COLUMNS, Rows, copy_of
from shared.plumbing.db import Connection, Database
from shared.plumbing.lanes import take_sequences

FEW_LANES = 8

# The keys of one instant travel as one value, which is a third of the work of an array. They are sorted, so that two
# committers never wait for each other.
_INSERT_KEYS = f"""INSERT INTO event_keys (lane, key, received_at)
    SELECT get_byte(key, 0) % {KEY_LANES}, key, received_at
    FROM unnest($1::bytea[], $2::timestamptz[]) AS instants (keys, received_at),
    LATERAL (SELECT substring(keys FROM start FOR {KEY_SIZE}) AS key
             FROM generate_series(1, length(keys), {KEY_SIZE}) AS start) AS each
    ORDER BY 1, 2"""


async def insert_new_keys(tx: Connection, parts: Iterable[Rows]) -> None:
    """Remember the keys. Raises UniqueViolationError if one of them is known, or twice among these: the transaction is
    lost then.

    It costs half of what `insert_keys` costs.
    """
    await tx.execute(_INSERT_KEYS, *_by_instant(parts))


async def insert_keys(tx: Connection, parts: Iterable[Rows]) -> set[bytes]:
    """Remember the keys; returns those that are new."""
    fresh = await tx.fetch(f"{_INSERT_KEYS} ON CONFLICT DO NOTHING RETURNING key", *_by_instant(parts))
    return {row[0] for row in fresh}


async def known_keys(db: "Database | Connection", keys: Sequence[bytes]) -> set[bytes]:
    """Those of the keys that are remembered."""
    rows = await db.fetch(
        "SELECT key FROM event_keys WHERE lane = ANY($1::smallint[]) AND key = ANY($2::bytea[])",
        sorted(set(map(key_lane, keys))),
        keys,
    )
    return {row["key"] for row in rows}


def _by_instant(parts: Iterable[Rows]) -> tuple[list[bytes], list[datetime]]:
    filled = [rows for rows in parts if rows.keys]
    return [b"".join(rows.keys) for rows in filled], [rows.received_at for rows in filled]


async def append_rows(tx: Connection, parts: Sequence[Rows]) -> None:
    """Append to the log, in the given order within each lane. Call it last: it takes the lanes' counters."""
    counts = Counter(chain.from_iterable(rows.lanes for rows in parts))
    if not counts:
        return
    first = await (_take_many if len(counts) > FEW_LANES else take_sequences)(tx, counts)
    await tx.copy_to_table("log", source=copy_of(parts, first), columns=COLUMNS, format="binary")


async def _take_many(tx: Connection, counts: Mapping[int, int]) -> dict[int, int]:
    """As `take_sequences`, for a group with rows of nearly all lanes: one statement, which locks them in lane order.

    It takes a sixth of the time of one statement a lane. Scaled out, a statement can't lock rows of several machines: there
    a group is a few lanes, and takes `take_sequences`.
    """
    rows = await tx.fetch(
        """UPDATE lane_heads SET seq = lane_heads.seq + wanted.count
           FROM (SELECT lane FROM lane_heads WHERE lane = ANY($1::smallint[]) ORDER BY lane FOR UPDATE) AS locked
           JOIN unnest($1::smallint[], $2::bigint[]) AS wanted (lane, count) USING (lane)
           WHERE lane_heads.lane = locked.lane RETURNING lane_heads.lane, lane_heads.seq""",
        list(counts),
        list(counts.values()),
    )
    return {lane: seq - counts[lane] + 1 for lane, seq in rows}
