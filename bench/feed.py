"""What profiles would tell the segments worker: made-up events of made-up people, as they come over the wire."""

import pickle
import random
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from shared.plumbing import json
from shared.plumbing.ids import new_id
from shared.plumbing.lanes import LANES, lane_of

BATCH, ACTIVE = 500, 400


class Feed:
    """What profiles would tell, as it comes over the wire: each lane from where its reader is, all lanes alike."""

    def __init__(self, pages: Iterable[Iterable[dict[str, Any]]]) -> None:
        self._lanes: dict[int, list[bytes]] = {lane: [] for lane in range(LANES)}
        self.pulled: list[list[tuple[int, int]]] = []  # what each page had, by lane and number
        for page in pages:
            self.tell(page)

    def tell(self, messages: Iterable[dict[str, Any]]) -> None:
        for message in messages:
            self._lanes[lane_of(message["profile_id"])].append(json.dumps(message))

    def save(self, path: Path) -> None:
        path.write_bytes(pickle.dumps(self._lanes))

    @classmethod
    def load(cls, path: Path, *, lanes: Iterable[int]) -> "Feed":
        """Of these lanes only."""
        feed, kept = cls(()), pickle.loads(path.read_bytes())
        feed._lanes |= {lane: kept[lane] for lane in lanes}
        return feed

    def told(self, lane: int, seq: int) -> dict[str, Any]:
        """The message with that number."""
        message: dict[str, Any] = json.loads(self._lanes[lane][seq - 1])
        return message

    async def pull(self, _: str, cursors: Mapping[int, int], *, limit: int, **__: Any) -> bytes:
        behind = [(lane, seq) for lane, seq in cursors.items() if seq < len(self._lanes[lane])]
        share = -(-limit // max(1, len(behind)))
        found = [
            (lane, number, told)
            for lane, seq in behind
            for number, told in enumerate(self._lanes[lane][seq : seq + share], seq + 1)
        ]
        self.pulled.append([(lane, seq) for lane, seq, _ in found])
        items = [{"lane": lane, "seq": seq, "message": json.Raw(message)} for lane, seq, message in found]
        return json.dumps({"items": items})


def pages(
    people: list[UUID], count: int, *, rng: random.Random, known: set[UUID], kinds: int = 100
) -> Iterator[list[dict[str, Any]]]:
    """Batches of events of a few hundred people each: views that a leaf or two select, other views, orders.

    `kinds`: how many categories, products and shops they are of.
    """
    for _ in range(count // BATCH):
        active = rng.sample(people, ACTIVE)
        yield [live_message(rng.choice(active), rng, known, kinds) for _ in range(BATCH)]


def live_message(profile_id: UUID, rng: random.Random, known: set[UUID], kinds: int = 100) -> dict[str, Any]:
    """An event as profiles tells it, with the profile if nobody has heard of it."""
    now = datetime.now(UTC)
    number = rng.randrange(kinds)
    name, properties = rng.choice(
        [
            ("Product Viewed", {"category": f"c{number}", "sku": f"p{number}", "price": 19.9, "url": "https://shop.example/p"}),
            ("Product Viewed", {"category": "elsewhere", "sku": "unknown", "price": 4.5, "url": "https://shop.example/q"}),
            ("Page Viewed", {"path": "/", "title": "Welcome", "url": "https://shop.example/"}),
            ("Product Added", {"sku": f"p{number}", "price": 19.9, "quantity": 1, "url": "https://shop.example/cart"}),
            ("Order Completed", {"order_id": str(new_id()), "total": rng.randrange(90), "shop": f"s{number}", "currency": "EUR"}),
        ]
    )  # fmt: skip
    event = {
        "name": name,
        "type": "track",
        "source": "web",
        "message_id": str(new_id()),
        "timestamp": now,
        "received_at": now,
        "user_id": f"user-{profile_id}",
        "properties": properties,
        "context": {
            "locale": "de-DE",
            "page": {"path": "/p/1", "referrer": "https://search.example/", "title": "Wool blanket"},
            "userAgent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36",
        },
    }
    message = {
        "kind": "event",
        "profile_id": profile_id,
        "event": event,
        "log": {"lane": 0, "seq": 1, "received_at": now},
    }
    if profile_id not in known:
        known.add(profile_id)
        traits = {"city": f"city{number}", "tier": "gold"}
        message["profile"] = {"id": profile_id, "version": 1, "traits": traits, "created_at": now, "updated_at": now}
    return message
