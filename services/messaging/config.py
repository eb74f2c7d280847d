"""Settings of messaging, read from the environment once."""

from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from shared.plumbing.settings import CommonSettings


class Settings(CommonSettings):
    """Every field is the environment variable `REGULARS_<FIELD>`, or the one named in its description."""

    model_config = SettingsConfigDict(env_prefix="REGULARS_", extra="ignore", frozen=True, populate_by_name=True)

    database_url: str = Field(
        validation_alias=AliasChoices("REGULARS_MESSAGING_DATABASE_URL", "REGULARS_DATABASE_URL", "database_url"),
        description="`REGULARS_MESSAGING_DATABASE_URL`, else `REGULARS_DATABASE_URL`: PostgreSQL, 15 or newer",
    )
    port: int = Field(
        default=8004,
        validation_alias=AliasChoices("REGULARS_MESSAGING_PORT", "port"),
        description="`REGULARS_MESSAGING_PORT`: port to listen on",
    )
    public_url: str | None = Field(
        default=None,
        validation_alias="REGULARS_MESSAGING_PUBLIC_URL",
        description="Where recipients reach messaging, for links in messages; default: its own address",
    )
    default_timezone: str = Field(default="UTC", description="IANA zone of people whose own is missing or unknown")
    mail_from: str = Field(
        default="Regulars <hello@localhost>", description="Sender of e-mail whose template names none"
    )
    smtp_host: str | None = Field(default=None, description="SMTP server; without it e-mail goes to the local mailbox")
    smtp_port: int = Field(default=587, description="Port of the SMTP server")
    smtp_username: str | None = Field(default=None, description="User name at the SMTP server")
    smtp_password: SecretStr | None = Field(default=None, description="Password at the SMTP server")
    smtp_security: str = Field(
        default="auto",
        pattern="^(auto|starttls|tls|none)$",
        description="auto (STARTTLS where offered), starttls (required), tls (from the first byte) or none",
    )
    smtp_timeout: float = Field(
        default=30, gt=0, le=600, description="Seconds for one e-mail at the SMTP server, at most"
    )
    smtp_connections: int = Field(default=16, ge=1, le=200, description="E-mails under way at the SMTP server at once")
    smtp_per_second: float | None = Field(
        default=None,
        gt=0,
        description="E-mails a second for the SMTP server, of all workers together; default: any number",
    )
    smtp_second_host: str | None = Field(
        default=None, description="SMTP server of a second provider, for while the first fails or says not now"
    )
    smtp_second_port: int = Field(default=587, description="Its port")
    smtp_second_username: str | None = Field(default=None, description="User name at the second SMTP server")
    smtp_second_password: SecretStr | None = Field(default=None, description="Password at the second SMTP server")
    smtp_second_security: str = Field(
        default="auto", pattern="^(auto|starttls|tls|none)$", description="As `REGULARS_SMTP_SECURITY`"
    )
    smtp_second_per_second: float | None = Field(
        default=None,
        gt=0,
        description="As `REGULARS_SMTP_PER_SECOND`; time limit and connections are those of the first",
    )
    twilio_account: str | None = Field(
        default=None, description="Account (or API key) for text messages; without it they go to the local mailbox"
    )
    twilio_token: SecretStr | None = Field(default=None, description="Its token (or secret)")
    twilio_from: str | None = Field(
        default=None, description="Number, short code or messaging service (`MG…`) that text messages come from"
    )
    twilio_url: str = Field(
        default="https://api.twilio.com",
        description="Where the Twilio messages API is; also of a gateway that speaks it",
    )
    fcm_credentials: Path | None = Field(
        default=None,
        description="JSON file of the service account for notifications; without it they go to the local mailbox",
    )
    fcm_url: str = Field(default="https://fcm.googleapis.com", description="Where FCM's HTTP v1 API is")
    webhook_url: str | None = Field(
        default=None, description="Where webhooks are posted to; default: the local mailbox"
    )
    webhook_secret: SecretStr | None = Field(
        default=None,
        description="`whsec_` and 24 to 64 bytes in base64, by which receivers know that a webhook is ours",
    )
    gateway_timeout: float = Field(
        default=20, gt=0, le=600, description="Seconds for one message at a provider reached by HTTP, at most"
    )
    gateway_connections: int = Field(
        default=16, ge=1, le=500, description="Messages under way at a provider reached by HTTP at once"
    )
    gateway_per_second: float | None = Field(
        default=None,
        gt=0,
        description="Messages a second for each provider reached by HTTP, of all workers together; default: any number",
    )
    tracking: bool = Field(
        default=False,
        description="Notice opens and clicks of e-mail by an image and redirected links of our own; campaigns may leave it out",
    )
    ses_topics: str | None = Field(
        default=None, description="ARNs of the SNS topics to which SES publishes its events, separated by commas"
    )
    sendgrid_verification_key: str | None = Field(
        default=None, description="Verification key of SendGrid's signed event webhook"
    )
    mailgun_signing_key: SecretStr | None = Field(default=None, description="HTTP webhook signing key of Mailgun")
    postmark_secret: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="Secret in the address of Postmark's webhooks: made by you, 16 characters or more",
    )
    messages_kept_days: int = Field(
        default=400,
        ge=90,
        le=36_500,
        description="How long messages (also the local mailbox) and decisions are kept; longer where a frequency cap, a goal or "
        "a campaign's `reentry` still looks at them",
    )
    send_batch: int = Field(default=256, ge=1, le=1000, description="Messages decided together, at most")

    @property
    def link_base(self) -> str:
        """What links in messages begin with."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104 (not listened on here)
        return (self.public_url or f"http://{host}:{self.port}").rstrip("/")
