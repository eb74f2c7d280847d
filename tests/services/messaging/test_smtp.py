"""Real SMTP: servers that take mail, refuse it, are slow, or hang up in the middle."""

import asyncio
from datetime import timedelta
from email import message_from_bytes
from types import SimpleNamespace
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult, LoginPassword

from services.messaging.clients.smtp import Server, SmtpProvider
from services.messaging.domain.answers import Accepted, NotNow, Rejected, Unsure
from shared.plumbing.ids import new_id
from tests.services.messaging.conftest import Messaging, NewMessaging
from tests.services.messaging.post import Post, answering, hang_up
from tests.services.messaging.senders import make_sender
from tests.services.messaging.test_people import two
from tests.support.waiting import until


async def outcome_names(messaging: Messaging) -> list[str]:
    rows = await messaging.rows("SELECT message FROM feed ORDER BY written_at, lane, seq")
    return [row["message"].split('"name":"')[1].split('"')[0] for row in rows]


async def test_a_mail_goes_out_with_its_headers_and_both_parts(new_messaging: NewMessaging) -> None:
    async with Post().open() as post:
        messaging = await new_messaging(**post.settings)
        await messaging.campaign(
            template={"subject": "Grüße", "body": "<p>Hi</p>.\n.\nbye", "from": "Shop <s@shop.example>"}
        )
        ada = messaging.near.add_person(user_id="ada")
        await messaging.enter(ada)
        await messaging.settle()
        [envelope] = post.taken
        assert (envelope.mail_from, envelope.rcpt_tos) == ("s@shop.example", ["ada@example.com"])
        content = envelope.content
        assert isinstance(content, bytes)
        mail = message_from_bytes(content)
        [delivery] = await messaging.items("/v1/deliveries")
        assert mail["Message-ID"] == f"<{delivery['id']}@shop.example>"
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert mail.get_content_type() == "multipart/alternative"
        assert (delivery["status"], delivery["provider"], delivery["answer"]) == ("sent", "smtp", "250 2.0.0 taken")
        [decision] = await messaging.decisions()
        assert (decision["decision"], decision["delivery_id"]) == ("sent", delivery["id"])
        assert await outcome_names(messaging) == ["Email Sent"]
        assert await messaging.mailbox() == []


@pytest.mark.parametrize("step", ["mail", "rcpt", "data"])
async def test_what_may_pass_is_tried_again(new_messaging: NewMessaging, step: str) -> None:
    async with Post(**{step: answering("451 4.7.1 not now", "451 4.7.1 not now", "250 OK")}).open() as post:
        messaging = await new_messaging(**post.settings)
        await messaging.campaign()
        await messaging.enter(messaging.near.add_person())
        await messaging.settle()  # a message that waits to be retried is not pending
        [waiting] = await messaging.decisions()
        assert (waiting["decision"], waiting["reason"]) == ("deferred", "provider_error")
        assert waiting["facts"]["answer"] == "451 4.7.1 not now"
        for tries in (2, 3):
            messaging.step(timedelta(minutes=1))
            await post.tried(tries)
            await messaging.settle()
        assert len(post.taken) == 1
        [sent] = await messaging.decisions()
        assert (sent["decision"], sent["facts"]["attempts"]) == ("sent", 3)
        assert len(await messaging.items("/v1/deliveries")) == 1


async def test_tries_end_when_it_is_stale(new_messaging: NewMessaging) -> None:
    async with Post(rcpt=answering("451 later")).open() as post:
        messaging = await new_messaging(**post.settings)
        await messaging.campaign(stale_after="PT3M")
        await messaging.enter(messaging.near.add_person())
        await messaging.settle()

        async def is_given_up() -> bool:
            messaging.step(timedelta(minutes=1))
            return {(one["decision"], one["reason"]) for one in await messaging.decisions()} == {
                ("failed", "provider_error")
            }

        await until(is_given_up, "it is tried no more")
        assert post.taken == []


async def test_a_refusal_for_good_is_final_and_a_bounce_suppresses_the_address(new_messaging: NewMessaging) -> None:
    async with Post(rcpt=answering("550 5.1.1 nobody here")).open() as post:
        messaging = await new_messaging(**post.settings)
        await messaging.campaign(reentry="always")
        ada = messaging.near.add_person(user_id="ada")
        await messaging.enter(ada)
        await messaging.settle()
        await messaging.enter(ada)
        await messaging.settle()
        assert [one["reason"] for one in await messaging.decisions()] == ["suppressed", "provider_error"]
        [suppression] = await messaging.items("/v1/suppressions")
        assert (suppression["address"], suppression["reason"]) == ("ada@example.com", "bounced")
        assert await outcome_names(messaging) == ["Email Bounced"]
        assert post.tries == 1


async def test_refused_as_spam_is_final_but_suppresses_nobody(new_messaging: NewMessaging) -> None:
    async with Post(data=answering("554 5.7.1 spam")).open() as post:
        messaging = await new_messaging(**post.settings)
        await messaging.campaign()
        await messaging.enter(messaging.near.add_person())
        await messaging.settle()
        assert [one["reason"] for one in await messaging.decisions()] == ["provider_error"]
        assert await messaging.items("/v1/suppressions") == []
        assert await outcome_names(messaging) == ["Email Failed"]


async def test_hung_up_before_the_text_is_tried_again_and_after_it_never(new_messaging: NewMessaging) -> None:
    async with Post(rcpt=hang_up).open() as post:
        messaging = await new_messaging(**post.settings)
        await messaging.campaign()
        ada = messaging.near.add_person()
        await messaging.enter(ada)
        await messaging.settle()
        assert [one["decision"] for one in await messaging.decisions()] == ["deferred"]
        post.at = {"data": hang_up}
        messaging.step(timedelta(minutes=1))
        await post.tried(2)
        await messaging.settle()
        [unknown] = await messaging.decisions()
        assert (unknown["decision"], unknown["reason"]) == ("unknown", "no_answer")
        tries = post.tries
        messaging.step(timedelta(hours=1))
        await messaging.settle()
        assert post.tries == tries
        await messaging.enter(ada)  # may have been sent: it counts for re-entry
        await messaging.settle()
        assert (await messaging.decisions())[0]["reason"] == "reentry"


async def test_an_unreachable_server_is_tried_again(new_messaging: NewMessaging) -> None:
    async with Post().open() as post:
        settings = post.settings
    messaging = await new_messaging(**settings)
    await messaging.campaign()
    await messaging.enter(messaging.near.add_person())
    await messaging.settle()
    assert [one["decision"] for one in await messaging.decisions()] == ["deferred"]


async def test_a_slow_server_holds_up_nothing_else(new_messaging: NewMessaging) -> None:
    released = asyncio.Event()

    async def slowly(_post: Post, _address: str) -> str:
        await released.wait()
        return "250 OK"

    async with Post(data=slowly).open() as post:
        messaging = await new_messaging(**(post.settings | {"smtp_timeout": 60}))
        await messaging.campaign("mail")
        text = {"channel": "sms", "body": "Hi"}
        await messaging.campaign(
            "text", template=text, trigger={"segment": "other", "on": "entered"}, purpose="transactional"
        )
        crowd = [messaging.near.add_person() for _ in range(20)]
        await messaging.enter(*crowd)
        await post.tried(4)  # as many as connections
        phone = messaging.near.add_person(traits={"phone": "+49 171 1234567"})
        await messaging.enter(phone, segment="other")
        await until(messaging.mailbox, "the text is sent")
        [sms] = await messaging.mailbox()
        assert (sms["channel"], sms["to"]) == ("sms", "+49 171 1234567")
        assert (await messaging.progress())["pending"] == 20
        released.set()
        await messaging.settle()
        assert len(post.taken) == 20
        assert post.connections <= 4


async def test_a_worker_killed_after_the_claim_leaves_it_unknown(new_messaging: NewMessaging) -> None:
    started = asyncio.Event()

    async def never(_post: Post, _address: str) -> str:
        started.set()
        await asyncio.sleep(30)
        return "250 OK"

    async with Post(data=never).open() as post:
        messaging = await new_messaging(**post.settings)
        await messaging.campaign()
        await messaging.stop()
        await messaging.enter(messaging.near.add_person())
        smtp = SmtpProvider(Server("127.0.0.1", post.port), timeout=20, room=4)
        async with make_sender(messaging, "messaging-test", carriers={"email": smtp}) as one:
            await one.take_in()
            await one.leases.renew()
            assert await one.sender.step() == 1
            await started.wait()
            await one.providers.finish(within=0)  # as kill -9: the answer is never recorded
        await messaging.start()
        await messaging.settle()
        [unknown] = await messaging.decisions()
        assert (unknown["decision"], unknown["reason"]) == ("unknown", "no_answer")
        assert post.tries == 1
        assert await outcome_names(messaging) == ["Email Unconfirmed"]


async def test_a_claim_of_another_name_is_left_until_its_time_is_over(new_messaging: NewMessaging) -> None:
    async with Post().open() as post:
        messaging = await new_messaging(**post.settings)
        await messaging.campaign()
        await messaging.stop()
        await messaging.enter(messaging.near.add_person())

        class Dead(SmtpProvider):
            async def send(self, delivery: Any) -> Any:
                await asyncio.sleep(60)

        async with make_sender(messaging, "killed", carriers={"email": Dead(Server("x", 1), timeout=5, room=1)}) as one:
            await one.take_in()
            await one.leases.renew()
            assert await one.sender.step() == 1
            await one.providers.finish(within=0)
        await messaging.start()
        assert (await messaging.progress())["pending"] == 1
        assert await messaging.decisions() == []
        async with make_sender(messaging, "another") as other:
            assert await other.recorder.sweep(list(range(64))) == 0
            messaging.step(timedelta(seconds=21))
            assert await other.recorder.sweep(list(range(64))) == 1
        assert [one["decision"] for one in await messaging.decisions()] == ["unknown"]


async def test_an_answer_finds_its_message_through_a_merge_and_nothing_of_an_erased_person(
    new_messaging: NewMessaging,
) -> None:
    released = asyncio.Event()

    async def slowly(_post: Post, _address: str) -> str:
        await released.wait()
        return "250 OK"

    async with Post(data=slowly).open() as post:
        messaging = await new_messaging(**(post.settings | {"smtp_timeout": 60}))
        await messaging.campaign()
        loser, survivor = two(messaging.near)
        gone = messaging.near.add_person(user_id="gone")
        await messaging.enter(loser, gone)
        await post.tried(2)
        now = messaging.clock.now()
        messaging.near.merge(loser, survivor, now)
        messaging.near.erase(gone, now, addresses=[{"namespace": "email", "value": "gone@example.com"}])

        async def neither_is_there() -> bool:
            return not await messaging.rows("SELECT 1 FROM sends WHERE profile_id = ANY($1::uuid[])", [loser, gone])

        await until(neither_is_there, "the merge and the erasure are taken in")
        released.set()
        await messaging.settle()
        [sent] = await messaging.decisions()
        assert (sent["profile_id"], sent["decision"]) == (str(survivor), "sent")
        assert await messaging.rows("SELECT 1 FROM deliveries WHERE profile_id = $1", gone) == []
        assert await outcome_names(messaging) == ["Email Sent"]


async def test_a_kept_connection_that_the_server_closed_is_replaced(new_messaging: NewMessaging) -> None:
    async with Post().open() as post:
        messaging = await new_messaging(**post.settings)
        await messaging.campaign()
        await messaging.enter(messaging.near.add_person())
        await messaging.settle()
        post.protocol.transport.abort()
        await messaging.enter(messaging.near.add_person())
        await messaging.settle()
        assert [one["decision"] for one in await messaging.decisions()] == ["sent", "sent"]


def delivery(address: str = "ada@example.com", sender: str = "Shop <s@shop.example>") -> Any:
    headers = {"From": sender, "To": address, "Subject": "x"}
    return SimpleNamespace(id=new_id(), address=address, content={"headers": headers, "text": "x", "html": None})


async def test_a_server_that_says_nothing_is_given_up_in_time() -> None:
    async def never(_post: Post, _address: str) -> str:
        await asyncio.sleep(60)
        return "250 OK"

    for step, expected in (("mail", NotNow), ("data", Unsure)):
        async with Post(**{step: never}).open() as post:
            smtp = SmtpProvider(Server("127.0.0.1", post.port), timeout=1.5, room=1)
            assert isinstance(await smtp.send(delivery()), expected)


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
async def test_a_password_is_asked_for_and_a_wrong_one_is_nobodys_bounce() -> None:
    def check(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
        good = isinstance(given, LoginPassword) and given.password == b"right"
        return AuthResult(success=good, handled=False)

    async with Post().open(authenticator=check, auth_require_tls=False, auth_required=True) as post:
        for password, expected in (("right", Accepted), ("wrong", NotNow)):
            server = Server("127.0.0.1", post.port, username="shop", password=password, security="none")
            smtp = SmtpProvider(server, timeout=60, room=1)
            answer = await smtp.send(delivery())
            assert isinstance(answer, expected), answer
            await smtp.close()


async def test_international_addresses_and_those_that_are_none() -> None:
    async with Post().open() as post:
        smtp = SmtpProvider(Server("127.0.0.1", post.port), timeout=60, room=1)
        assert isinstance(await smtp.send(delivery("ädä@example.com")), Accepted)
        assert post.taken[0].rcpt_tos == ["ädä@example.com"]
        for wrong in ("a b@example.com", "nobody", ""):
            assert isinstance(await smtp.send(delivery(wrong)), Rejected)
        await smtp.close()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("550 5.1.1 Empf\xe4nger unbekannt", ("failed", "provider_error")),
        ("451 4.7.1 sp\xe4ter", ("deferred", "provider_error")),
    ],
)
async def test_an_answer_in_another_encoding_is_an_answer(
    new_messaging: NewMessaging, said: str, expected: tuple[str, str]
) -> None:
    async def in_latin(post: Post, _address: str) -> str:
        post.protocol.transport.write(f"{said}\r\n".encode("latin-1"))
        return "250 OK"

    async with Post(rcpt=in_latin).open() as post:
        messaging = await new_messaging(**post.settings)
        await messaging.campaign()
        await messaging.enter(messaging.near.add_person())
        await messaging.settle()
        [decision] = await messaging.decisions()
        assert (decision["decision"], decision["reason"]) == expected
        assert decision["facts"]["answer"] == said.replace("\xe4", "\ufffd")
