"""Forgetting people, here at once and elsewhere as the others get to it; receipts say how far it is."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from services.profiles.clients import Events
from services.profiles.domain.erasure import Receipt, who_is_through
from services.profiles.domain.fold import Fold
from services.profiles.service.book import Book
from services.profiles.service.changing import get_living, wanted_ids
from services.profiles.service.resolve import WORK
from services.profiles.store import erasures as store
from shared.plumbing.db import Connection
from shared.plumbing.errors import NotFound
from shared.plumbing.ids import new_id


async def request_erasure(book: Book, profile_id: UUID) -> Receipt:
    """Erase a person. Asked again, the answer is the same receipt."""
    receipt_id = new_id()

    async def decide(tx: Connection, fold: Fold) -> UUID:
        profile = fold.people.profiles.get(profile_id)
        if profile is not None and fold.people.get(profile_id) is None:
            earlier = await store.find_receipt_of(tx, profile.merged_into or profile.id)
            if earlier is not None:
                return earlier.id
        fold.erase(get_living(fold.people, profile_id), at=fold.now, receipt_id=receipt_id)
        return receipt_id

    return await get_receipt(book, await book.change(wanted_ids(profile_id), decide))


async def get_receipt(book: Book, receipt_id: UUID) -> Receipt:
    """A receipt. Raises NotFound."""
    receipt = await store.find_receipt(book.db, receipt_id)
    if receipt is None:
        raise NotFound("There is no such receipt.")
    return receipt


async def list_receipts(book: Book, *, before: UUID | None, limit: int) -> list[Receipt]:
    """Receipts, the newest first."""
    return await store.list_receipts(book.db, before=before, limit=limit)


async def complete_erasures(book: Book, events: Events, consumers: Sequence[str]) -> None:
    """Take every open receipt as far as it goes now.

    It waits until all that was accepted before it has been resolved (and dropped where it was theirs), and until all
    consumers have passed what told them.
    """
    receipts = await store.list_pending(book.db)
    if any(receipt.raw_heads is None for receipt in receipts):
        heads = await events.read_heads()
        await store.note_raw_heads(book.db, [r.id for r in receipts if r.raw_heads is None], heads)
    if any(receipt.heads is None for receipt in receipts):
        await store.note_heads(book.db, WORK)
    for receipt in receipts:
        await _complete(book, receipt.id, consumers)


async def _complete(book: Book, receipt_id: UUID, consumers: Sequence[str]) -> None:
    async def work(tx: Connection) -> None:
        receipt = await store.find_receipt(tx, receipt_id, lock=True)
        if receipt is None or receipt.status != "pending":
            return
        passed: Mapping[str, Mapping[int, int]] = await store.read_passed(tx, consumers)
        services: dict[str, Any] = who_is_through(receipt, passed, consumers, now=book.clock.now())
        if services != receipt.services:
            await store.write_state(tx, receipt, services, done=all(services.values()), now=book.clock.now())

    await book.db.run(work)
