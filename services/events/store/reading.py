"""Reading the log as a feed: what comes after the cursors, lane by lane."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from shared.plumbing import json
from shared.plumbing.db import Database
from shared.plumbing.feed import BEHIND, Item
from shared.schemas.replay import LogRequest

OVERLAP = timedelta(days=1)
"""Rows of a lane are written in the order of their numbers, but received a little out of order."""

_BEGINNING = datetime(1900, 1, 1, tzinfo=UTC)

_HEAD = (
    "source", "message_id", "type", "name", "user_id", "anonymous_id", "previous_id", "profile_id", "timestamp",
    "original_timestamp", "sent_at", "received_at", "imported",
)  # fmt: skip
_COLUMNS = f"lane, seq, {', '.join(_HEAD)}, payload::text AS payload"


class LogReading:
    """Serves the log through the feed. Remembers how far it has served, to leave out the months before."""

    def __init__(self) -> None:
        self._served: dict[int, tuple[int, datetime]] = {}

    async def __call__(self, db: Database, cursors: Mapping[int, int], limit: int) -> list[Item]:
        """What comes after the cursors: in order within a lane, no lane starved."""
        rows = await db.fetch(
            f"""{BEHIND}
               SELECT next.* FROM behind JOIN unnest($1::smallint[], $4::timestamptz[]) AS bounds (lane, bound) USING (lane),
               LATERAL (SELECT {_COLUMNS}
                        FROM log WHERE log.lane = behind.lane AND log.seq > behind.seq AND log.received_at >= bound
                        ORDER BY log.seq LIMIT (SELECT share FROM shares)) AS next""",
            list(cursors),
            list(cursors.values()),
            limit,
            [self._bound(lane, seq) for lane, seq in cursors.items()],
        )
        for row in rows:
            self._served[row["lane"]] = (row["seq"], row["received_at"])
        return [Item(row["lane"], row["seq"], _message(row)) for row in rows]

    def _bound(self, lane: int, seq: int) -> datetime:
        """Nothing behind this cursor was received before this."""
        served = self._served.get(lane)
        return served[1] - OVERLAP if served and served[0] <= seq else _BEGINNING


async def find_oldest(db: Database, cursors: Mapping[int, int]) -> datetime | None:
    """When the oldest row of the log beyond these cursors was received."""
    oldest: datetime | None = await db.fetchval(
        """SELECT min(next.received_at) FROM unnest($1::smallint[], $2::bigint[]) AS after (lane, seq),
           LATERAL (SELECT received_at FROM log WHERE log.lane = after.lane AND log.seq > after.seq
                    ORDER BY log.seq LIMIT 1) AS next""",
        list(cursors),
        list(cursors.values()),
    )
    return oldest


async def read_part(db: Database, part: LogRequest) -> list[Item]:
    """A part of a lane, in its order."""
    rows = await db.fetch(
        f"""SELECT {_COLUMNS} FROM log
            WHERE lane = $1 AND seq > $2 AND seq <= $3 AND received_at >= $4 AND received_at < $5 ORDER BY seq LIMIT $6""",
        part.lane,
        part.after,
        part.until,
        part.since,
        part.before,
        part.limit,
    )
    return [Item(row["lane"], row["seq"], _message(row)) for row in rows]


def _message(row: asyncpg.Record) -> str:
    """The RawMessage as JSON text: the payload's members are put behind the columns', unread."""
    head: dict[str, Any] = {name: value for name in _HEAD if (value := row[name]) is not None}
    payload: str = row["payload"]
    text = json.dumps_text(head)
    return text if payload == "{}" else f"{text[:-1]},{payload[1:]}"
