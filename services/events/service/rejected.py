"""Messages that could not be used: looked at, mended, tried again."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from services.events.domain.message import read_message
from services.events.domain.plan import REASON, Plans
from services.events.domain.records import Limits, Origin, Record, Refusal
from services.events.service.ingest import UNSTORABLE
from services.events.service.schemas import EventSchemas, judge_each
from services.events.store import rejected as store
from services.events.store.copying import Rows, make_rows
from services.events.store.log import append_rows, insert_keys
from services.events.store.violations import Found, count_violations
from shared.plumbing import json
from shared.plumbing.clock import Clock
from shared.plumbing.db import Connection, Database
from shared.plumbing.errors import NotFound
from shared.plumbing.ids import new_id

SHOWN_WHOLE = 64 * 1024
"""Bytes; of a longer message only the beginning is listed."""


def shown(row: asyncpg.Record) -> dict[str, Any]:
    """A rejected message as it is listed: as JSON if it is that, else as text."""
    names = (
        "id",
        "source",
        "received_at",
        "type",
        "reason",
        "detail",
        "message_id",
        "user_id",
        "anonymous_id",
        "imported",
        "status",
    )
    message, stated = _shown_message(row["raw"])
    item = {name: row[name] for name in names}
    return {**item, "type": item["type"] or stated, "message": message}


def _shown_message(raw: bytes) -> tuple[Any, str | None]:
    """The message, and the type that it states itself."""
    if not raw:
        return None, None
    try:
        raw.decode()
        read = json.loads(raw)
    except json.JsonError:
        return raw[:SHOWN_WHOLE].decode(errors="backslashreplace"), None
    stated = read.get("type") if isinstance(read, dict) else None
    whole = json.Raw(raw) if len(raw) <= SHOWN_WHOLE else raw[:SHOWN_WHOLE].decode(errors="ignore")
    return whole, stated[:64] if isinstance(stated, str) else None


class RejectedMessages:
    """The use cases of `/v1/rejected`."""

    def __init__(
        self, db: Database, clock: Clock, schemas: EventSchemas, *, limits: Limits, committed: Callable[[], None]
    ) -> None:
        self._db = db
        self._schemas = schemas
        self._clock = clock
        self._limits = limits
        self._committed = committed

    async def retry(self, rejected_id: UUID, edited: bytes | None) -> dict[str, Any]:
        """Take the message, or what it was edited to, in like a new one. Its time is that of when it first came.

        Answers with its status: accepted, duplicate, or still rejected with a reason. Trying again one that was taken in
        changes nothing.
        """
        plans = await self._schemas.plans(max_age=0)  # it may be tried again because the schema was changed just now
        try:
            answer = await self._db.run(lambda tx: self._retry(tx, rejected_id, edited, plans))
        except (asyncpg.DataError, asyncpg.ProgramLimitExceededError):
            answer = await self._db.run(lambda tx: self._reject_again(tx, rejected_id, edited, UNSTORABLE))
        self._committed()
        return answer

    async def _retry(self, tx: Connection, rejected_id: UUID, edited: bytes | None, plans: Plans) -> dict[str, Any]:
        found = await store.lock_rejected(tx, rejected_id)
        if found is None:
            raise NotFound("There is no such rejected message.")
        if found["status"] != "rejected":
            return {"id": rejected_id, "status": found["status"]}
        [read] = await judge_each(tx, [self._read(found, edited)], plans.of(found["source"]))
        is_counted = found["reason"] == REASON  # when it first came
        if isinstance(read, Refusal):
            if read.violations and not is_counted:
                await count_violations(tx, [_broken(found, read)])
            return await self._reject_again(tx, rejected_id, edited, read)
        now = self._clock.now()
        rows = make_rows([msgspec.structs.replace(read, received_at=now)], received_at=now)
        is_new = await _keep(tx, rows)
        if is_new and read.violations and not is_counted:
            await count_violations(tx, [_broken(found, read)])
        status = "accepted" if is_new else "duplicate"
        await store.settle_rejected(tx, rejected_id, status=status)
        return {"id": rejected_id, "status": status, "message_id": read.message_id}

    def _read(self, found: asyncpg.Record, edited: bytes | None) -> Record | Refusal:
        origin = Origin(found["source"], found["received_at"], found["sent_at"], found["imported"], found["form"])
        raw = found["raw"] if edited is None else edited
        return read_message(raw, origin, make_id=new_id, limits=self._limits, path_type=found["type"])

    async def _reject_again(
        self, tx: Connection, rejected_id: UUID, edited: bytes | None, refusal: Refusal
    ) -> dict[str, Any]:
        await store.reject_again(tx, rejected_id, raw=edited, refusal=refusal)
        return {"id": rejected_id, "status": "rejected", "reason": refusal.reason, "detail": refusal.detail}


def _broken(found: asyncpg.Record, read: Record | Refusal) -> Found:
    return Found(found["source"], read.message_id, found["received_at"], read.violations)


async def _keep(tx: Connection, rows: Rows) -> bool:
    """Whether it was new."""
    if not await insert_keys(tx, [rows]):
        return False
    await append_rows(tx, [rows])
    return True
