"""What providers tell, read from bodies of the shape that they document."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from services.messaging.domain.emails import marks_for
from services.messaging.domain.provider_events import mailgun, postmark, sendgrid, ses, twilio
from services.messaging.domain.provider_events.event import ProviderEvent, delivery_of, instant

ID = UUID("0195f3a0-7f00-7000-8000-000000000004")
AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
TIME = "2026-03-01T09:30:00.000Z"
SECONDS = int(AT.timestamp())
AGENT = "Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0"


def ses_message(kind: str, *, tagged: bool = True, **about: Any) -> dict[str, Any]:
    mail: dict[str, Any] = {
        "timestamp": "2026-03-01T09:29:00.000Z",
        "messageId": "0100-example",
        "headers": [{"name": "Message-ID", "value": f"<{ID}@shop.example>"}, {"name": "To", "value": "a@b.example"}],
        "tags": {"ses:configuration-set": ["all"], "delivery_id": [str(ID)]},
    }
    if not tagged:
        del mail["tags"]
    return {"eventType": kind, "mail": mail, kind.lower(): {"timestamp": TIME} | about}


BOUNCE: dict[str, Any] = {
    "bounceType": "Permanent",
    "bounceSubType": "General",
    "feedbackId": "f-1",
    "bouncedRecipients": [{"emailAddress": "a@b.example", "diagnosticCode": "smtp; 550 5.1.1 user unknown"}],
}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (ses_message("Delivery"), ProviderEvent("delivered", ID, AT)),
        (ses_message("Delivery", tagged=False), ProviderEvent("delivered", ID, AT)),
        (
            ses_message("Bounce", **BOUNCE),
            ProviderEvent("bounced", ID, AT, hard=True, suppress="bounced", answer="smtp; 550 5.1.1 user unknown"),
        ),
        (ses_message("Bounce", **BOUNCE | {"bounceType": "Transient"}), ProviderEvent("bounced", ID, AT, key="f-1:", answer=BOUNCE["bouncedRecipients"][0]["diagnosticCode"])),
        (ses_message("Complaint", complaintFeedbackType="abuse"), ProviderEvent("complained", ID, AT, suppress="complained")),
        (ses_message("Open", userAgent=AGENT), ProviderEvent("opened", ID, AT, key=f"{TIME}:", user_agent=AGENT)),
        (
            ses_message("Click", userAgent=AGENT, link="https://shop.example/a"),
            ProviderEvent("clicked", ID, AT, key=f"{TIME}:https://shop.example/a", url="https://shop.example/a", user_agent=AGENT),
        ),
        (
            ses_message("Subscription", newTopicPreferences={"unsubscribeAll": True}),
            ProviderEvent("unsubscribed", ID, AT, key=f"{TIME}:"),
        ),
    ],
)  # fmt: skip
def test_what_ses_tells(message: dict[str, Any], expected: ProviderEvent) -> None:
    [event] = ses.read(message)
    assert _same(event, expected)
    assert ses.read({"notificationType": message.pop("eventType")} | message) == [event], "the older form"


@pytest.mark.parametrize(
    "message",
    [
        ses_message("Send"),
        ses_message("DeliveryDelay"),
        ses_message("Complaint", complaintFeedbackType="not-spam"),
        ses_message("Subscription", newTopicPreferences={"unsubscribeAll": False}),
        {},
        [],
        "text",
        None,
    ],
)
def test_what_is_no_concern_of_ours_at_ses(message: object) -> None:
    assert ses.read(message) == []


def sendgrid_event(kind: str, **more: Any) -> dict[str, Any]:
    known = {"email": "a@b.example", "timestamp": SECONDS, "sg_event_id": "e-1", "sg_message_id": "m-1"}
    return {"event": kind, "delivery_id": str(ID)} | known | more


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (sendgrid_event("delivered", response="250 OK"), ProviderEvent("delivered", ID, AT)),
        (
            sendgrid_event("bounce", type="bounce", status="5.0.0", reason="500 unknown recipient"),
            ProviderEvent("bounced", ID, AT, hard=True, suppress="bounced", answer="500 unknown recipient"),
        ),
        (sendgrid_event("bounce", type="blocked", status="5.2.2"), ProviderEvent("bounced", ID, AT, key="e-1")),
        (
            sendgrid_event("dropped", reason="Bounced Address"),
            ProviderEvent("bounced", ID, AT, hard=True, suppress="bounced", answer="Bounced Address"),
        ),
        (
            sendgrid_event("dropped", reason="Spam Reporting Address"),
            ProviderEvent("bounced", ID, AT, key="e-1", suppress="complained", answer="Spam Reporting Address"),
        ),
        (sendgrid_event("spamreport"), ProviderEvent("complained", ID, AT, suppress="complained")),
        (
            sendgrid_event("open", useragent=AGENT, sg_machine_open=True),
            ProviderEvent("opened", ID, AT, key="e-1", user_agent=AGENT, machine="provider"),
        ),
        (
            sendgrid_event("click", useragent=AGENT, url="https://shop.example/a"),
            ProviderEvent("clicked", ID, AT, key="e-1", user_agent=AGENT, url="https://shop.example/a"),
        ),
        (sendgrid_event("unsubscribe"), ProviderEvent("unsubscribed", ID, AT, key="e-1")),
        (sendgrid_event("group_unsubscribe", asm_group_id=10), ProviderEvent("unsubscribed", ID, AT, key="e-1")),
    ],
)
def test_what_sendgrid_tells(told: dict[str, Any], expected: ProviderEvent) -> None:
    processed = sendgrid_event("processed")
    [event] = sendgrid.read([processed, told, "no event", sendgrid_event("deferred", attempt="5")])
    assert _same(event, expected)


def test_a_message_of_sendgrid_is_known_by_its_message_id_too() -> None:
    told: dict[str, Any] = sendgrid_event("delivered", **{"smtp-id": f"<{ID}@shop.example>"})
    del told["delivery_id"]
    assert sendgrid.read([told])[0].delivery_id == ID
    assert sendgrid.read([told | {"smtp-id": "<14c5d75ce93.dfd.64b469@ismtpd-555>"}])[0].delivery_id is None
    assert sendgrid.read({"event": "delivered"}) == []


def mailgun_event(kind: str, **more: Any) -> dict[str, Any]:
    message = {"headers": {"message-id": f"{ID}@shop.example", "to": "a@b.example"}}
    known = {"id": "e-1", "timestamp": Decimal(SECONDS), "message": message, "recipient": "a@b.example"}
    return {"signature": {}, "event-data": {"event": kind} | known | more}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (mailgun_event("delivered"), ProviderEvent("delivered", ID, AT)),
        (
            mailgun_event("failed", severity="permanent", reason="bounce", **{"delivery-status": {"code": 550, "message": "No such user"}}),
            ProviderEvent("bounced", ID, AT, hard=True, suppress="bounced", answer="No such user"),
        ),
        (mailgun_event("failed", severity="temporary", reason="generic"), ProviderEvent("bounced", ID, AT, key="e-1")),
        (mailgun_event("failed", severity="permanent", reason="espblock"), ProviderEvent("bounced", ID, AT, key="e-1")),
        (
            mailgun_event("failed", severity="permanent", reason="suppress-complaint"),
            ProviderEvent("bounced", ID, AT, key="e-1", suppress="complained"),
        ),
        (
            mailgun_event("failed", severity="permanent", reason="generic", **{"delivery-status": {"bounce-type": "soft"}}),
            ProviderEvent("bounced", ID, AT, key="e-1"),
        ),
        (mailgun_event("complained"), ProviderEvent("complained", ID, AT, suppress="complained")),
        (
            mailgun_event("opened", **{"client-info": {"user-agent": AGENT, "bot": "apple"}}),
            ProviderEvent("opened", ID, AT, key="e-1", user_agent=AGENT, machine="provider"),
        ),
        (
            mailgun_event("opened", **{"client-info": {"user-agent": AGENT, "bot": "gmail"}}),
            ProviderEvent("opened", ID, AT, key="e-1", user_agent=AGENT),
        ),
        (
            mailgun_event("clicked", url="https://shop.example/a", **{"client-info": {"user-agent": AGENT, "bot": ""}}),
            ProviderEvent("clicked", ID, AT, key="e-1", user_agent=AGENT, url="https://shop.example/a"),
        ),
        (mailgun_event("unsubscribed"), ProviderEvent("unsubscribed", ID, AT, key="e-1")),
    ],
)  # fmt: skip
def test_what_mailgun_tells(told: dict[str, Any], expected: ProviderEvent) -> None:
    [event] = mailgun.read(told)
    assert _same(event, expected)
    other = UUID(int=9)
    assert mailgun.read({"event-data": told["event-data"] | {"user-variables": {"delivery_id": str(other)}}})[0].delivery_id == other  # fmt: skip


def test_what_is_no_concern_of_ours_at_mailgun() -> None:
    no_concern: list[object] = [mailgun_event("accepted"), {}, [], None, {"event-data": 1}]
    assert [mailgun.read(told) for told in no_concern] == [[]] * 5


def postmark_event(kind: str, **more: Any) -> dict[str, Any]:
    return {"RecordType": kind, "MessageID": str(UUID(int=7)), "Metadata": {"delivery_id": str(ID)}} | more


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (postmark_event("Delivery", DeliveredAt="2026-03-01T04:30:00.1234567-05:00"), ProviderEvent("delivered", ID, AT.replace(microsecond=123456))),
        (
            postmark_event("Bounce", ID=42, Type="HardBounce", TypeCode=1, BouncedAt=TIME, Details="unknown user"),
            ProviderEvent("bounced", ID, AT, hard=True, suppress="bounced", answer="unknown user"),
        ),
        (postmark_event("Bounce", ID=43, Type="SoftBounce", BouncedAt=TIME), ProviderEvent("bounced", ID, AT, key="43:")),
        (postmark_event("SpamComplaint", ID=44, BouncedAt=TIME), ProviderEvent("complained", ID, AT, suppress="complained")),
        (postmark_event("Open", ReceivedAt=TIME, UserAgent=AGENT), ProviderEvent("opened", ID, AT, key=f"{TIME}:", user_agent=AGENT)),
        (
            postmark_event("Click", ReceivedAt=TIME, UserAgent=AGENT, OriginalLink="https://shop.example/a"),
            ProviderEvent("clicked", ID, AT, key=f"{TIME}:https://shop.example/a", user_agent=AGENT, url="https://shop.example/a"),
        ),
        (
            postmark_event("SubscriptionChange", ChangedAt=TIME, SuppressSending=True, Origin="Recipient", SuppressionReason="ManualSuppression"),
            ProviderEvent("unsubscribed", ID, AT, key=f"{TIME}:"),
        ),
    ],
)  # fmt: skip
def test_what_postmark_tells(told: dict[str, Any], expected: ProviderEvent) -> None:
    [event] = postmark.read(told)
    assert _same(event, expected)


@pytest.mark.parametrize(
    "told",
    [
        postmark_event("SubscriptionChange", ChangedAt=TIME, SuppressSending=False, Origin="Recipient"),
        postmark_event("SubscriptionChange", SuppressSending=True, Origin="Customer", SuppressionReason="ManualSuppression"),
        postmark_event("Inbound"),
        {},
        [],
    ],
)  # fmt: skip
def test_what_is_no_concern_of_ours_at_postmark(told: object) -> None:
    assert postmark.read(told) == []


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        ("delivered", "", ProviderEvent("delivered", ID, None)),
        ("undelivered", "30003", ProviderEvent("bounced", ID, None, key="SM130003", answer="30003")),
        ("undelivered", "30005", ProviderEvent("bounced", ID, None, hard=True, suppress="bounced", answer="30005")),
        ("failed", "21610", ProviderEvent("bounced", ID, None, key="SM121610", suppress="stopped", answer="21610")),
        ("read", "", ProviderEvent("opened", ID, None, key="SM1")),
        ("sent", "", None),
        ("queued", "", None),
    ],
)
def test_what_twilio_tells(status: str, error: str, expected: ProviderEvent | None) -> None:
    form = {"MessageSid": "SM1", "MessageStatus": status} | ({"ErrorCode": error} if error else {})
    events = twilio.read(form, str(ID))
    assert len(events) == (expected is not None)
    assert all(_same(event, expected) for event in events if expected)


def test_the_same_happening_has_the_same_identity_however_often_it_is_told() -> None:
    once = ProviderEvent("delivered", ID, AT, key="1")
    assert once.identity == replace(once, key="2").identity == "delivered"
    assert ProviderEvent("bounced", ID, AT, key="1", hard=True).identity == "bounced"
    soft = ProviderEvent("bounced", ID, AT, key="1")
    assert soft.identity != replace(soft, key="2").identity
    assert len(ProviderEvent("clicked", ID, AT, key="x" * 5000).identity) == 200


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-03-01T10:30:00+01:00", AT),
        (SECONDS, AT),
        (str(SECONDS), AT),
        ("2026-03-01T10:30:00", None),
        ("yesterday", None),
        (10**30, None),
        (Decimal("NaN"), None),
        (True, None),
        (None, None),
        ({}, None),
    ],
)
def test_times_of_providers(value: object, expected: datetime | None) -> None:
    assert instant(value) == expected


def test_ids_of_ours() -> None:
    assert delivery_of(None, 7, "no id", f" <{ID}@shop.example> ") == ID
    assert delivery_of() is None


@pytest.mark.parametrize(
    ("host", "headers"),
    [
        ("email-smtp.eu-central-1.amazonaws.com", {"X-SES-MESSAGE-TAGS": f"delivery_id={ID}"}),
        ("smtp.sendgrid.net", {"X-SMTPAPI": f'{{"unique_args":{{"delivery_id":"{ID}"}}}}'}),
        ("SMTP.eu.mailgun.org.", {"X-Mailgun-Variables": f'{{"delivery_id":"{ID}"}}'}),
        ("smtp.postmarkapp.com", {"X-PM-Metadata-delivery_id": str(ID)}),
        ("mail.shop.example", {}),
        ("notsendgrid.net", {}),
    ],
)
def test_a_message_names_its_delivery_in_the_providers_way(host: str, headers: dict[str, str]) -> None:
    assert marks_for(host, ID) == headers


def _same(event: ProviderEvent, expected: ProviderEvent) -> bool:
    """Whether all is as expected; the key only where it tells events apart."""
    return replace(event, key="") == replace(expected, key="") and event.identity == expected.identity
