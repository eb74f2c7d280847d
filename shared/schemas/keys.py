"""events → the other services: which API keys are good (`GET /internal/keys`)."""

from shared.schemas.message import Message


class ApiKey(Message, frozen=True, kw_only=True):
    """A key by its hash (SHA-256, hex); the key itself is kept nowhere. `role`: admin, write or read."""

    id: str
    key_hash: str
    role: str


class ApiKeys(Message, frozen=True, kw_only=True):
    """All keys that are not revoked."""

    keys: tuple[ApiKey, ...]
