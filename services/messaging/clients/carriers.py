"""The provider of each channel, as the settings name them."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeAlias

from services.messaging.clients.fcm import FcmProvider, ServiceAccount
from services.messaging.clients.posting import Carrying, Posting
from services.messaging.clients.smtp import Server, SmtpProvider
from services.messaging.clients.twilio import TwilioAccount, TwilioProvider
from services.messaging.clients.webhook import WebhookProvider, key_of
from services.messaging.config import Settings
from services.messaging.domain.provider_events.twilio import STATUS_PATH

Carrier: TypeAlias = SmtpProvider | TwilioProvider | FcmProvider | WebhookProvider


def carriers_of(settings: Settings, now: Callable[[], datetime]) -> dict[str, Carrier]:
    """By channel; a channel without one goes to the local mailbox. Raises ValueError for settings that cannot be meant."""
    carriers: dict[str, Carrier] = {}
    if settings.smtp_host is not None:
        carriers["email"] = _smtp(settings, settings.smtp_host)
    posting = _posting(settings, now)
    if settings.twilio_account is not None:
        carriers["sms"] = TwilioProvider(_twilio(settings, settings.twilio_account), posting())
    if settings.fcm_credentials is not None:
        account = ServiceAccount.read(settings.fcm_credentials)
        carriers["push"] = FcmProvider(account, settings.fcm_url, posting())
    if settings.webhook_url is not None:
        if settings.webhook_secret is None:
            raise ValueError("REGULARS_WEBHOOK_URL needs REGULARS_WEBHOOK_SECRET, by which its webhooks are signed")
        key = key_of(settings.webhook_secret.get_secret_value())
        carriers["webhook"] = WebhookProvider(settings.webhook_url, key, posting())
    return carriers


def seconds_of(settings: Settings) -> dict[str, Carrier]:
    """By channel: who carries its messages while the first fails. Raises ValueError for a second without a first."""
    if settings.smtp_second_host is None:
        return {}
    if settings.smtp_host is None:
        raise ValueError("REGULARS_SMTP_SECOND_HOST needs REGULARS_SMTP_HOST, which it stands in for")
    server = Server(
        host=settings.smtp_second_host,
        port=settings.smtp_second_port,
        username=settings.smtp_second_username,
        password=settings.smtp_second_password.get_secret_value() if settings.smtp_second_password else None,
        security=settings.smtp_second_security,
    )
    per_second = settings.smtp_second_per_second
    return {
        "email": SmtpProvider(
            server,
            timeout=settings.smtp_timeout,
            room=settings.smtp_connections,
            per_second=per_second,
            name="smtp_second",
        )
    }


def _smtp(settings: Settings, host: str) -> SmtpProvider:
    server = Server(
        host=host,
        port=settings.smtp_port,
        username=settings.smtp_username,
        password=settings.smtp_password.get_secret_value() if settings.smtp_password else None,
        security=settings.smtp_security,
    )
    return SmtpProvider(
        server, timeout=settings.smtp_timeout, room=settings.smtp_connections, per_second=settings.smtp_per_second
    )


def _posting(settings: Settings, now: Callable[[], datetime]) -> Callable[[], Posting]:
    carrying = Carrying(settings.gateway_timeout, settings.gateway_connections, settings.gateway_per_second)
    return lambda: Posting(carrying, now=now)


def _twilio(settings: Settings, account: str) -> TwilioAccount:
    if settings.twilio_token is None or settings.twilio_from is None:
        raise ValueError("REGULARS_TWILIO_ACCOUNT needs REGULARS_TWILIO_TOKEN and REGULARS_TWILIO_FROM")
    token = settings.twilio_token.get_secret_value()
    # Twilio refuses an address that it cannot reach, such as one of this machine.
    status_url = f"{settings.link_base}{STATUS_PATH}" if settings.public_url else None
    return TwilioAccount(settings.twilio_url, account, token, settings.twilio_from, status_url)
