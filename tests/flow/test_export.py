"""Who asks what is held on them gets all of it, from every service, as one file."""

from tests.flow.story import consenting, order, thank_spenders, until_live
from tests.flow.test_erasure import TRACES, dump
from tests.support.world import World

HELD_AGAIN = {
    "events.event_keys",
    "events.merged_profiles",
    "events.profile_events",
    "events.violations",
    "messaging.feed",
    "messaging.memberships_seen",
    "messaging.people",
    "profiles.contacts",
    "profiles.feed",
    "profiles.identifiers",
    "segments.feed",
    "segments.history",
    "segments.profiles",
}
"""What is in the file by other tables."""
SECTIONS = {
    "events.log": "events",
    "events.rejected": "rejected",
    "messaging.deliveries": "deliveries",
    "messaging.journey_runs": "journey_runs",
    "messaging.sends": "decisions",
    "messaging.suppressions": "suppressions",
    "messaging.tasks": "tasks",
    "profiles.consents": "consents",
    "profiles.devices": "devices",
    "profiles.life_events": "life_events",
    "profiles.merges": "merges",
    "profiles.preferences": "preferences",
    "profiles.profiles": "profile",
    "profiles.profile_identifiers": "profile",
    "segments.changes": "segment_changes",
    "segments.memberships": "segments",
}


async def _live(world: World) -> str:
    """A life that leaves something in every table; the profile's id."""
    await thank_spenders(world)
    visited = {"event": "Page Viewed", "op": ">=", "value": 1}
    await world.call("POST", "segments", "/v1/segments", {"key": "visitors", "condition": visited}, status=201)
    await until_live(world, "visitors")
    profile_id = await consenting(world, "zoe-user", first_name="Zoelinde", phone="+4915112345678")
    path = f"/v1/profiles/{profile_id}"
    await world.call("PUT", "profiles", f"{path}/devices/zoe-token", {"platform": "ios"})
    await world.call("PUT", "profiles", f"{path}/preferences", {"topics": {"news": True}})
    await world.call("POST", "profiles", f"{path}/life-events", {"kind": "moved", "date": "2026-01-01"})
    suppression = {"channel": "sms", "address": "+4915112345678", "reason": "asked"}
    await world.call("POST", "messaging", "/v1/suppressions", suppression)
    journey = {"key": "j", "entry": {"event": "Order Completed"}, "steps": [{"wait": "P1D"}]}
    await world.call("POST", "messaging", "/v1/journeys", journey, status=201)
    await world.call("POST", "messaging", "/v1/journeys/j/start")
    task = {"title": "Call", "within": "PT15M", "team": "phone"}
    call = {"key": "call", "trigger": {"event": "Order Completed"}, "purpose": "operational", "task": task}
    await world.call("POST", "messaging", "/v1/campaigns", call, status=201)
    await world.call("POST", "messaging", "/v1/campaigns/call/start")
    await world.send({"type": "page", "name": "Home", "anonymousId": "zoe-anon", "messageId": "m"})
    await world.settle()
    await world.send({"type": "identify", "userId": "zoe-user", "anonymousId": "zoe-anon"})
    await world.send(*(order("zoe-user", f"z{number}", 150) for number in range(3)))
    await world.send({"type": "track", "userId": "zoe-user", "event": "", "properties": {"who": "Zoelinde"}})
    await world.settle()
    return profile_id


async def test_whatever_table_names_a_person_it_is_in_the_file(world: World) -> None:
    profile_id = await _live(world)
    found = await world.call("GET", "profiles", f"/v1/profiles/{profile_id}/export")
    assert {"m", "m-z2", "m-z1", "m-z0"} <= {one["message_id"] for one in found["events"]}
    as_visitor = [one["change"] for one in found["segment_changes"] if one["profile_id"] != profile_id]
    assert sorted(as_visitor) == ["entered", "left"]
    assert [mail["to"] for mail in found["mailbox"]] == ["zoe-user@example.com"]
    shown = found | {"life_events": found["profile"]["life_events"]}
    named = {
        table.replace('"', "").partition("log_")[0] + ("log" if "log_" in table else "")
        for table, text in (await dump(world.url)).items()
        if any(trace in text for trace in (*TRACES, profile_id))
    }
    assert sorted(named - HELD_AGAIN - SECTIONS.keys()) == [], "a table whose rows are in no part of the file"
    assert sorted(section for section in set(SECTIONS.values()) if not shown[section]) == []


async def test_it_is_whole_or_not_at_all(world: World) -> None:
    profile_id = await consenting(world, "zoe-user")
    await world.send(*({"type": "track", "userId": "zoe-user", "event": "Seen"} for _ in range(1001)))
    await world.settle()
    found = await world.call("GET", "profiles", f"/v1/profiles/{profile_id}/export")
    assert len({one["message_id"] for one in found["events"]}) == 1001
    answer = await world.http.get(f"{world.urls['profiles']}/v1/profiles/{profile_id}/export")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="profile-{profile_id}.json"'
    world.joined.down.add("messaging")
    await world.call("GET", "profiles", f"/v1/profiles/{profile_id}/export", status=503)
    await world.call("GET", "profiles", "/v1/profiles/01981c6e-7a4b-7c3e-9d2f-0a1b2c3d4e5f/export", status=404)
