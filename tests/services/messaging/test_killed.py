"""`kill -9` of four senders at every step, and providers that take a message and hang up: never two messages for one trigger,
nobody without an outcome, and the outcomes add up."""

from collections import Counter
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from services.messaging.clients.carriers import carriers_of
from services.messaging.config import Settings
from services.messaging.service.providers import Provider
from shared.plumbing import json
from tests.services.messaging.conftest import Messaging, NewMessaging
from tests.services.messaging.neighbours import consent
from tests.services.messaging.post import Post
from tests.services.messaging.receiver import HANG_UP, Receiver
from tests.services.messaging.senders import make_sender
from tests.services.messaging.test_carriers import SECRET, TAKEN, fcm, twilio
from tests.support.groups import run_group
from tests.support.waiting import until

CHANNELS = ("email", "sms", "push", "webhook")
PEOPLE = 24


@pytest.fixture(scope="module")
def pem() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    kind, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(kind, form, serialization.NoEncryption()).decode()


class World:
    """A provider of each channel, and what each was given, by person."""

    def __init__(self, post: Post, sms: Receiver, push: Receiver, tokens: Receiver, hooks: Receiver) -> None:
        self.post, self.sms, self.push, self.tokens, self.hooks = post, sms, push, tokens, hooks

    def settings(self, account: Path, pem: str) -> dict[str, Any]:
        account.write_bytes(json.dumps({"project_id": "shop", "client_email": "push@shop", "private_key": pem}))
        return (
            self.post.settings
            | twilio(self.sms.url)
            | fcm(account, self.push.url, self.tokens.url)
            | {"webhook_url": self.hooks.url, "webhook_secret": SECRET, "fcm_credentials": str(account)}
        )

    def given(self) -> dict[str, Counter[str]]:
        """How many messages each person has by channel; a webhook given again under its id is one."""
        hooks = {(one.body["data"]["profile_id"], one.headers["webhook-id"]) for one in self.hooks.posted}
        return {
            "email": Counter(envelope.rcpt_tos[0].split("@")[0] for envelope in self.post.taken),
            "sms": Counter(one.form["To"] for one in self.sms.posted),
            "push": Counter(one.body["message"]["token"] for one in self.push.posted),
            "webhook": Counter(profile_id for profile_id, _ in hooks),
        }


def person(messaging: Messaging, number: int) -> UUID:
    return messaging.near.add_person(
        user_id=f"p{number}",
        traits={"email": f"p{number}@example.com", "phone": f"+49 171 1000{number:03}"},
        devices=[{"token": f"device-{number}", "platform": "ios", "seen_at": "2026-01-01T00:00:00Z"}],
        consents=[consent(channel="any")],
    )


async def triggered(messaging: Messaging) -> list[UUID]:
    """Everybody enters, and a campaign of each channel has its triggers; nothing is sent yet, and the service is stopped."""
    for channel in CHANNELS:
        await messaging.campaign(channel, template={"channel": channel, "body": "Hi"})
    await messaging.stop()
    people = [person(messaging, number) for number in range(PEOPLE)]
    for one in people:
        messaging.near.change(one, "vip", messaging.clock.now())
    async with make_sender(messaging, "reader") as reader:
        await reader.take_in()
    return people


async def kill_all(messaging: Messaging, settings: dict[str, Any], directory: Path) -> None:
    """A sender for each step, at once, until all have died of it, or of our hand where the others left them nothing to do."""
    file = directory / "senders.json"
    people = {str(key): one for key, one in messaging.near.people.items()}
    file.write_bytes(json.dumps({"url": messaging.url, "settings": settings, "people": people}))
    with suppress(TimeoutError):
        await run_group("tests.services.messaging.dying", file, seconds=60)


async def finish(messaging: Messaging, settings: dict[str, Any]) -> None:
    """A sender takes everything over, once the leases and the claims of the dead have expired."""
    carriers: dict[str, Provider] = {**carriers_of(Settings(**(messaging.settings | settings)), messaging.clock.now)}
    async with make_sender(messaging, "heir", carriers=carriers) as heir:
        for _ in range(4):
            messaging.clock.step(timedelta(minutes=3))
            await heir.leases.renew()
            await heir.recorder.sweep(list(range(64)))
            while await heir.sender.step():
                await heir.providers.finish(10)
        for carrier in carriers.values():
            await carrier.close()  # type: ignore[attr-defined]


@pytest.mark.once
async def test_nobody_gets_two_and_nobody_is_forgotten(messaging: Messaging, tmp_path: Path, pem: str) -> None:
    granted = (200, {"access_token": "a-token", "expires_in": 3599})
    async with (
        Post().open() as post,
        Receiver(TAKEN).open() as sms,
        Receiver((200, {"name": "projects/shop/messages/1"})).open() as push,
        Receiver(granted).open() as tokens,
        Receiver(204).open() as hooks,
    ):
        world = World(post, sms, push, tokens, hooks)
        settings = world.settings(tmp_path / "account.json", pem)
        await triggered(messaging)
        await kill_all(messaging, settings, tmp_path)
        left = await messaging.rows("SELECT count(*) FROM sends WHERE decision IS NULL")
        assert left[0][0] > 0, "they died before it was done"
        await finish(messaging, settings)

    given = world.given()
    rows = await messaging.rows("SELECT campaign, decision FROM sends")
    decisions = {
        channel: Counter(row["decision"] for row in rows if row["campaign"] == channel) for channel in CHANNELS
    }
    for channel in CHANNELS:
        assert max(given[channel].values()) == 1, f"somebody had two by {channel}"
        assert decisions[channel].total() == PEOPLE
        assert decisions[channel].keys() <= {"sent", "unknown"}
        sent, unknown = decisions[channel]["sent"], decisions[channel]["unknown"]
        assert sent <= len(given[channel]) <= sent + unknown
    assert sum(decisions[channel]["unknown"] for channel in CHANNELS) > 0
    assert decisions["webhook"]["unknown"] == 0, "a webhook is given again under its id"


@pytest.mark.parametrize("channel", ["sms", "push", "webhook"])
async def test_a_provider_that_takes_it_and_hangs_up_is_given_no_second_message(
    new_messaging: NewMessaging, tmp_path: Path, pem: str, channel: str
) -> None:
    """A webhook is given again under its id, by which its receiver can tell."""
    granted = (200, {"access_token": "a-token", "expires_in": 3599})
    async with Post().open() as post, Receiver(HANG_UP, TAKEN).open() as api, Receiver(granted).open() as tokens:
        world = World(post, api, api, tokens, api)
        messaging = await new_messaging(**world.settings(tmp_path / "account.json", pem))
        await messaging.campaign(template={"channel": channel, "body": "Hi"})
        await messaging.enter(person(messaging, 1))
        await api.was_posted(1)
        await until(messaging.decisions, "the hanging up is written down")
        [decision] = await messaging.decisions()
        again = channel == "webhook"
        assert (decision["decision"], decision["reason"]) == ("deferred" if again else "unknown", "no_answer")
        [delivery] = await messaging.items("/v1/deliveries")
        assert delivery["status"] == "unknown"
        messaging.step(timedelta(hours=1))
        await api.was_posted(2 if again else 1)
        await messaging.settle()
        [decision] = await messaging.decisions()
        assert decision["decision"] == ("sent" if again else "unknown")
        assert len(api.posted) == (2 if again else 1)
        assert len({one.headers.get("webhook-id") for one in api.posted}) == 1
