"""A second mail server stands in for the first, and nobody gets a message from both."""

from datetime import timedelta
from typing import Any

import pytest

from services.messaging.clients.carriers import seconds_of
from services.messaging.config import Settings
from tests.services.messaging.conftest import Messaging, NewMessaging
from tests.services.messaging.post import Post, answering, hang_up
from tests.support.waiting import until


def both(first: Post, second: Post) -> dict[str, Any]:
    return first.settings | {"smtp_second_host": "127.0.0.1", "smtp_second_port": second.port}


async def told(messaging: Messaging, people: int = 1) -> None:
    await messaging.campaign()
    await messaging.enter(*(messaging.near.add_person() for _ in range(people)))
    await messaging.settle()


async def outcomes(messaging: Messaging) -> list[tuple[str, str]]:
    deliveries = await messaging.items("/v1/deliveries")
    return [(one["status"], one["provider"]) for one in deliveries]


async def test_what_the_first_cannot_take_now_the_second_takes(new_messaging: NewMessaging) -> None:
    async with Post(rcpt=answering("451 4.3.0 later")).open() as first, Post().open() as second:
        messaging = await new_messaging(**both(first, second))
        await told(messaging)
        messaging.step(timedelta(seconds=10))
        await second.tried(1)
        await messaging.settle()
        assert (len(first.taken), first.tries, len(second.taken)) == (0, 1, 1)
        assert await outcomes(messaging) == [("sent", "smtp_second")]


async def test_what_the_first_may_have_taken_the_second_never_gets(new_messaging: NewMessaging) -> None:
    async with Post(data=hang_up).open() as first, Post().open() as second:
        messaging = await new_messaging(**both(first, second))
        await told(messaging)
        messaging.step(timedelta(hours=1))
        await messaging.settle()
        assert (len(first.taken), len(second.taken)) == (1, 0)
        assert await outcomes(messaging) == [("unknown", "smtp")]


async def test_what_the_first_refuses_for_good_is_not_offered_to_the_second(new_messaging: NewMessaging) -> None:
    async with Post(rcpt=answering("550 5.1.1 unknown")).open() as first, Post().open() as second:
        messaging = await new_messaging(**both(first, second))
        await told(messaging)
        assert (second.tries, await outcomes(messaging)) == (0, [("failed", "smtp")])


async def test_while_the_first_is_away_everybody_is_told_once_by_the_second(new_messaging: NewMessaging) -> None:
    async with Post().open() as away:
        settings = away.settings
    async with Post().open() as second:
        messaging = await new_messaging(**settings, smtp_second_host="127.0.0.1", smtp_second_port=second.port)
        await told(messaging, people=12)

        async def all_are_told() -> bool:
            messaging.step(timedelta(seconds=1))
            return len(second.taken) >= 12

        await until(all_are_told, "the second has told them all")
        await messaging.settle()
        assert sorted(one.rcpt_tos[0] for one in second.taken) == sorted(
            person["traits"]["email"] for person in messaging.near.people.values()
        )
        assert set(await outcomes(messaging)) == {("sent", "smtp_second")}


def test_a_second_needs_a_first() -> None:
    given = Settings(secret="x" * 32, database_url="postgresql://nowhere", smtp_second_host="mail.shop.example")
    with pytest.raises(ValueError, match="REGULARS_SMTP_HOST"):
        seconds_of(given)
