"""E-mail on the wire: headers that data cannot forge, one-click unsubscribing (RFC 8058), a stable Message-ID."""

import re
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from uuid import UUID

from services.messaging.domain.content import Content, Links, one_line

_SPECIAL = re.compile(r"[\x00-\x20\x7f<>()\[\],;:\"\\\\]")


def headers_for(
    *, content: Content, delivery_id: UUID, address: str, default_sender: str, links: Links, at: datetime
) -> dict[str, str]:
    """The headers of a message. The Message-ID is the delivery's, so that a repetition is recognised as one."""
    sender = one_line(content.sender or default_sender)
    domain = parseaddr(sender)[1].rpartition("@")[2] or "localhost"
    return {
        "From": sender,
        "To": one_line(address),
        "Subject": content.subject or "",
        "Message-ID": f"<{delivery_id}@{domain}>",
        "Date": format_datetime(at),
        "List-Unsubscribe": f"<{links.unsubscribe}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def mime_message(headers: dict[str, str], *, text: str, html: str | None) -> EmailMessage:
    """The message as it is sent: text, and HTML as the alternative. Raises ValueError for an address that is none."""
    message = EmailMessage(policy=SMTP)
    for name, value in headers.items():
        message[name] = _mailbox(value) if name in ("From", "To") else value
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    return message


def _mailbox(value: str) -> Address:
    name, address = parseaddr(value)
    user, _, domain = address.rpartition("@")
    if not user or not domain or "@" in user or _SPECIAL.search(address):
        raise ValueError("not an e-mail address")
    return Address(display_name=name, username=user, domain=domain)
