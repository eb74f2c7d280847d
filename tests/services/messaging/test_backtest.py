"""A backtest says what a campaign would have done, and that is what it did."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.messaging.service.backtesting import Backtest
from services.messaging.store.catalogue import find_campaign, to_campaign
from shared.plumbing import json
from tests.services.messaging.chance import at_hour, drawn
from tests.services.messaging.conftest import Messaging
from tests.services.messaging.journeys import HOUR, begin
from tests.services.messaging.neighbours import READER, consent
from tests.services.messaging.test_dry_run import counted

MINUTE = timedelta(minutes=1)
ZONES = ("UTC", "Asia/Tokyo", "America/New_York", "No/Where", "Europe/Berlin")
RULES = {
    "frequency_caps": [
        {"purpose": "marketing", "max": 2, "within": "PT53H"},
        {"purpose": "marketing", "max": 3, "within": "PT101H", "per": "household"},
    ],
    "quiet_hours": {"from": "21:00", "until": "08:00"},
}


def people(messaging: Messaging, campaign: Any) -> list[Any]:
    """Of all zones, in households and alone, some without consent or an address; one whom the campaign holds out, if it does."""
    found = []
    for n in range(8):
        traits = {"email": f"p{n}@example.com", "timezone": ZONES[n % 5], "household_id": n % 2 if n < 4 else None}
        person = drawn(campaign, held=n == 0 and "holdout" in campaign)
        found.append(messaging.near.add_person(id=person, user_id=f"p{n}", traits=traits))
    messaging.near.people[found[6]]["consents"] = []
    del messaging.near.people[found[7]]["traits"]["email"]
    return found


async def live(messaging: Messaging, who: list[Any], *, seed: int, days: float) -> None:
    """What people do in some days, each deferred message decided at its instant."""
    rng, ends = random.Random(seed), messaging.clock.now() + timedelta(days=days)
    inside: set[Any] = set()
    happens = messaging.clock.now() + MINUTE
    while messaging.clock.now() < ends:
        [row] = await messaging.rows("SELECT min(next_at) AS at FROM sends WHERE next_at IS NOT NULL")
        if row["at"] is not None and row["at"] < happens:
            messaging.step(row["at"] - messaging.clock.now() + timedelta(seconds=1))
        else:
            messaging.step(max(happens - messaging.clock.now(), timedelta()))
            one, now = rng.choice(who), messaging.clock.now()
            if rng.random() < 0.3:
                messaging.near.event(one, "Visited", now)
            else:
                change = "left" if one in inside else "entered"
                inside ^= {one}
                messaging.near.change(one, "vip", now, change, rng.choice(["event", "profile", "time", "backfill"]))
                messaging.near.event(one, "Order Completed", now, {"total": rng.randrange(100)})
            happens += timedelta(minutes=rng.randrange(7, 300), seconds=31)
        await messaging.settle()


async def decisions_of(messaging: Messaging, campaign: str) -> list[Any]:
    return [one for one in await messaging.decisions(f"campaign={campaign}") if one["decision"] != "deferred"]


@pytest.mark.once
@pytest.mark.parametrize(
    "fields",
    [
        {"reentry": "PT31H", "holdout": 0.2, "when_capped": {"wait": "P2D"}},
        {"reentry": "always", "trigger": {"segment": "vip", "on": "left"}, "delay": "PT2H", "stale_after": "PT9H"},
        {
            "reentry": "always",
            "trigger": {"event": "Order Completed", "where": [{"property": "total", "op": ">", "value": 40}]},
        },
    ],
    ids=["entered", "left", "event"],
)
async def test_what_was_sent_is_what_it_says(messaging: Messaging, fields: Any) -> None:
    await messaging.call("PUT", "/v1/settings", RULES)
    await messaging.campaign("other", trigger={"event": "Visited"}, reentry="PT70H")
    at_hour(messaging, 12)
    who, began = people(messaging, await messaging.campaign(**fields)), messaging.clock.now()
    messaging.step(MINUTE)
    await live(messaging, who, seed=7, days=2.5)
    at = messaging.clock.now()
    refused = consent("withdrawn") | {"at": at, "recorded_at": at}
    messaging.near.people[who[1]]["consents"] = [refused]
    messaging.near.consents[who[1]] = [consent(), refused]
    for name in ("p4", "p5"):
        body = {"channel": "email", "address": f"{name}@example.com"}
        await messaging.call("POST", "/v1/suppressions", body, status=201)
    await live(messaging, who, seed=8, days=1.5)
    for one in who[4:6]:
        messaging.near.change(one, "vip", messaging.clock.now(), fields.get("trigger", {}).get("on", "entered"))
        messaging.near.event(one, "Order Completed", messaging.clock.now(), {"total": 50})
    await live(messaging, who, seed=9, days=0.2)
    before = await counted(messaging)

    body = {"campaign": "hello", "since": began.isoformat()}
    answer = await messaging.call("POST", "/v1/campaigns/backtest", body)

    assert await counted(messaging) == before
    real = await decisions_of(messaging, "hello")
    reasons = Counter(one["reason"] for one in real)
    assert {"sent", "no_consent", "suppressed"} <= reasons.keys()
    assert reasons["frequency_cap"] or answer["waited"]["frequency_cap"]
    assert bool(reasons["holdout"]) is ("holdout" in fields)
    waiting = answer["decisions"].get("deferred", 0)
    assert answer["triggers"] == len(real) + waiting
    foreseen = Counter(answer["reasons"])
    if not waiting:
        assert foreseen == reasons
    assert Counter(answer["decisions"]) - Counter({"deferred": waiting}) == Counter(one["decision"] for one in real)
    mails = Counter(one["profile_id"] for one in real if one["decision"] == "sent")
    assert answer["per_person"]["histogram"] == {str(n): k for n, k in sorted(Counter(mails.values()).items())}
    by_day = Counter(
        datetime.fromisoformat(one["at"]).astimezone(UTC).date() for one in real if one["reason"] == "sent"
    )
    assert {one["day"]: one["sent"] for one in answer["days"] if one["sent"]} == {
        day.isoformat(): many for day, many in by_day.items()
    }
    happened = {(one["profile_id"], one["reason"]): one for one in real}
    for one in answer["sample"]:
        assert one["decision"] == "deferred" or (one["profile_id"], one["reason"]) in happened
    assert answer["complete"]
    assert answer["assumptions"]


async def test_a_draft_is_tried_before_it_is_made(messaging: Messaging) -> None:
    content = {"key": "hello", "channel": "email", "subject": "Hi", "body": "Hi"}
    await messaging.call("POST", "/v1/templates", content, status=201)
    start = messaging.clock.now()
    ada = messaging.near.add_person(user_id="ada")
    for hours in range(0, 96, 8):
        messaging.near.event(ada, "Visited", start + timedelta(hours=hours))
    messaging.near.event(ada, "Visited", start, imported=True)
    messaging.clock.step(timedelta(days=5))
    draft = {
        "key": "new",
        "trigger": {"event": "Visited"},
        "template": "hello",
        "purpose": "marketing",
        "reentry": "P1D",
    }
    answer = await messaging.call("POST", "/v1/campaigns/backtest", {"campaign": draft, "since": "P6D"})
    assert (answer["campaign"], answer["triggers"], answer["complete"]) == ("new", 12, True)
    assert answer["decisions"] == {"skipped": 8, "sent": 4}
    assert answer["people"] == {"triggered": 1, "messaged": 1}
    assert answer["per_person"] == {"max": 4, "mean": 4, "histogram": {"4": 1}}
    assert sum(day["sent"] for day in answer["days"]) == 4
    assert len(answer["days"]) == 7
    assert await messaging.items("/v1/campaigns") == []


async def test_a_broadcast_that_is_over_reaches_who_was_in_then(messaging: Messaging) -> None:
    at = messaging.clock.now() + timedelta(hours=1)
    await messaging.campaign(trigger={"segment": "vip", "at": at.isoformat()}, delay="PT1H", start=False)
    ada, ben, eve = (messaging.near.add_person() for _ in range(3))
    entered = messaging.clock.now().isoformat()
    messaging.near.members["vip"] = [
        {"profile_id": one, "user_id": None, "entered_at": entered} for one in (ada, ben, eve)
    ]
    messaging.near.change(ben, "vip", at + 30 * MINUTE, "left")
    messaging.clock.step(timedelta(days=1))
    answer = await messaging.call("POST", "/v1/campaigns/backtest", {"campaign": "hello", "since": "P2D"})
    assert answer["reasons"] == {"sent": 2, "not_qualified": 1}
    await messaging.call("POST", "/v1/campaigns/backtest", {"campaign": "hello", "since": "PT2H"}, status=422)


async def test_members_of_the_beginning_are_told_where_the_trigger_asks_for_them(messaging: Messaging) -> None:
    """Once; who entered at that very instant is told as anybody who enters."""
    since = messaging.clock.now()
    trigger = {"segment": "vip", "on": "entered"}
    await messaging.campaign(trigger=trigger | {"existing": True}, delay="PT1H", start=False)
    ada, ben, eve, new = (messaging.near.add_person() for _ in range(4))
    entered = {ada: since - HOUR, ben: since - HOUR, eve: since}
    messaging.near.members["vip"] = [
        {"profile_id": one, "user_id": None, "entered_at": at.isoformat()} for one, at in entered.items()
    ]
    messaging.near.change(eve, "vip", since)
    messaging.near.change(ben, "vip", since + 30 * MINUTE, "left")
    messaging.near.change(new, "vip", since + 2 * HOUR)
    messaging.clock.step(timedelta(days=2))
    body = {"campaign": "hello", "since": since.isoformat()}
    answer = await messaging.call("POST", "/v1/campaigns/backtest", body)
    assert (answer["triggers"], answer["reasons"]) == (4, {"sent": 3, "not_qualified": 1})
    await messaging.call(
        "PUT", "/v1/campaigns/hello", {"trigger": trigger, "template": "hello", "purpose": "marketing"}
    )
    answer = await messaging.call("POST", "/v1/campaigns/backtest", body)
    assert answer["triggers"] == 2


async def test_a_broadcast_with_a_rate_lasts_as_long_as_its_turns_take_over_all_its_pages(messaging: Messaging) -> None:
    at = messaging.clock.now() + timedelta(minutes=1)
    trigger = {"segment": "vip", "at": at.isoformat()}
    await messaging.campaign(trigger=trigger, rate=1, stale_after="PT9M", start=False)
    people = [messaging.near.add_person() for _ in range(9)]
    entered = messaging.clock.now().isoformat()
    messaging.near.members["vip"] = [{"profile_id": one, "user_id": None, "entered_at": entered} for one in people]
    messaging.clock.step(HOUR)
    body = {"campaign": "hello", "since": "P1D"}
    answer = await messaging.call("POST", "/v1/campaigns/backtest", body)
    assert (answer["reasons"], answer["waited"]) == ({"sent": 9}, {"rate": 8})
    assert "by the rate" in answer["assumptions"][0]
    body["until"] = (at + 5 * MINUTE).isoformat()
    answer = await messaging.call("POST", "/v1/campaigns/backtest", body)
    assert answer["reasons"] == {"sent": 3, "rate": 6}


async def test_what_a_journey_sends_is_refused_with_what_to_try_instead(messaging: Messaging) -> None:
    await begin(messaging, {"send": "a"})
    answer = await messaging.call("POST", "/v1/campaigns/backtest", {"campaign": "a", "since": "P1D"}, status=422)
    [error] = answer["errors"]
    assert error["loc"] == ["body", "campaign"]
    assert "has the journey's entry as its trigger" in error["msg"]


async def test_it_ends_where_it_is_too_much_and_says_so(messaging: Messaging) -> None:
    await messaging.campaign(reentry="always")
    start = messaging.clock.now()
    ada = messaging.near.add_person()
    for hours in range(0, 96, 12):
        messaging.near.change(ada, "vip", start + timedelta(hours=hours))
    messaging.clock.step(timedelta(days=5))
    state = messaging.app.state
    row = await find_campaign(state.frame.db, "hello")
    assert row is not None
    campaign = to_campaign(row)
    for most, times in ((5, iter([0.0] * 99)), (100, iter([0.0] * 6 + [31.0] * 99))):
        run = Backtest(state.frame.db, state.events, state.segments, state.profiles, state.speech, times.__next__, most)
        answer = await run.run(campaign, since=start, until=start + timedelta(days=5))
        assert not answer["complete"]
        assert start < answer["until"] < start + timedelta(days=5)
        days = (answer["until"] - start).days
        assert answer["triggers"] == answer["decisions"]["sent"] == 2 * days


@pytest.mark.parametrize(
    ("change", "loc"),
    [
        ({"campaign": {"key": "x"}}, ["body", "campaign", "trigger"]),
        ({"campaign": {"key": "x", "trigger": {"event": "a"}, "template": "none", "purpose": "p"}}, ["body", "campaign", "template"]),
        ({"since": "yesterday"}, ["body", "since"]),
        ({"since": "P401D"}, ["body", "since"]),
        ({"since": "P99999999D"}, ["body", "since"]),
        ({"since": "2100-01-01T00:00:00Z"}, ["body", "since"]),
        ({"until": "2100-01-01T00:00:00Z"}, ["body", "until"]),
        ({"until": "0001-01-01T00:00:00Z"}, ["body", "until"]),
        ({"until": "0001-01-01T05:00:00Z"}, ["body", "since"]),
        ({"more": 1}, ["body", "more"]),
    ],
)  # fmt: skip
async def test_faults_have_their_path(messaging: Messaging, change: Any, loc: list[Any]) -> None:
    await messaging.campaign()
    body = {"campaign": "hello", "since": "P1D"} | change
    answer = await messaging.call("POST", "/v1/campaigns/backtest", body, status=422)
    assert loc in [error["loc"] for error in answer["errors"]]


async def test_who_may_read_may_try(messaging: Messaging) -> None:
    headers = {"Authorization": f"Bearer {READER}"}
    for name, status in ((b"none", 404), (b"\\u0000", 422)):
        body = b'{"campaign": "%s", "since": "P1D"}' % name
        answer = await messaging.http.post("/v1/campaigns/backtest", content=body, headers=headers)
        assert answer.status_code == status


@pytest.mark.parametrize("path", ["/v1/campaigns/hello/dry-run", "/v1/campaigns/backtest"])
async def test_no_more_than_two_are_tried_at_once(messaging: Messaging, path: str) -> None:
    await messaging.campaign()
    body = None if path.endswith("dry-run") else {"campaign": "hello", "since": "P1D"}
    turns = messaging.app.state.rehearsals
    async with turns:
        await messaging.call("POST", path, body, status=200)
        async with turns:
            refused = await messaging.http.post(path, content=json.dumps(body) if body else None)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "10")
    assert json.loads(refused.content)["code"] == "too_busy"
    await messaging.call("POST", path, body, status=200)
