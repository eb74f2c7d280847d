"""Writing the log: dedup keys, sequence numbers, rows. One transaction may span lanes here (a group commit does)."""

import struct
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from services.events.domain.dedup import KEY_LANES, KEY_SIZE
from services.events.domain.records import Record
from shared.plumbing.db import Connection
from shared.plumbing.lanes import take_sequences

FEW_LANES = 8
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
# Those that the rows of a request have in common, of few values, and all others.
COLUMNS = (
    "lane", "seq", "received_at", "sent_at", "source", "imported", "type", "name", "message_id", "user_id", "anonymous_id",
    "previous_id", "profile_id", "timestamp", "original_timestamp", "payload",
)  # fmt: skip


class Row(msgspec.Struct, gc=False):
    """A record ready to be written: where it lies, its dedup key, and its columns behind (lane, seq) as COPY takes them."""

    lane: int
    key: bytes
    received_at: datetime
    columns: bytes
    record: Record


def make_row(record: Record, *, lane: int, key: bytes) -> Row:
    """Prepared while the group before is being committed, so that the transaction itself is short."""
    return Row(lane, key, record.received_at, _columns(record), record)


# The keys of one instant travel as one value, which is a third of the work of an array. They are sorted, so that two
# committers never wait for each other.
_INSERT_KEYS = f"""INSERT INTO event_keys (lane, key, received_at)
    SELECT get_byte(key, 0) % {KEY_LANES}, key, received_at
    FROM unnest($1::bytea[], $2::timestamptz[]) AS instants (keys, received_at),
    LATERAL (SELECT substring(keys FROM start FOR {KEY_SIZE}) AS key
             FROM generate_series(1, length(keys), {KEY_SIZE}) AS start) AS each
    ORDER BY 1, 2"""


async def insert_new_keys(tx: Connection, rows: Iterable[Row]) -> None:
    """Remember the keys. Raises UniqueViolationError if one of them is known: the transaction is lost then.

    It costs half of what `insert_keys` costs.
    """
    await tx.execute(_INSERT_KEYS, *_by_instant(rows))


async def insert_keys(tx: Connection, rows: Iterable[Row]) -> set[bytes]:
    """Remember the keys; returns those that are new."""
    fresh = await tx.fetch(f"{_INSERT_KEYS} ON CONFLICT DO NOTHING RETURNING key", *_by_instant(rows))
    return {row[0] for row in fresh}


def _by_instant(rows: Iterable[Row]) -> tuple[list[bytes], list[datetime]]:
    groups: dict[datetime, list[bytes]] = {}
    for row in rows:
        groups.setdefault(row.received_at, []).append(row.key)
    return [b"".join(keys) for keys in groups.values()], list(groups)


async def append_rows(tx: Connection, rows: Sequence[Row]) -> None:
    """Append to the log, in the given order within each lane. Call it last: it takes the lanes' counters."""
    if not rows:
        return
    counts: dict[int, int] = {}
    for row in rows:
        counts[row.lane] = counts.get(row.lane, 0) + 1
    following = await (_take_many if len(counts) > FEW_LANES else take_sequences)(tx, counts)
    await tx.copy_to_table("log", source=_copy_of(rows, following), columns=COLUMNS, format="binary")


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


# --- COPY's binary format, written out: twice as fast as the driver's general way

_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_TRAILER = b"\xff\xff"
_START = struct.Struct(">hihiq").pack  # number of columns, lane, seq
_TIMES = struct.Struct(">iq").pack
_LENGTH = struct.Struct(">i").pack
_NULL = _LENGTH(-1)
_TRUE, _FALSE = _LENGTH(1) + b"\x01", _LENGTH(1) + b"\x00"


async def _copy_of(rows: Sequence[Row], following: dict[int, int]) -> AsyncIterator[bytes]:
    parts = [_HEADER]
    for row in rows:
        seq = following[row.lane]
        following[row.lane] = seq + 1
        parts += (_START(len(COLUMNS), 2, row.lane, 8, seq), row.columns)
    parts.append(_TRAILER)
    yield b"".join(parts)


def _columns(record: Record) -> bytes:
    """Measured: written out like this it takes half the time of one call a column."""
    message_id = record.message_id.encode()
    original = record.original_timestamp
    return b"".join(
        (
            _of_request(record.received_at, record.sent_at, record.source, record.imported),
            _of_kind(record.type, record.name),
            _LENGTH(len(message_id)),
            message_id,
            _NULL if record.user_id is None else _text(record.user_id),
            _NULL if record.anonymous_id is None else _text(record.anonymous_id),
            _NULL if record.previous_id is None else _text(record.previous_id),
            _NULL if record.profile_id is None else _LENGTH(16) + record.profile_id.bytes,
            _time(record.timestamp),
            _NULL if original is None else _time(original),
            _LENGTH(len(record.payload)),
            record.payload,
        )
    )


@lru_cache(maxsize=64)
def _of_request(received_at: datetime, sent_at: datetime | None, source: str, imported: bool) -> bytes:
    sent = _NULL if sent_at is None else _time(sent_at)
    return _time(received_at) + sent + _text(source) + (_TRUE if imported else _FALSE)


@lru_cache(maxsize=4096)
def _of_kind(kind: str, name: str | None) -> bytes:
    return _text(kind) + (_NULL if name is None else _text(name))


def _text(value: str) -> bytes:
    encoded = value.encode()
    return _LENGTH(len(encoded)) + encoded


def _time(value: datetime) -> bytes:
    since = value - EPOCH
    return _TIMES(8, (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)
