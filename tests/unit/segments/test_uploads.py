"""An upload to a list goes on, however often segments are changed."""

from typing import Any, cast
from uuid import uuid4

from services.segments.service.lists import Upload
from services.segments.store.catalogue import RevisionChanged, Segment
from shared.plumbing.db import Database


class Changing:
    """A database in which segments are changed again and again while people are put on a list."""

    def __init__(self, changes: int) -> None:
        self.changes = changes

    async def run(self, work: object) -> tuple[int, int]:
        self.changes -= 1
        if self.changes >= 0:
            raise RevisionChanged
        return 1, 0


async def test_an_upload_begins_again_while_segments_are_being_changed() -> None:
    nothing: Any = None
    segment = Segment(uuid4(), "guests", "Guests", nothing, nothing)
    upload = Upload(uuid4(), segment, cast(Database, Changing(3)), nothing, nothing, lambda: None)
    assert await upload.put([uuid4()], on=True) == (1, 0)
