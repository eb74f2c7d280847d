"""Writing the log: dedup keys, sequence numbers, rows. One transaction may span lanes here (a group commit does)."""

import struct
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from services.events.domain.records import Record
from shared.plumbing.db import Connection
from shared.plumbing.lanes import take_sequences

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
COLUMNS = (
    "lane", "seq", "received_at", "source", "message_id", "type", "name", "user_id", "anonymous_id", "previous_id",
    "profile_id", "timestamp", "original_timestamp", "sent_at", "imported", "payload",
)  # fmt: skip


class Row(msgspec.Struct, gc=False):
    """A record ready to be written: where it lies, its dedup key, and its columns behind (lane, seq) as COPY takes them."""

    lane: int
    key_lane: int
    key: bytes
    received_at: datetime
    columns: bytes
    record: Record


def make_row(record: Record, *, lane: int, key_lane: int, key: bytes) -> Row:
    """Prepared while the group before is being committed, so that the transaction itself is short."""
    return Row(lane, key_lane, key, record.received_at, _columns(record), record)


async def insert_keys(tx: Connection, rows: Iterable[Row]) -> set[bytes]:
    """Remember the keys; returns those that are new. Sorted, so that two committers never wait for each other."""
    ordered = sorted(rows, key=lambda row: (row.key_lane, row.key))
    fresh = await tx.fetch(
        """INSERT INTO event_keys (lane, key, received_at)
           SELECT * FROM unnest($1::smallint[], $2::bytea[], $3::timestamptz[])
           ON CONFLICT DO NOTHING RETURNING key""",
        [row.key_lane for row in ordered],
        [row.key for row in ordered],
        [row.received_at for row in ordered],
    )
    return {row[0] for row in fresh}


async def append_rows(tx: Connection, rows: Sequence[Row]) -> None:
    """Append to the log, in the given order within each lane. Call it last: it takes the lanes' counters."""
    if not rows:
        return
    counts: dict[int, int] = {}
    for row in rows:
        counts[row.lane] = counts.get(row.lane, 0) + 1
    following = await take_sequences(tx, counts)
    await tx.copy_to_table("log", source=_copy_of(rows, following), columns=COLUMNS, format="binary")


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
    payload = record.payload
    return b"".join(
        (
            _time(record.received_at),
            _text(record.source),
            _text(record.message_id),
            _text(record.type),
            _text(record.name),
            _text(record.user_id),
            _text(record.anonymous_id),
            _text(record.previous_id),
            _uuid(record.profile_id),
            _time(record.timestamp),
            _time(record.original_timestamp),
            _time(record.sent_at),
            _TRUE if record.imported else _FALSE,
            _LENGTH(len(payload) + 1),
            b"\x01",  # the version of jsonb's binary form
            payload,
        )
    )


def _text(value: str | None) -> bytes:
    if value is None:
        return _NULL
    encoded = value.encode()
    return _LENGTH(len(encoded)) + encoded


def _time(value: datetime | None) -> bytes:
    if value is None:
        return _NULL
    since = value - EPOCH
    return _TIMES(8, (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)


def _uuid(value: UUID | None) -> bytes:
    return _NULL if value is None else _LENGTH(16) + value.bytes
