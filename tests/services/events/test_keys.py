"""Sources, write keys and API keys: made, listed, revoked; roles."""

import re
from collections.abc import Awaitable, Callable

import httpx

from shared.plumbing.auth import derive, hash_key
from tests.services.events.conftest import API_KEY, SECRET, WRITE_KEY, Connection, Events, running, track
from tests.support.waiting import until


async def _until_refused(asking: Callable[[], Awaitable[httpx.Response]]) -> None:
    async def is_refused() -> bool:
        return (await asking()).status_code == 401

    await until(is_refused, "the key is good no more")


async def test_a_new_source_may_send_at_once_and_a_revoked_one_no_more(events: Events) -> None:
    source = await events.call("POST", "/v1/sources", {"name": "web", "kind": "web", "trust": "high"}, status=201)
    assert re.fullmatch(r"c[a-z0-9]{24}", source["write_key"])
    await events.post("/v1/track", track(), key=source["write_key"])
    await events.call("POST", "/v1/sources", {"name": "web"}, status=409)
    await events.call("DELETE", f"/v1/sources/{source['id']}", status=204)
    await _until_refused(lambda: events.http.post("/v1/track", content=b"{}", auth=(source["write_key"], "")))
    await events.post("/v1/track", track())
    again = await events.call("POST", "/v1/sources", {"name": "web"}, status=201)
    assert again["id"] == source["id"]
    await events.post("/v1/track", track(), key=again["write_key"])
    await events.post("/v1/track", track(), key=source["write_key"], status=401)


async def test_a_source_may_change_its_key_without_a_pause(events: Events) -> None:
    source = await events.call("POST", "/v1/sources", {"name": "pos", "kind": "pos"}, status=201)
    path = f"/v1/sources/{source['id']}/write-keys"
    added = await events.call("POST", path, status=201)
    await events.post("/v1/track", track(), key=added["write_key"])
    await events.call("DELETE", f"{path}/{source['write_key']}", status=204)
    [listed] = [item for item in await events.items("/v1/sources") if item["name"] == "pos"]
    assert listed["write_keys"] == [added["write_key"]]
    await events.call("DELETE", f"{path}/cunknown", status=404)


async def test_the_deployments_own_names_are_reserved(standing: Events) -> None:
    await standing.call("POST", "/v1/sources", {"name": "messaging"}, status=422)
    await standing.call("POST", "/v1/sources", {"name": ""}, status=422)
    await standing.call("POST", "/v1/sources", {"name": "a\x00b"}, status=422)
    await standing.call("POST", "/v1/sources", {"name": "x", "kind": "odd"}, status=422)


async def test_roles_reach_as_far_as_they_say(events: Events) -> None:
    keys = {}
    for role in ("read", "write", "admin"):
        made = await events.call("POST", "/v1/keys", {"name": role, "role": role}, status=201)
        keys[role] = made["key"]
    for role, status in (("read", 403), ("write", 403), ("admin", 200)):
        await events.call("GET", "/v1/keys", key=keys[role], status=status)
        await events.call("GET", "/v1/sources", key=keys[role], status=status)
        await events.call("GET", "/v1/events", key=keys[role])
    await events.call("GET", "/v1/events", key=WRITE_KEY, status=401)


async def test_an_api_key_is_shown_once_kept_as_a_hash_and_refused_when_revoked(
    events: Events, database: Connection
) -> None:
    made = await events.call("POST", "/v1/keys", {"name": "reports", "role": "read"}, status=201)
    assert await database.fetchval("SELECT key_hash FROM api_keys WHERE name = 'reports'") == hash_key(made["key"])
    [listed] = [item for item in await events.items("/v1/keys") if item["name"] == "reports"]
    assert "key" not in listed
    await events.call("GET", "/v1/events", key=made["key"])
    await events.call("DELETE", f"/v1/keys/{made['id']}", status=204)
    headers = {"Authorization": f"Bearer {made['key']}"}
    await _until_refused(lambda: events.http.get("/v1/events", headers=headers))
    [listed] = [item for item in await events.items("/v1/keys") if item["name"] == "reports"]
    assert listed["revoked_at"]


async def test_a_revoked_first_key_stays_revoked_when_the_service_starts_again(events: Events, events_url: str) -> None:
    [first] = await events.items("/v1/keys")
    [source] = await events.items("/v1/sources")
    await events.call("DELETE", f"/v1/sources/{source['id']}/write-keys/{WRITE_KEY}", status=204)
    await events.call("DELETE", f"/v1/keys/{first['id']}", status=204)
    async with running(events_url) as again:
        await again.call("GET", "/v1/events", key=API_KEY, status=401)
        await again.post("/v1/track", track(), status=401)


async def test_the_other_services_learn_the_hashes_of_good_keys(standing: Events) -> None:
    token = derive(SECRET, "internal")
    answer = await standing.call("GET", "/internal/keys", key=token)
    assert hash_key(API_KEY) in {key["key_hash"] for key in answer["keys"] if key["role"] == "admin"}
    await standing.call("GET", "/internal/keys", status=401)
    await standing.call("GET", "/internal/progress", status=401)


async def test_a_service_whose_database_is_not_there_yet_is_alive_and_not_ready() -> None:
    async with running("postgresql://nobody@127.0.0.1:1/none") as events:
        assert (await events.http.get("/healthz")).status_code == 200
        assert (await events.http.get("/readyz")).status_code == 503
        await events.post("/v1/track", track(), status=503)


async def test_a_revoked_key_is_good_for_nothing_from_then_on(events: Events) -> None:
    made = await events.call("POST", "/v1/keys", {"name": "x", "role": "admin"}, status=201)
    await events.call("GET", "/v1/events", key=made["key"])
    await events.call("DELETE", f"/v1/keys/{made['id']}", status=204)
    await events.call("POST", "/v1/keys", {"name": "y", "role": "admin"}, key=made["key"], status=401)

    source = await events.call("POST", "/v1/sources", {"name": "till"}, status=201)
    more = await events.call("POST", f"/v1/sources/{source['id']}/write-keys", status=201)
    message = {"type": "track", "event": "A", "userId": "u", "messageId": "m1"}
    await events.post("/v1/track", message, key=more["write_key"])
    await events.call("DELETE", f"/v1/sources/{source['id']}/write-keys/{more['write_key']}", status=204)
    await events.post("/v1/track", message | {"messageId": "m2"}, key=more["write_key"], status=401)
    await events.call("DELETE", f"/v1/sources/{source['id']}", status=204)
    await events.post("/v1/track", message | {"messageId": "m3"}, key=source["write_key"], status=401)
