"""What all ingest routes share: the body, the key, the refusal when nothing more can be kept, the answer."""

import shutil
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from fastapi import Request, Response
from prometheus_client import Counter

from services.events.domain.clock import read_sent_at
from services.events.domain.envelope import Envelope, TooLong, Unreadable, inflate
from services.events.domain.keys import find_write_key
from services.events.domain.records import Form, Origin
from services.events.domain.usual import UsualBatch
from services.events.service.committer import Committer
from services.events.service.ingest import Ingest, Outcome
from services.events.service.keys import Keys
from shared.plumbing.clock import Clock
from shared.plumbing.errors import Malformed, TooBusy, TooLarge
from shared.plumbing.http import JsonResponse

refused_total = Counter("regulars_ingest_refused_total", "Requests refused because nothing more could be kept")
RETRY_AFTER = 5
T = TypeVar("T")


class Room:
    """Whether there is room for more: in memory, and on the database's disk where that is known."""

    def __init__(self, committer: Committer, *, max_waiting: int, disk_path: Path | None, disk_reserve: int) -> None:
        self._committer = committer
        self._max_waiting = max_waiting
        self._disk_path = disk_path
        self._disk_reserve = disk_reserve
        self._disk_full = False
        self._looked_at = -1.0

    def check(self) -> None:
        """Raises TooBusy. SDKs lose what is refused, so only when it truly can't be kept."""
        if self._committer.bytes_waiting > self._max_waiting:
            self._refuse("More is waiting for the disk than fits; nothing of this was kept, send it again.")
        if self._is_disk_full():
            self._refuse("The disk of the database is nearly full; nothing of this was kept, send it again.")

    def _refuse(self, detail: str) -> None:
        refused_total.inc()
        refusal = TooBusy(detail, retry_after=RETRY_AFTER)
        refusal.headers["X-RateLimit-Reset"] = str(RETRY_AFTER)
        raise refusal

    def _is_disk_full(self) -> bool:
        if self._disk_path is not None and monotonic() - self._looked_at > 1:
            self._looked_at = monotonic()
            try:
                self._disk_full = shutil.disk_usage(self._disk_path).free < self._disk_reserve
            except OSError:
                self._disk_full = False  # not on this machine after all
        return self._disk_full


class Intake:
    """What the routes of ingest need; one for the application."""

    def __init__(self, *, keys: Keys, ingest: Ingest, room: Room, clock: Clock, max_body: int) -> None:
        self.keys = keys
        self.ingest = ingest
        self.room = room
        self.clock = clock
        self.max_body = max_body

    async def body(self, request: Request) -> bytes:
        """The body, inflated. 413 beyond the limit, without reading the rest."""
        self.room.check()
        try:
            return inflate(await self._read(request), limit=self.max_body)
        except TooLong as error:
            raise TooLarge(f"A request may have {self.max_body} bytes, inflated; send smaller batches.") from error
        except Unreadable as error:
            raise Malformed(str(error)) from error

    async def _read(self, request: Request) -> bytes:
        chunks: list[bytes] = []
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > self.max_body:
                raise TooLong
            chunks.append(chunk)
        return b"".join(chunks)

    async def origin(
        self, request: Request, envelope: Envelope | UsualBatch, *, form: Form = "segment", imported: bool = False
    ) -> Origin:
        """Whose messages these are and when they came; 401 for an unknown key."""
        write_key = find_write_key(
            authorization=request.headers.get("authorization"),
            x_write_key=request.headers.get("x-write-key"),
            in_query=request.query_params.get("writeKey"),
            in_body=envelope.write_key,
        )
        source = await self.keys.source_of(write_key)
        sent_at = read_sent_at(envelope.sent_at, request.headers.get("x-sent-at"))
        return Origin(source, self.clock.now(), sent_at, imported, form)


def answer(outcomes: list[Outcome]) -> Response:
    """200: every message is on disk, in the log or among the rejected."""
    counts = {"accepted": 0, "duplicate": 0, "rejected": 0}
    for outcome in outcomes:
        counts[outcome.status] += 1
    body: dict[str, Any] = {
        "success": True,
        "accepted": counts["accepted"],
        "duplicates": counts["duplicate"],
        "rejected": counts["rejected"],
        "results": outcomes,
    }
    return JsonResponse(body)


def intake_of(request: Request) -> Intake:
    """The application's."""
    intake: Intake = request.app.state.intake
    return intake


def read(reader: Callable[[bytes], T], body: bytes) -> T:
    """What a reader of bodies finds; 400 if it can't."""
    try:
        return reader(body)
    except Unreadable as error:
        raise Malformed(str(error)) from error
