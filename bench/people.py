"""People, as profiles and segments know them, and broadcasts to them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from shared.plumbing.db import Database
from shared.plumbing.ids import new_id
from shared.plumbing.lanes import lane_of
from tests.flow.story import until_live
from tests.support.deployment import Deployment

BODY = """<p>Hello {{ profile.traits.first_name | default: "there" }},</p>
<p>Wool blankets are 20 % off until Sunday{% if profile.traits.city %} in {{ profile.traits.city }}{% endif %}.</p>
<p><a href="https://shop.example/blankets">To the blankets</a></p>
<p><a href="{{ unsubscribe_url }}">Unsubscribe</a> · <a href="{{ preferences_url }}">Preferences</a></p>"""


async def add_people(url: str, kind: str, count: int, *, consenting: bool = True) -> None:
    """As profiles and segments would know them had they been told long ago."""
    now = datetime.now(UTC)
    for start in range(0, count, 10_000):
        ids = [new_id() for _ in range(min(10_000, count - start))]
        lanes = [lane_of(one) for one in ids]
        for schema, statements in _PEOPLE.items():
            db = await Database.open(url, schema=schema)
            for statement in statements if consenting else statements[:1]:
                await db.execute(statement, lanes, ids, now, kind)
            await db.close()


_PEOPLE = {
    "profiles": [
        """INSERT INTO profiles (lane, id, version, user_id, traits, provenance, created_at, updated_at, absorbed)
           SELECT lane, id, 1, 'user-' || id, jsonb_build_object('email', $4::text || '-' || id || '@example.com', 'kind', $4::text,
                  'first_name', 'Ada', 'city', 'Vienna', 'timezone', 'Europe/Vienna', 'country', 'AT'), '{}', $3, $3, '{}'
           FROM unnest($1::smallint[], $2::uuid[]) AS new (lane, id)""",
        """INSERT INTO consents (lane, profile_id, id, purpose, channel, status, source, at, recorded_at)
           SELECT lane, id, id, 'marketing', 'email', 'granted', 'form ' || $4::text, $3, $3
           FROM unnest($1::smallint[], $2::uuid[]) AS new (lane, id)""",
        """INSERT INTO profile_identifiers (lane, profile_id, namespace, value, position, shown, first_seen_at)
           SELECT lane, id, 'user_id', 'user-' || id, 1, true, $3 FROM unnest($1::smallint[], $2::uuid[]) AS new (lane, id)
           WHERE $4::text <> ''""",
    ],
    "segments": [
        """INSERT INTO profiles (lane, profile_id, user_id, version, traits, life_events, created_at, states, truths,
                                 revision, evaluated_at, erased)
           SELECT lane, id, 'user-' || id, 1, jsonb_build_object('kind', $4::text), '[]', $3, '{}', '{}', 0, $3, false
           FROM unnest($1::smallint[], $2::uuid[]) AS new (lane, id)"""
    ],
}


async def broadcast(deployment: Deployment, kind: str, **fields: Any) -> None:
    """A segment of these people, and a broadcast to it now."""
    condition = {"trait": "kind", "op": "=", "value": kind}
    segment = {"key": kind, "name": kind, "condition": condition}
    await deployment.call("POST", "segments", "/v1/segments", segment, status=201)
    await until_live(deployment, kind)
    body = {
        "key": kind,
        "trigger": {"segment": kind, "at": (datetime.now(UTC) - timedelta(seconds=1)).isoformat()},
        "template": "offer",
        "purpose": "marketing",
    }
    await deployment.call("POST", "messaging", "/v1/campaigns", body | fields, status=201)
    await deployment.call("POST", "messaging", f"/v1/campaigns/{kind}/start")


async def offer(deployment: Deployment) -> None:
    template = {
        "key": "offer",
        "channel": "email",
        "subject": "20 % off, {{ profile.traits.first_name }}",
        "body": BODY,
    }
    await deployment.call("POST", "messaging", "/v1/templates", template, status=201)
