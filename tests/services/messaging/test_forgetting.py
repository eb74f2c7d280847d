"""Old decisions and messages are deleted, but for those that a rule still looks at."""

from datetime import timedelta

import pytest

from services.messaging.service.forgetting import Forgetter
from shared.plumbing.leases import LeaseLost
from tests.services.messaging.conftest import Messaging
from tests.services.messaging.neighbours import consent
from tests.services.messaging.senders import Standing, make_sender

KEPT = timedelta(days=400)
DAY = timedelta(days=1)


def forgetter_of(one: Standing, messaging: Messaging, *, page: int = 2) -> Forgetter:
    return Forgetter(one.db, leases=one.leases, clock=messaging.clock, kept=KEPT, page=page)


async def test_what_is_old_goes_and_what_rules_look_at_stays(messaging: Messaging) -> None:
    await messaging.campaign("once")
    await messaging.campaign("always", reentry="always")
    await messaging.campaign("waiting", delay="P500D", stale_after="P1D")
    people = [messaging.near.add_person() for _ in range(12)]
    refusing = messaging.near.add_person(consents=[consent("denied")])
    await messaging.enter(*people, refusing)
    await messaging.settle()
    await messaging.stop()
    async with make_sender(messaging, "one") as one:
        forgetter = forgetter_of(one, messaging)
        await one.leases.renew()
        await messaging.rows(
            """INSERT INTO delivery_events (lane, delivery_id, key, profile_id, campaign_id, kind, at, detail, created_at)
               SELECT lane, id, 'delivered', profile_id, campaign_id, 'delivered', at, '{}', at FROM deliveries"""
        )
        messaging.clock.step(KEPT - DAY)
        await one.leases.renew()
        assert await forgetter.step() == 0
        assert len(await messaging.rows("SELECT * FROM delivery_events")) == 24
        messaging.clock.step(2 * DAY)
        await one.leases.renew()
        # Messages of two campaigns, decisions of one, and the refusals of both.
        assert await forgetter.step() == 24 + 12 + 2
        assert await forgetter.step() == 0
    left = {(row["campaign"], row["decision"]) for row in await messaging.rows("SELECT campaign, decision FROM sends")}
    assert left == {("once", "sent"), ("waiting", "deferred")}
    assert await messaging.rows("SELECT * FROM deliveries") == []
    assert await messaging.rows("SELECT * FROM delivery_events") == []
    await messaging.start()
    await messaging.enter(people[0], refusing)
    await messaging.settle()
    again = await messaging.decisions(f"profile_id={people[0]}")
    assert {(row["campaign"], row["reason"]) for row in again} >= {("once", "reentry"), ("always", "sent")}


async def test_what_a_cap_counts_stays_and_counts(messaging: Messaging) -> None:
    cap = {"purpose": "marketing", "max": 1, "within": "P500D"}
    await messaging.call("PUT", "/v1/settings", {"frequency_caps": [cap]})
    await messaging.campaign(reentry="always")
    ada = messaging.near.add_person()
    await messaging.enter(ada)
    await messaging.settle()
    await messaging.stop()
    messaging.clock.step(timedelta(days=450))
    async with make_sender(messaging, "one") as one:
        await one.leases.renew()
        assert await forgetter_of(one, messaging).step() == 1
    await messaging.start()
    await messaging.enter(ada)
    await messaging.settle()
    assert await messaging.decided() == {str(ada): "frequency_cap"}


async def test_who_lost_a_lane_deletes_nothing(messaging: Messaging) -> None:
    await messaging.campaign(reentry="always")
    await messaging.enter(messaging.near.add_person())
    await messaging.settle()
    await messaging.stop()
    messaging.clock.step(KEPT + DAY)
    async with make_sender(messaging, "one") as one:
        await one.leases.renew()
        await messaging.rows("UPDATE work_lanes SET epoch = epoch + 1 WHERE work = 'sends'")
        with pytest.raises(LeaseLost):
            await forgetter_of(one, messaging).step()
    assert len(await messaging.rows("SELECT * FROM sends")) == 1
