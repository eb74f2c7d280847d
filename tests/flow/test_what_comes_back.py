"""What becomes of messages makes segments; and messages that follow a date move with it."""

import re
from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.plumbing import json
from tests.flow.story import consenting, mails_to, order, thank_spenders, until_live
from tests.support.emptied import CleanDatabase
from tests.support.waiting import until
from tests.support.world import World, migrate_all

BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"}
APPLE = {"User-Agent": "Mozilla/5.0"}


@pytest.fixture
async def hearing(clean_database: CleanDatabase) -> AsyncIterator[World]:
    settings = {"messaging": {"tracking": True, "postmark_secret": "a secret of the shop"}}
    async with World(await clean_database(migrate_all), settings) as world:
        yield world


async def members(world: World, segment: str) -> list[str]:
    return [one["user_id"] for one in await world.items("segments", f"/v1/segments/{segment}/members")]


async def postmark(world: World, record: str, mail: Any) -> None:
    at = (world.clock.now() + timedelta(seconds=1)).isoformat()
    body = {"RecordType": record, "Metadata": {"delivery_id": mail["id"]}, "BouncedAt": at, "ID": 1}
    token = b64encode(b"shop:a secret of the shop").decode()
    answer = await world.http.post(
        f"{world.urls['messaging']}/hooks/postmark",
        content=json.dumps(body),
        headers={"Authorization": f"Basic {token}"},
    )
    assert answer.status_code == 200, answer.text


async def test_opens_by_people_and_complaints_make_segments(hearing: World) -> None:
    world = hearing
    readers = {"event": "Email Opened", "where": [{"property": "machine", "op": "not_exists"}], "op": ">=", "value": 1}
    conditions = {"readers": readers, "annoyed": {"event": "Email Marked as Spam", "op": ">=", "value": 1}}
    for key, condition in conditions.items():
        await world.call("POST", "segments", "/v1/segments", {"key": key, "condition": condition}, status=201)
        await until_live(world, key)
    await thank_spenders(world)
    for user in ("ann", "ben", "eve"):
        await consenting(world, user)
        await world.send(order(user, f"{user}-1", 100))
    await world.settle()
    mails = {user: (await mails_to(world, user))[0] for user in ("ann", "ben", "eve")}
    await world.step(timedelta(minutes=10))
    for user, agent in (("ann", BROWSER), ("ben", APPLE)):
        [image] = re.findall('src="[^"]*(/seen/[^"]*)"', mails[user]["html"])
        assert (await world.http.get(world.urls["messaging"] + image, headers=agent)).status_code == 200
    await postmark(world, "SpamComplaint", mails["eve"])
    await world.settle()
    assert await members(world, "readers") == ["ann"]
    assert await members(world, "annoyed") == ["eve"]


async def _to(world: World, day: datetime, hour: int) -> None:
    """Step to that hour of a day, in UTC."""
    at = day.replace(hour=hour, minute=0, second=0, microsecond=0)
    await world.step(at - world.clock.now())


async def _final(world: World, profile_id: str, reasons: list[str]) -> bool:
    """Whether these are the decisions on somebody, the newest first."""
    found = await world.items("messaging", f"/v1/decisions?profile_id={profile_id}")
    return [one["reason"] for one in found] == reasons


async def test_what_follows_a_date_is_said_at_the_hour_of_the_person_and_moves_with_the_date(world: World) -> None:
    today = world.clock.now()
    renews = [(today + timedelta(days=days)).date().isoformat() for days in (4, 8)]
    ann = await consenting(world, "ann", timezone="Asia/Tokyo", renews_on=renews[0])
    ben = await consenting(world, "ben", timezone="Asia/Tokyo", renews_on=renews[0])
    condition = {"trait_date": "renews_on", "from": "-P1D", "until": "-P1D"}
    await world.call("POST", "segments", "/v1/segments", {"key": "renewing", "condition": condition}, status=201)
    await until_live(world, "renewing")
    template = {"key": "renew", "channel": "email", "subject": "Soon", "body": "x"}
    await world.call("POST", "messaging", "/v1/templates", template, status=201)
    body = {"key": "renew", "trigger": {"segment": "renewing", "on": "entered"}, "template": "renew"}
    body |= {"purpose": "marketing", "local_time": "09:00"}
    await world.call("POST", "messaging", "/v1/campaigns", body, status=201)
    await world.call("POST", "messaging", "/v1/campaigns/renew/start")

    # Three days from now it is the day before, from 15:00 UTC of the second day on in Tokyo, where nine is midnight of UTC.
    await _to(world, today + timedelta(days=2), 16)

    async def both_are_in() -> bool:
        return sorted(await members(world, "renewing")) == ["ann", "ben"]

    await until(both_are_in, "both are in")
    identify = {"type": "identify", "userId": "ben", "traits": {"renews_on": renews[1]}}
    await world.send(identify)
    await world.settle()
    await _to(world, today + timedelta(days=3), 1)
    await until(lambda: _final(world, ann, ["sent"]), "it is said at nine")
    await until(lambda: _final(world, ben, ["not_qualified"]), "the date has moved")
    assert [mail["profile_id"] for mail in await world.items("messaging", "/v1/mailbox")] == [ann]
    await _to(world, today + timedelta(days=7), 1)
    await until(lambda: _final(world, ben, ["sent", "not_qualified"]), "it is said at nine of the new day")
    assert [mail["profile_id"] for mail in await world.items("messaging", "/v1/mailbox")] == [ben, ann]
