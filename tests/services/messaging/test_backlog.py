"""While there is very much to do, batches come from few lanes in turn, and what is transactional does not wait."""

from uuid import UUID

from shared.plumbing.ids import new_id
from shared.plumbing.lanes import LANES, lane_of
from tests.services.messaging.conftest import Messaging
from tests.services.messaging.senders import make_sender

EACH = 9  # more than half of what is decided together of a lane


def crowd(messaging: Messaging, each: int = EACH) -> list[UUID]:
    """As many people in each lane."""
    people: dict[int, list[UUID]] = {lane: [] for lane in range(LANES)}
    while any(len(lane) < each for lane in people.values()):
        one = new_id()
        if len(people[lane_of(one)]) < each:
            people[lane_of(one)].append(messaging.near.add_person(id=one))
    return [one for lane in people.values() for one in lane]


async def test_few_lanes_at_a_time_and_what_is_transactional_first(messaging: Messaging) -> None:
    await messaging.campaign()
    await messaging.campaign("receipt", trigger={"event": "Order Completed"}, purpose="transactional")
    await messaging.stop()
    await messaging.enter(*crowd(messaging))
    async with make_sender(messaging, "sender") as standing:
        await standing.take_in()
        await standing.leases.renew()
        await standing.sender.step()  # sees that there is a backlog
        buyer = messaging.near.add_person()
        messaging.near.event(buyer, "Order Completed", messaging.clock.now())
        await standing.take_in()
        [before] = await messaging.rows("SELECT array_agg(id) AS ids FROM deliveries")
        assert await standing.sender.step() == 40
        sent = await messaging.rows("SELECT lane, campaign FROM deliveries WHERE id <> ALL($1)", before["ids"])
        assert [one["lane"] for one in sent if one["campaign"] == "receipt"] == [lane_of(buyer)]
        assert len({one["lane"] for one in sent if one["campaign"] == "hello"}) <= 6
    await messaging.start()
    await messaging.settle()
    assert len(await messaging.mailbox()) == LANES * EACH + 1


async def test_a_small_campaign_does_not_wait_for_the_turns_of_a_large_one(messaging: Messaging) -> None:
    await messaging.campaign()
    await messaging.campaign("thanks", trigger={"event": "Order Completed"})
    await messaging.stop()
    await messaging.enter(*crowd(messaging))
    async with make_sender(messaging, "sender") as standing:
        await standing.take_in()
        await standing.leases.renew()
        await standing.sender.step()  # sees of which there is a backlog
        for buyer in crowd(messaging, 1)[::8]:
            messaging.near.event(buyer, "Order Completed", messaging.clock.now())
        await standing.take_in()
        await standing.sender.step()
        [thanked] = await messaging.rows("SELECT count(*) FROM deliveries WHERE campaign = 'thanks'")
        assert thanked["count"] == 8
