"""Messages of the raw log become events of people."""

from collections.abc import Mapping, Sequence

from services.profiles.domain.names import Given, given_by
from services.profiles.domain.replay import Replay, Replayed
from services.profiles.service.book import Book
from services.profiles.store.people import Wanted
from services.profiles.store.records import read_suppressions
from shared.plumbing.db import Connection
from shared.plumbing.reader import Apply, Incoming
from shared.schemas.raw import RawMessage
from shared.schemas.resolved import LogPosition

WORK = "raw"
REPLAY = "replay"


def applies(book: Book) -> Mapping[str, Apply]:
    """How a message of each feed is taken in."""

    async def take_in(tx: Connection, items: Sequence[Incoming]) -> bool:
        await resolve_messages(book, tx, items)
        return True

    async def take_in_again(tx: Connection, items: Sequence[Incoming]) -> bool:
        await resolve_again(book, tx, items)
        return True

    return {WORK: take_in, REPLAY: take_in_again}


async def resolve_messages(book: Book, tx: Connection, items: Sequence[Incoming]) -> None:
    """Take messages in, in their order: whose each is, and what is known of them then."""
    messages = [RawMessage.read(item.message) for item in items]
    given = [given_by(message, book.rules) if message.profile_id is None else Given(()) for message in messages]
    wanted = Wanted(
        given=given,
        profile_ids=frozenset(message.profile_id for message in messages if message.profile_id is not None),
        oldest=min(message.received_at for message in messages),
    )
    fold = await book.open(tx, wanted)
    for item, message, names in zip(items, messages, given, strict=True):
        fold.take_in(message, names, LogPosition(lane=item.lane, seq=item.seq, received_at=message.received_at))
    await book.close(tx, fold)


async def resolve_again(book: Book, tx: Connection, items: Sequence[Incoming]) -> int:
    """Messages that were taken in before (`Replayed`), in their order. Of how many something was missing."""
    messages = [Replayed.read(item.message) for item in items]
    given = [given_by(message, book.rules) if message.profile_id is None else Given(()) for message in messages]
    wanted = Wanted(
        given=given,
        profile_ids=frozenset(message.owner_id for message in messages if message.owner_id is not None),
        oldest=min(message.received_at for message in messages),
        repairing_at=book.clock.now(),
    )
    fold = await book.open(tx, wanted)
    refused = any(message.type in {"suppress", "unsuppress"} for message in messages)
    replay = Replay(fold, await read_suppressions(tx, fold.people.profiles) if refused else {})
    missing = [
        replay.take_in(message, names, LogPosition(lane=item.lane, seq=item.seq, received_at=message.received_at))
        for item, message, names in zip(items, messages, given, strict=True)
    ]
    await book.close(tx, fold)
    return sum(missing)
