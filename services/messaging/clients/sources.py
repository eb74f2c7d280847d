"""Who may tell what became of messages, as the settings name them."""

from dataclasses import dataclass, field

import httpx
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from services.messaging.clients.sns import Sns
from services.messaging.config import Settings
from services.messaging.domain.provider_events.sendgrid import key_of


@dataclass(frozen=True, slots=True)
class Sources:
    """What each is known by; those that are not named tell nothing."""

    sns: Sns
    ses_topics: frozenset[str] = frozenset()
    sendgrid: EllipticCurvePublicKey | None = None
    mailgun: str | None = field(default=None, repr=False)
    postmark: str | None = field(default=None, repr=False)


def sources_of(settings: Settings, transport: httpx.AsyncBaseTransport | None) -> Sources:
    """Raises ValueError for a key that is none."""
    sendgrid = None
    if settings.sendgrid_verification_key is not None:
        try:
            sendgrid = key_of(settings.sendgrid_verification_key)
        except ValueError as error:
            raise ValueError("REGULARS_SENDGRID_VERIFICATION_KEY is no verification key of SendGrid's") from error
    topics = (settings.ses_topics or "").split(",")
    return Sources(
        sns=Sns(transport),
        ses_topics=frozenset(topic.strip() for topic in topics if topic.strip()),
        sendgrid=sendgrid,
        mailgun=settings.mailgun_signing_key.get_secret_value() if settings.mailgun_signing_key else None,
        postmark=settings.postmark_secret.get_secret_value() if settings.postmark_secret else None,
    )
