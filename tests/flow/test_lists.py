"""A static list across the services: filled by name, followed by messages, kept through merges and erasure."""

from typing import Any

from tests.flow.story import consenting, mails_to, order, until_live
from tests.support.world import World

BOUGHT = {"all": [{"segment": "guests"}, {"event": "Order Completed", "op": ">=", "value": 1}]}


async def _follow(world: World, segment: str) -> None:
    """A running campaign on entry."""
    template = {"key": segment, "channel": "email", "subject": segment, "body": "<p>{{ unsubscribe_url }}</p>"}
    await world.call("POST", "messaging", "/v1/templates", template, status=201)
    trigger = {"segment": segment, "on": "entered"}
    campaign = {"key": segment, "trigger": trigger, "template": segment, "channel": "email", "purpose": "marketing"}
    await world.call("POST", "messaging", "/v1/campaigns", campaign, status=201)
    await world.call("POST", "messaging", f"/v1/campaigns/{segment}/start")


async def _upload(world: World, **people: Any) -> Any:
    return await world.call("POST", "segments", "/v1/segments/guests/list", people)


async def test_a_list_starts_no_message_by_itself_and_what_people_on_it_do_does(world: World) -> None:
    await world.call("POST", "segments", "/v1/segments", {"key": "guests", "list": True}, status=201)
    await world.call("POST", "segments", "/v1/segments", {"key": "bought", "condition": BOUGHT}, status=201)
    for segment in ("guests", "bought"):
        await until_live(world, segment)
        await _follow(world, segment)
    for name in ("ann", "ben"):
        await consenting(world, name)
    await world.send({"type": "page", "anonymousId": "ann-phone"})
    await world.settle()
    address = {"namespace": "email", "value": "ANN@example.com"}
    answer = await _upload(world, identifiers=[address], user_ids=["ann", "nobody"])
    assert (answer["added"], answer["unknown"]) == (1, 1)
    await world.settle()
    assert await world.members("guests") == {"ann"}
    assert await world.items("messaging", "/v1/decisions") == []
    await world.send(order("ann", "a1", 10), order("ben", "b1", 10))
    await world.settle()
    assert [mail["subject"] for mail in await mails_to(world, "ann")] == ["bought"]
    assert await mails_to(world, "ben") == []
    await world.call("GET", "profiles", "/v1/profiles/lookup?user_id=nobody", status=404)


async def test_who_is_listed_anonymously_stays_so_when_they_become_known_and_not_when_they_are_erased(
    world: World,
) -> None:
    await world.call("POST", "segments", "/v1/segments", {"key": "guests", "list": True}, status=201)
    await until_live(world, "guests")
    profile_id = await consenting(world, "ann")
    await world.send({"type": "page", "anonymousId": "ann-phone"})
    await world.settle()
    phone = {"namespace": "anonymous_id", "value": "ann-phone"}
    assert (await _upload(world, identifiers=[phone]))["added"] == 1
    assert await world.members("guests") == {None}
    await world.send({"type": "identify", "userId": "ann", "anonymousId": "ann-phone"})
    await world.settle()
    assert await world.members("guests") == {"ann"}
    assert (await _upload(world, identifiers=[phone], profile_ids=[profile_id]))["kept"] == 1
    await world.call("DELETE", "profiles", f"/v1/profiles/{profile_id}", status=202)
    assert (await _upload(world, user_ids=["ann"], profile_ids=[profile_id]))["unknown"] == 2
    await world.settle()
    assert await world.members("guests") == set()
