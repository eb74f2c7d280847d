"""E-mail on the wire: headers that data cannot forge, one-click unsubscribing (RFC 8058), a stable Message-ID."""

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.utils import format_datetime, formataddr
from functools import lru_cache
from uuid import UUID

from services.messaging.domain.content import Content, Links, one_line
from services.messaging.domain.provider_events.event import DELIVERY

_NAMED = re.compile(r"([^<>]*)<([^<>]*)>")
_SPECIAL = re.compile(r"[\x00-\x20\x7f<>()\[\],;:\"\\\\]")


def headers_for(
    *, content: Content, delivery_id: UUID, address: str, default_sender: str, links: Links, at: datetime
) -> dict[str, str]:
    """The headers of a message. The Message-ID is the delivery's, so that a repetition is recognised as one."""
    sender = one_line(content.sender or default_sender)
    domain = _named(sender)[1].rpartition("@")[2] or "localhost"
    return {
        "From": sender,
        "To": one_line(address),
        "Subject": content.subject or "",
        "Message-ID": f"<{delivery_id}@{domain}>",
        "Date": _date(at),
        "List-Unsubscribe": f"<{links.unsubscribe}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


@lru_cache(maxsize=16)
def _date(at: datetime) -> str:
    """What is decided together has one."""
    return format_datetime(at)


_MARKS = {
    "amazonaws.com": ("X-SES-MESSAGE-TAGS", "{name}={id}"),
    "sendgrid.net": ("X-SMTPAPI", '{{"unique_args":{{"{name}":"{id}"}}}}'),
    "mailgun.org": ("X-Mailgun-Variables", '{{"{name}":"{id}"}}'),
    "postmarkapp.com": ("X-PM-Metadata-{name}", "{id}"),
}


def marks_for(host: str, delivery_id: UUID) -> dict[str, str]:
    """The header by which the provider behind this mail server names the delivery in what it tells later; none for other servers."""
    for domain, (header, value) in _MARKS.items():
        if f".{host.lower().rstrip('.')}".endswith(f".{domain}"):
            return {header.format(name=DELIVERY): value.format(name=DELIVERY, id=delivery_id)}
    return {}


@dataclass(frozen=True, slots=True)
class Mail:
    """A message as it goes over the wire. `international`: an address has letters that plain SMTP does not carry."""

    sender: str
    recipient: str
    content: bytes
    international: bool


def write_mail(headers: dict[str, str], *, text: str, html: str | None) -> Mail:
    """The message: text, and HTML as the alternative. Raises ValueError for an address that is none.

    Written out here, for the standard library folds a long List-Unsubscribe into encoded words, which no mail program reads
    as a link.
    """
    sender, recipient = _address(headers["From"]), _address(headers["To"])
    lines = [_header(name, value) for name, value in headers.items()]
    lines.append("MIME-Version: 1.0")
    if html is None:
        lines.append(_part(text, "plain"))
    else:
        boundary = f"=_{hashlib.sha256(headers.get('Message-ID', '').encode()).hexdigest()[:32]}"
        lines.append(f'Content-Type: multipart/alternative; boundary="{boundary}"\r\n')
        for content, subtype in ((text, "plain"), (html, "html")):
            lines.append(f"--{boundary}\r\n{_part(content, subtype)}")
        lines.append(f"--{boundary}--\r\n")
    international = not (sender + recipient).isascii()
    return Mail(sender, recipient, "\r\n".join(lines).encode(), international)


def _header(name: str, value: str) -> str:
    line = one_line(value)
    if name in ("From", "To"):
        display, address = _named(line)
        return f"{name}: {_shown(display)} <{address}>" if display else f"{name}: {address}"
    if line.isascii():
        return f"{name}: {line}"
    return f"{name}: {Header(line, 'utf-8', header_name=name).encode(linesep=chr(13) + chr(10))}"


@lru_cache(maxsize=256)
def _shown(display: str) -> str:
    """A name as a header has it: quoted or encoded where it must be."""
    return formataddr((display, "x@x")).removesuffix("<x@x>").rstrip()


def _part(content: str, subtype: str) -> str:
    """One body with its headers, in base64: it survives whatever is in it."""
    encoded = base64.encodebytes(content.encode()).decode().replace("\n", "\r\n")
    kind = f'Content-Type: text/{subtype}; charset="utf-8"'
    return f"{kind}\r\nContent-Transfer-Encoding: base64\r\n\r\n{encoded}"


def _named(value: str) -> tuple[str, str]:
    """The name before an address in angle brackets, and the address."""
    found = _NAMED.fullmatch(value)
    return (found[1].strip().strip('"'), found[2]) if found else ("", value)


def _address(value: str) -> str:
    address = _named(one_line(value))[1]
    user, _, domain = address.rpartition("@")
    if not user or not domain or "@" in user or _SPECIAL.search(address):
        raise ValueError("not an e-mail address")
    return address
