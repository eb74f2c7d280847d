"""Whoever is not who they say is told apart, whatever they send."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from services.messaging.domain.provider_events import mailgun, postmark, sendgrid, sns

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
SENDGRID_KEY = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g=="
SENDGRID_SIGNATURE = "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM="
SENDGRID_BODY = (
    b'[{"email":"hello@world.com","event":"dropped","reason":"Bounced Address",'
    b'"sg_event_id":"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",'
    b'"sg_message_id":"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",'
    b'"smtp-id":"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>","timestamp":1600112492}]\r\n'
)
"""The example by which the provider's own libraries are tested."""


def test_sendgrids_signature_is_as_in_its_own_libraries() -> None:
    key = sendgrid.key_of(SENDGRID_KEY)
    assert sendgrid.is_signed(SENDGRID_BODY, "1600112502", SENDGRID_SIGNATURE, key)
    assert not sendgrid.is_signed(SENDGRID_BODY + b" ", "1600112502", SENDGRID_SIGNATURE, key)
    assert not sendgrid.is_signed(SENDGRID_BODY, "1600112503", SENDGRID_SIGNATURE, key)
    for forged in ("", "ünsigned", "AAAA", SENDGRID_SIGNATURE[:-8]):
        assert not sendgrid.is_signed(SENDGRID_BODY, "1600112502", forged, key)
    for wrong in ("", "AAAA", "no base64!"):
        with pytest.raises(ValueError):  # noqa: PT011 (whichever it is)
            sendgrid.key_of(wrong)


def signature(key: str = "key", *, at: datetime = NOW, token: str = "t") -> mailgun.Signature:
    timestamp = str(int(at.timestamp()))
    return mailgun.Signature(
        timestamp, token, hmac.new(key.encode(), (timestamp + token).encode(), hashlib.sha256).hexdigest()
    )


def test_mailguns_signature_holds_for_a_day() -> None:
    assert signature().holds("key", NOW)
    assert signature(at=NOW - timedelta(hours=23)).holds("key", NOW)
    assert not signature(at=NOW - timedelta(hours=25)).holds("key", NOW)
    assert not signature(at=NOW + timedelta(hours=1)).holds("key", NOW)
    assert not signature("other").holds("key", NOW)
    assert not mailgun.Signature.of({"signature": {"token": "t"}}).holds("key", NOW)
    assert not mailgun.Signature.of("no object").holds("key", NOW)


def test_a_token_that_begins_like_an_exponent_is_cut_nowhere_else() -> None:
    found = signature(token="e0abc")
    assert found.holds("key", NOW)
    assert not mailgun.Signature(found.timestamp + "e0", "abc", found.signature).holds("key", NOW)


def test_postmarks_secret_is_the_password_or_the_token() -> None:
    def basic(said: str) -> str:
        return "Basic " + base64.b64encode(said.encode()).decode()

    assert postmark.is_known(basic("anybody:a secret"), "", "a secret")
    assert postmark.is_known("", "a secret", "a secret")
    assert not postmark.is_known(basic("a secret:other"), "a secret", "a secret")
    assert not postmark.is_known(basic("a secret"), "", "a secret")
    assert not postmark.is_known("Basic ???", "a secret", "a secret")
    assert not postmark.is_known("", "", "a secret")


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate(key: rsa.RSAPrivateKey, *, until: datetime = NOW + timedelta(days=1)) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW - timedelta(days=9), until)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def notification(key: rsa.RSAPrivateKey, version: str = "2", **more: Any) -> dict[str, Any]:
    """As SNS puts together what it signs: each name and value on a line of its own."""
    message = {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": "arn:aws:sns:us-west-2:123456789012:MyTopic",
        "Message": "Hello\nworld!",
        "Timestamp": "2026-03-01T09:29:00.000Z",
    } | more
    told = "".join(f"{name}\n{message[name]}\n" for name in sorted(message))
    algorithm = hashes.SHA1() if version == "1" else hashes.SHA256()
    signed = key.sign(told.encode(), padding.PKCS1v15(), algorithm)
    return message | {"SignatureVersion": version, "Signature": base64.b64encode(signed).decode()}


@pytest.mark.parametrize("version", ["1", "2"])
def test_both_signatures_of_sns_hold(key: rsa.RSAPrivateKey, version: str) -> None:
    pem = certificate(key)
    assert sns.is_signed(notification(key, version), pem, NOW)
    assert sns.is_signed(notification(key, version, Subject="Mail"), pem, NOW)
    confirmation = {
        "Type": "SubscriptionConfirmation",
        "Token": "t",
        "SubscribeURL": "https://sns.eu-west-1.amazonaws.com/",
    }
    assert sns.is_signed(notification(key, version, **confirmation), pem, NOW)
    assert not sns.is_signed(notification(key, version) | {"Message": "Hello\nthere!"}, pem, NOW)
    assert not sns.is_signed(notification(key, version) | {"Signature": "???"}, pem, NOW)
    assert not sns.is_signed(notification(key, version) | {"SignatureVersion": "3"}, pem, NOW)


def test_another_certificate_or_one_that_is_over_does_not_do(key: rsa.RSAPrivateKey) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert not sns.is_signed(notification(key), certificate(other), NOW)
    assert not sns.is_signed(notification(key), certificate(key, until=NOW - timedelta(days=1)), NOW)
    assert not sns.is_signed(notification(key), b"no certificate", NOW)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-1.pem", True),
        ("https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-1.pem", True),
        ("http://sns.eu-central-1.amazonaws.com/1.pem", False),
        ("https://sns.eu-central-1.amazonaws.com.evil.example/1.pem", False),
        ("https://evil.example/sns.eu-central-1.amazonaws.com/1.pem", False),
        ("https://bucket.s3.amazonaws.com/1.pem", False),
        ("https://sns.evil.example@sns.eu-central-1.amazonaws.com/1.pem", False),
        ("https://sns.eu-central-1.amazonaws.com:8443/1.pem", False),
        ("https://sns.eu-central-1.amazonaws.com:x/1.pem", False),
        ("https://[::1/1.pem", False),
        (None, False),
    ],
)
def test_nothing_is_fetched_but_from_sns_itself(url: object, expected: bool) -> None:
    assert (sns.is_amazons(url), sns.is_certificate(url)) == (expected, expected)


@pytest.mark.parametrize(
    "path",
    [
        "/x.pem",
        "/?Action=GetEndpointAttributes&X-Amz-Signature=1.pem",
        "/SimpleNotificationService-1.pem?Action=GetEndpointAttributes",
        "/SimpleNotificationService-1.pem#x",
        "/a/SimpleNotificationService-1.pem",
    ],
)
def test_what_customers_of_sns_have_written_is_no_certificate(path: str) -> None:
    """An API's answer may hold a certificate of anybody's, and a signed address asks for it without an account."""
    url = f"https://sns.eu-central-1.amazonaws.com{path}"
    assert sns.is_amazons(url)
    assert not sns.is_certificate(url)
