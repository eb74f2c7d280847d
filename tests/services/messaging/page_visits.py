"""Somebody who was sent a mail and comes to the preference page by its link."""

import re
from html import unescape
from typing import Any
from urllib.parse import urlencode

import httpx

from tests.services.messaging.conftest import Messaging

TOPICS = [
    {"key": "news", "name": {"en": "News", "de": "Neues"}},
    {"key": "wine", "name": {"en": "Wine", "de": "Wein"}, "default": "opt_in"},
]
MORNING = {"days": ["mon"], "from": "09:00", "until": "12:00"}
TRAITS = {"email": "ada.lovelace@example.com", "phone": "+49 171 1234567", "timezone": "Europe/Berlin"}


async def mailed(messaging: Messaging, **fields: Any) -> tuple[Any, str]:
    """Somebody who was sent a mail, and its link to the page."""
    await messaging.call("PUT", "/v1/settings", {"topics": TOPICS})
    await messaging.campaign(reentry="always", template={"body": "{{ preferences_url }}"}, topic="news")
    ada = messaging.near.add_person(user_id="ada", traits=TRAITS | fields.pop("traits", {}), **fields)
    await messaging.enter(ada)
    await messaging.settle()
    [mail] = await messaging.mailbox()
    return ada, mail["text"].strip().split("8004")[1]


async def visit(messaging: Messaging, url: str, form: Any = None, **headers: str) -> httpx.Response:
    """As a browser: without a key."""
    method, content = ("GET", None) if form is None else ("POST", urlencode(form, doseq=True))
    kind = {"Authorization": "", "Content-Type": "application/x-www-form-urlencoded"}
    return await messaging.http.request(method, url, content=content, headers=kind | headers)


def fields_of(page: httpx.Response) -> dict[str, list[str]]:
    """What a browser would send of the page's last form, as it stands."""
    fields: dict[str, list[str]] = {"choice": ["save"]}
    for tag in re.findall("<input[^>]*>", page.text.rsplit("<form", 1)[1]):
        found = dict(re.findall('([a-z]+)="([^"]*)"', tag))
        if (found["type"] != "checkbox" or " checked" in tag) and " disabled" not in tag:
            fields.setdefault(found["name"], []).append(unescape(found["value"]))
    chosen = re.findall('<select name="([a-z]+)">.*?<option value="([a-z]*)"[^>]* selected>', page.text)
    return fields | {name: [value] for name, value in chosen}


async def told(messaging: Messaging) -> tuple[list[Any], list[Any]]:
    """What profiles was told by now: consents and preferences."""
    await messaging.settle()
    near = messaging.near
    consents = [(one["purpose"], one["channel"], one["status"], one["source"]) for one in near.consents_told]
    return consents, [(one["topics"], one["contact_windows"]) for one in near.preferences_told]
