"""Messages of Amazon SNS, by which SES tells of e-mail: whether SNS signed them.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

import base64
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeGuard
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

_HOST = re.compile(r"sns\.[a-z0-9-]{3,40}\.amazonaws\.com(\.cn)?")
_CERTIFICATE = re.compile(r"/SimpleNotificationService-[0-9A-Za-z]+\.pem")
_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_HASHES: dict[str, hashes.HashAlgorithm] = {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303 (version 1 is SHA-1)


def is_amazons(url: object) -> TypeGuard[str]:
    """Whether it leads to SNS itself, over TLS: nothing else is ever fetched."""
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    plain = parts.netloc == parts.hostname and port is None
    return parts.scheme == "https" and plain and _HOST.fullmatch(parts.hostname or "") is not None


def is_certificate(url: object) -> TypeGuard[str]:
    """Whether SNS keeps its certificates there, and nothing that its customers have written: an answer of its API may hold any."""
    if not is_amazons(url):
        return False
    parts = urlsplit(url)
    return _CERTIFICATE.fullmatch(parts.path) is not None and not parts.query and not parts.fragment


def told(message: Mapping[str, Any]) -> bytes:
    """What is signed."""
    names = _NOTIFICATION if message.get("Type") == "Notification" else _CONFIRMATION
    return "".join(f"{name}\n{message[name]}\n" for name in names if isinstance(message.get(name), str)).encode()


def is_signed(message: Mapping[str, Any], certificate: bytes, now: datetime) -> bool:
    """Whether the owner of this certificate (PEM), good at this time, signed the message."""
    algorithm = _HASHES.get(str(message.get("SignatureVersion")))
    try:
        found = x509.load_pem_x509_certificate(certificate)
        key, signature = found.public_key(), base64.b64decode(str(message.get("Signature")), validate=True)
    except ValueError:
        return False
    valid = found.not_valid_before_utc <= now <= found.not_valid_after_utc
    if algorithm is None or not valid or not isinstance(key, rsa.RSAPublicKey):
        return False
    try:
        key.verify(signature, told(message), padding.PKCS1v15(), algorithm)
    except InvalidSignature:
        return False
    return True
