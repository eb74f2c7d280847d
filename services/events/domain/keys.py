"""Where a request carries its write key. SDKs put it in five places; the first that holds one counts."""

import base64
import binascii
from typing import Any

MASK = "***"


def basic_credentials(authorization: str | None) -> tuple[str, str] | None:
    """User name and password of HTTP Basic; None if the header is something else."""
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    user, _, password = text.partition(":")
    return user, password


def key_in_authorization(authorization: str | None) -> str | None:
    """The key in the Authorization header: Basic's user name, or, where an SDK sends it verbatim, the key itself."""
    credentials = basic_credentials(authorization)
    if credentials is not None:
        return credentials[0] or None
    words = (authorization or "").split()
    return words[-1].partition(":")[0] or None if words else None


def key_in_header(x_write_key: str | None) -> str | None:
    """`key` or `key:secret`."""
    return (x_write_key or "").strip().partition(":")[0] or None


def key_in_body(value: Any) -> str | None:
    """`writeKey` or `api_key` of the body; some SDKs mask it there."""
    return value if isinstance(value, str) and value and MASK not in value else None


def find_write_key(
    *, authorization: str | None, x_write_key: str | None, in_query: str | None, in_body: Any
) -> str | None:
    """The write key that counts, or None."""
    return (
        key_in_authorization(authorization)
        or key_in_header(x_write_key)
        or key_in_body(in_query)
        or key_in_body(in_body)
    )
