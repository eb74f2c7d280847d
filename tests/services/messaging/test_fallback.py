"""Where one channel fails for good the next is tried, and nobody gets a message twice; what failed is sent after all when asked."""

from datetime import timedelta
from typing import Any

import pytest

from services.messaging.domain.answers import Accepted, Answer, NotNow, Rejected, Unsure
from services.messaging.domain.delivery import Delivery
from services.messaging.service.providers import Provider
from tests.services.messaging.conftest import Messaging, NewMessaging
from tests.services.messaging.neighbours import consent
from tests.services.messaging.senders import Standing, make_sender
from tests.support.waiting import until

PERSON: dict[str, Any] = {
    "traits": {"email": "ada@example.com", "phone": "+49 171 1234567"},
    "preferences": {"channels": ["sms", "email"]},
    "consents": [consent(channel="any")],
}


class Carrier:
    """Gives these answers, one after the other, and the last for ever."""

    timeout = 5.0
    room = 10
    per_second: float | None = None
    repeatable = False

    def __init__(self, name: str, *answers: Answer) -> None:
        self.name = name
        self.answers = list(answers)
        self.sent: list[Delivery] = []

    async def send(self, delivery: Delivery) -> Answer:
        self.sent.append(delivery)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


async def _campaign(messaging: Messaging, **fields: Any) -> None:
    for channel in ("sms", "email"):
        body = {"key": "hello", "channel": channel, "subject": "Hi", "body": f"Hi by {channel}"}
        await messaging.call("POST", "/v1/templates", body, status=201)
    await messaging.campaign(template=None, **({"variants": [{"template": "hello"}], "channel": "preferred"} | fields))


async def _work(standing: Standing) -> None:
    for _ in range(5):
        await standing.sender.step()
        await standing.providers.finish(5)


async def _go(messaging: Messaging, sms: Carrier, email: Carrier, **fields: Any) -> Any:
    """The one decision, once all that is due is done."""
    await _campaign(messaging, **fields)
    await messaging.stop()
    carriers: dict[str, Provider] = {"sms": sms, "email": email}
    async with make_sender(messaging, "one", carriers=carriers) as standing:
        messaging.near.change(messaging.near.add_person(**PERSON), "vip", messaging.clock.now())
        await standing.take_in()
        await standing.leases.renew()
        await _work(standing)
    await messaging.start()
    [decision] = await messaging.decisions()
    return decision


async def test_the_next_channel_is_tried_where_one_refuses_for_good(messaging: Messaging) -> None:
    sms, email = Carrier("twilio", Rejected("400 21211", bounced=True)), Carrier("smtp", Accepted("250"))
    decision = await _go(messaging, sms, email)
    assert (decision["decision"], len(sms.sent), len(email.sent)) == ("sent", 1, 1)
    assert sms.sent[0].id != email.sent[0].id
    assert {(one["channel"], one["status"]) for one in await messaging.items("/v1/deliveries")} == {
        ("sms", "failed"),
        ("email", "sent"),
    }
    [suppression] = await messaging.items("/v1/suppressions")
    assert (suppression["channel"], suppression["reason"]) == ("sms", "bounced")


@pytest.mark.parametrize(("answer", "expected"), [(Unsure("?"), "unknown"), (NotNow("busy"), "deferred")])
async def test_while_it_may_have_arrived_or_may_yet_no_other_channel_is_used(
    messaging: Messaging, answer: Answer, expected: str
) -> None:
    sms, email = Carrier("twilio", answer), Carrier("smtp", Accepted("250"))
    decision = await _go(messaging, sms, email)
    assert (decision["decision"], len(sms.sent), len(email.sent)) == (expected, 1, 0)


async def test_where_all_refuse_it_has_failed_and_says_what_was_tried(messaging: Messaging) -> None:
    sms, email = Carrier("twilio", Rejected("400")), Carrier("smtp", Rejected("550"))
    decision = await _go(messaging, sms, email)
    assert (decision["decision"], decision["reason"]) == ("failed", "provider_error")
    assert decision["facts"] == {"tried": ["sms", "email"]}
    assert (len(sms.sent), len(email.sent)) == (1, 1)


async def test_a_campaign_of_one_channel_uses_no_other(messaging: Messaging) -> None:
    sms, email = Carrier("twilio", Rejected("400")), Carrier("smtp", Accepted("250"))
    decision = await _go(messaging, sms, email, channel="sms")
    assert (decision["decision"], len(sms.sent), len(email.sent)) == ("failed", 1, 0)


async def test_what_failed_is_sent_after_all_when_asked_and_once(messaging: Messaging) -> None:
    sms, email = Carrier("twilio", Rejected("400"), Accepted("SM1")), Carrier("smtp", Accepted("250"))
    failed = await _go(messaging, sms, email, channel="sms")
    [dead] = await messaging.items("/v1/dead-letters")
    assert (dead["id"], dead["decision"]) == (failed["id"], "failed")
    for redriven in (1, 0):
        answer = await messaging.call("POST", "/v1/dead-letters/redrive", {"campaign": "hello"}, status=202)
        assert answer == {"redriven": redriven, "more": False}
        await messaging.stop()
        async with make_sender(messaging, "two", carriers={"sms": sms}) as standing:
            await standing.leases.renew()
            await _work(standing)
        await messaging.start()
    assert len(sms.sent) == 2
    assert [one["decision"] for one in await messaging.decisions()] == ["sent"]
    assert await messaging.items("/v1/dead-letters") == []


async def test_what_may_have_arrived_is_sent_again_only_when_that_is_said(messaging: Messaging) -> None:
    sms = Carrier("twilio", Unsure("?"))
    unknown = await _go(messaging, sms, Carrier("smtp", Accepted()), channel="sms")
    for asked, redriven in (({"ids": [unknown["id"]]}, 0), ({"ids": [unknown["id"]], "unknown": True}, 1)):
        answer = await messaging.call("POST", "/v1/dead-letters/redrive", asked, status=202)
        assert answer["redriven"] == redriven


async def test_what_is_redriven_is_decided_anew(new_messaging: NewMessaging) -> None:
    messaging = await new_messaging()
    await messaging.campaign(template={"body": "{{ 1 | divided_by: 0 }}"})
    ada = messaging.near.add_person(**PERSON)
    await messaging.enter(ada)
    await messaging.settle()
    assert [one["reason"] for one in await messaging.items("/v1/dead-letters")] == ["template_error"]
    body = {"channel": "email", "address": "ada@example.com", "reason": "asked by phone"}
    await messaging.call("POST", "/v1/suppressions", body, status=201)
    messaging.step(timedelta(days=3))
    await messaging.call("POST", "/v1/dead-letters/redrive", {}, status=202)

    async def it_is_decided_anew() -> bool:
        return [one["decision"] for one in await messaging.decisions()] == ["suppressed"]

    await until(it_is_decided_anew, "it is decided by the suppressions of now")
