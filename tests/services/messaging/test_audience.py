"""Whatever is wrong with some of an audience, everybody in it has an outcome."""

from collections import Counter
from typing import Any

import pytest

from tests.services.messaging.neighbours import consent
from tests.services.messaging.post import Post
from tests.services.messaging.test_broadcasts import members
from tests.support.waiting import until

PEOPLE = 240  # so that each kind is met
ZONES: list[Any] = [
    "Europe/Vienna",
    "Mars/Olympus",
    "",
    5,
    None,
    "../etc/passwd",
    ["UTC"],
    {"name": "UTC"},
    "x" * 10_000,
    "UTC\x7f",
]
ADDRESSES: list[Any] = [
    None, 5, "", "nobody", "@example.com", "a@b@example.com", "two\r\nlines@example.com", "refused@example.com", ["x@example.com"],
    "x" * 5000 + "@example.com", "späth@example.com", "busy@example.com",
]  # fmt: skip


async def refuse_some(_post: Post, address: str) -> str:
    if address.startswith("refused"):
        return "550 5.1.1 no such mailbox"
    return "451 later" if address.startswith("busy") else "250 OK"


@pytest.mark.once
async def test_everybody_has_an_outcome(new_messaging: Any) -> None:
    async with Post(rcpt=refuse_some).open() as post:
        messaging = await new_messaging(**post.settings)
        messaging.near.page = 500
        people = []
        for number in range(PEOPLE):
            traits: dict[str, Any] = {"email": f"user{number}@example.com", "timezone": "Europe/Vienna"}
            if number % 20 == 0:  # more than one in a hundred, so that each kind is met
                traits["timezone"] = ZONES[number // 20 % len(ZONES)]
            if number % 20 == 1:
                traits["email"] = ADDRESSES[number // 20 % len(ADDRESSES)]
            consents = [consent("denied")] if number % 20 == 2 else [consent()]
            people.append(messaging.near.add_person(user_id=f"user{number}", traits=traits, consents=consents))
        members(messaging, *people)
        await messaging.campaign(trigger={"segment": "vip", "at": messaging.clock.now().isoformat()})

        async def only_the_busy_wait() -> bool:
            found = await messaging.call("GET", "/v1/campaigns/hello/progress")
            return bool(found["audience"] and set(found["waiting"]) == {"provider_error"})

        await until(only_the_busy_wait)
        await messaging.call("POST", "/v1/campaigns/hello/cancel")
        found = await messaging.call("GET", "/v1/campaigns/hello/progress")
    assert found["audience"] == PEOPLE == sum(found["outcomes"].values())
    assert found["outcomes"]["sent"] == len(post.taken)
    expected = {"sent", "no_consent", "no_address", "provider_error", "cancelled"}
    assert expected == set(found["reasons"]) - {"suppressed"}  # as is an address that was refused before
    assert Counter(found["reasons"])["no_consent"] == PEOPLE // 20
