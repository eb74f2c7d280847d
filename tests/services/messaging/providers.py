"""Providers that tell what became of messages, each with its signature."""

import base64
import hashlib
import hmac
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from shared.plumbing import json
from shared.plumbing.ids import new_id
from tests.services.messaging.conftest import Messaging

PUBLIC = "https://shop.example"
MAILGUN_KEY = "a signing key"
POSTMARK_SECRET = "a secret for postmark"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:mail"
CERTIFICATE_URL = "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-1.pem"
CONFIRM_URL = "https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&Token=t"


class Providers:
    """All of them, with keys of their own."""

    def __init__(self) -> None:
        self.sendgrid_key = ec.generate_private_key(ec.SECP256R1())
        self.sns_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._told = 0

    @property
    def settings(self) -> dict[str, Any]:
        shown = self.sendgrid_key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return {
            "public_url": PUBLIC,
            "sendgrid_verification_key": base64.b64encode(shown).decode(),
            "mailgun_signing_key": MAILGUN_KEY,
            "postmark_secret": POSTMARK_SECRET,
            "ses_topics": f"arn:aws:sns:eu-west-1:1:other, {TOPIC}",
        }

    async def sendgrid(self, messaging: Messaging, *events: Any, forged: bool = False) -> httpx.Response:
        body, timestamp = json.dumps(list(events)), "1600112502"
        signed = self.sendgrid_key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        headers = {
            "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
            "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signed).decode(),
        }
        return await post(messaging, "/hooks/sendgrid", body + b" " if forged else body, headers)

    async def mailgun(
        self, messaging: Messaging, event: Any, *, token: str | None = None, key: str = MAILGUN_KEY
    ) -> httpx.Response:
        self._told += 1
        token = token or f"token-{self._told}"
        timestamp = str(int(messaging.clock.now().timestamp()))
        signed = hmac.new(key.encode(), (timestamp + token).encode(), hashlib.sha256).hexdigest()
        signature = {"timestamp": timestamp, "token": token, "signature": signed}
        return await post(messaging, "/hooks/mailgun", json.dumps({"signature": signature, "event-data": event}))

    async def postmark(self, messaging: Messaging, event: Any, *, secret: str = POSTMARK_SECRET) -> httpx.Response:
        known = base64.b64encode(f"postmark:{secret}".encode()).decode()
        return await post(messaging, "/hooks/postmark", json.dumps(event), {"Authorization": f"Basic {known}"})

    async def ses(self, messaging: Messaging, **more: Any) -> httpx.Response:
        message = {
            "Type": "Notification",
            "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
            "TopicArn": TOPIC,
            "Message": "{}",
            "Timestamp": "2026-03-01T09:29:00.000Z",
        } | more
        told = "".join(f"{name}\n{message[name]}\n" for name in sorted(message) if name != "SigningCertURL")
        signed = self.sns_key.sign(told.encode(), padding.PKCS1v15(), hashes.SHA256())
        sent = {"SigningCertURL": CERTIFICATE_URL} | message
        sent |= {"SignatureVersion": "2", "Signature": base64.b64encode(signed).decode()}
        return await post(messaging, "/hooks/ses", json.dumps(sent), {"Content-Type": "text/plain"})

    def certificate(self, messaging: Messaging) -> bytes:
        now = messaging.clock.now()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        day = timedelta(days=1)
        builder = x509.CertificateBuilder(name, name, self.sns_key.public_key(), 1, now - day, now + day)
        return builder.sign(self.sns_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


async def twilio(messaging: Messaging, delivery_id: Any, *, token: str, **form: str) -> httpx.Response:
    path = f"/hooks/twilio/status?delivery_id={delivery_id}"
    told = PUBLIC + path + "".join(name + form[name] for name in sorted(form))
    signature = base64.b64encode(hmac.new(token.encode(), told.encode(), hashlib.sha1).digest()).decode()
    headers = {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"}
    return await post(messaging, path, urlencode(form).encode(), headers)


async def post(messaging: Messaging, path: str, body: bytes, headers: dict[str, str] | None = None) -> httpx.Response:
    """Without a key of ours."""
    return await messaging.http.post(path, content=body, headers={"Authorization": ""} | (headers or {}))


async def mailed(messaging: Messaging, key: str = "hello", **campaign: Any) -> tuple[UUID, Any]:
    """Somebody who was sent a message, and its delivery."""
    await messaging.campaign(key, reentry="always", **campaign)
    ada = messaging.near.add_person(user_id="ada")
    await messaging.enter(ada)
    await messaging.settle()
    [delivery] = await messaging.items(f"/v1/deliveries?campaign={key}")
    return ada, delivery


def event(messaging: Messaging, delivery: Any, kind: str, *, after: float = 60, **more: Any) -> dict[str, Any]:
    """As SendGrid tells it, some seconds from now."""
    at = int((messaging.clock.now() + timedelta(seconds=after)).timestamp())
    return {"event": kind, "delivery_id": delivery["id"], "timestamp": at, "sg_event_id": str(new_id())} | more


async def events_of(messaging: Messaging) -> list[tuple[str, str | None]]:
    [delivery] = await messaging.items("/v1/deliveries?limit=1")
    return [(one["kind"], one["machine_reason"]) for one in delivery["events"]]
