"""Opens and clicks by our own image and links: only where they are turned on, and leading nowhere else."""

import re
from datetime import timedelta
from typing import Any

import httpx

from tests.services.messaging.conftest import Messaging, NewMessaging

PEOPLE = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
BODY = '<p><a href="https://shop.example/a?b=1&amp;c=2">A</a> <a href="{{ unsubscribe_url }}">Unsubscribe</a></p>'


async def mail(messaging: Messaging, **campaign: Any) -> Any:
    await messaging.campaign(template={"body": BODY}, **campaign)
    await messaging.enter(messaging.near.add_person())
    await messaging.settle()
    return (await messaging.mailbox())[0]


async def visit(messaging: Messaging, url: str, method: str = "GET", agent: str = PEOPLE) -> httpx.Response:
    path = url.rsplit("8004", maxsplit=1)[-1]
    return await messaging.http.request(method, path, headers={"Authorization": "", "User-Agent": agent})


def link_and_image(html: str) -> tuple[str, str]:
    return re.findall('href="([^"]*/go/[^"]*)"', html)[0], re.findall('src="([^"]*/seen/[^"]*)"', html)[0]


async def events(messaging: Messaging) -> list[tuple[str, str | None]]:
    [delivery] = await messaging.items("/v1/deliveries")
    return [(one["kind"], one["machine_reason"]) for one in delivery["events"]]


async def test_people_and_machines_are_led_on_and_told_apart(new_messaging: NewMessaging) -> None:
    messaging = await new_messaging(tracking=True)
    sent = await mail(messaging)
    link, image = link_and_image(sent["html"])
    assert "https://shop.example/a?b=1&c=2" in sent["text"], "the text's links are left alone"
    assert "/unsubscribe/" in sent["html"]
    messaging.clock.step(timedelta(minutes=5))
    shown = await visit(messaging, image)
    assert (shown.status_code, shown.headers["content-type"], shown.headers["cache-control"]) == (
        200,
        "image/gif",
        "no-store",
    )
    assert shown.content[:6] == b"GIF89a"
    led = await visit(messaging, link)
    assert (led.status_code, led.headers["location"]) == (302, "https://shop.example/a?b=1&c=2")
    assert (await visit(messaging, link, "HEAD")).status_code == 302
    assert (await visit(messaging, image, agent="Mozilla/5.0")).status_code == 200
    assert await events(messaging) == [
        ("opened", None),
        ("clicked", None),
        ("clicked", "head"),
        ("opened", "apple_mail_privacy"),
    ]
    told = await messaging.rows("SELECT message FROM feed WHERE message LIKE '%Email Link Clicked%'")
    assert len(told) == 2


async def test_no_link_leads_where_the_message_did_not(new_messaging: NewMessaging) -> None:
    messaging = await new_messaging(tracking=True)
    link, image = link_and_image((await mail(messaging))["html"])
    token = image.rpartition("/")[2].removesuffix(".gif")
    for path in ("/go/https://evil.example", f"/go/{token}", link[:-1], f"{link}x", "/seen/x.gif"):
        answer = await visit(messaging, path)
        assert (answer.status_code, answer.headers.get("location")) == (404, None), path
    assert await events(messaging) == []


async def test_nothing_is_tracked_unless_it_is_turned_on(messaging: Messaging) -> None:
    sent = await mail(messaging)
    assert 'href="https://shop.example/a?b=1&amp;c=2"' in sent["html"]
    assert "/go/" not in sent["html"]
    assert "<img" not in sent["html"]


async def test_a_campaign_may_leave_it_out(new_messaging: NewMessaging) -> None:
    messaging = await new_messaging(tracking=True)
    assert "/go/" not in (await mail(messaging, tracking=False))["html"]


async def test_links_of_old_messages_lead_on_when_nothing_is_tracked_any_more(new_messaging: NewMessaging) -> None:
    messaging = await new_messaging(tracking=True)
    link, image = link_and_image((await mail(messaging))["html"])
    await messaging.stop()
    await messaging.start(tracking=False)
    assert (await visit(messaging, link)).headers["location"] == "https://shop.example/a?b=1&c=2"
    assert (await visit(messaging, image)).status_code == 200
    assert await events(messaging) == []


async def test_whoever_clicks_for_ever_fills_nothing(new_messaging: NewMessaging) -> None:
    messaging = await new_messaging(tracking=True)
    link, _ = link_and_image((await mail(messaging))["html"])
    await messaging.rows(
        """INSERT INTO delivery_events (lane, delivery_id, key, profile_id, campaign_id, kind, at, detail, created_at)
           SELECT lane, id, 'opened:' || n, profile_id, campaign_id, 'opened', at, '{}', at
           FROM deliveries, generate_series(1, 200) AS n"""
    )
    assert (await visit(messaging, link)).status_code == 302
    assert len(await messaging.rows("SELECT * FROM delivery_events")) == 200


async def test_a_campaign_that_goes_by_habit_waits_for_the_hour_in_which_people_look(
    new_messaging: NewMessaging,
) -> None:
    messaging = await new_messaging(tracking=True)
    sent = await mail(messaging)
    _, image = link_and_image(sent["html"])
    ada, bob = sent["profile_id"], messaging.near.add_person()
    hour = (messaging.clock.now() + timedelta(hours=3)).hour
    for days in range(3):
        messaging.step(timedelta(hours=3) if not days else timedelta(days=1))
        await visit(messaging, image)
        await visit(messaging, image, agent="Mozilla/5.0")
    messaging.step(timedelta(hours=12))
    await messaging.campaign(key="habit", best_time=True, reentry="always")
    for one in (ada, bob):
        await messaging.enter(one)
    await messaging.settle()
    found = {one["profile_id"]: one for one in await messaging.decisions() if one["campaign"] == "habit"}
    assert found[str(bob)]["reason"] == "sent"
    assert (found[ada]["decision"], found[ada]["reason"]) == ("deferred", "best_time")
    assert found[ada]["facts"]["until"][11:13] == f"{hour:02}"
    messaging.step(timedelta(hours=12))
    await messaging.settle()
    found = {one["profile_id"]: one for one in await messaging.decisions() if one["campaign"] == "habit"}
    assert found[ada]["reason"] == "sent"
