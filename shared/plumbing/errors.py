"""Refusals: an exception with a status and a stable slug, answered as problem+json (RFC 9457).

Problem
├── Malformed (400)      the body can't be read
├── Unauthorized (401)   no key, or one that is unknown or revoked
├── Forbidden (403)      the key's role does not reach this far
├── NotFound (404)
├── Conflict (409)
├── TooLarge (413)
├── Invalid (422)        readable, but not what is asked for; `errors` says where
├── TooBusy (429)        cannot keep more now; `Retry-After`
└── Unavailable (503)    something needed is away; `Retry-After`
"""

from collections.abc import Mapping, Sequence
from typing import Any


class Problem(Exception):
    """A refusal. `code` is stable, `detail` says what to do; `more` are further members of the document."""

    status = 500
    title = "Internal error"
    code = "internal"

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        errors: Sequence[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or type(self).code
        self.errors = list(errors)
        self.headers = dict(headers or {})
        self.more = dict(more or {})

    def body(self) -> dict[str, Any]:
        """The problem document; `code` and `message` are for SDKs that look for them."""
        document: dict[str, Any] = {
            "type": f"urn:regulars:error:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "message": self.detail,
        }
        return document | ({"errors": self.errors} if self.errors else {}) | self.more


class Malformed(Problem):
    """The body can't be read at all: not JSON, not an object, broken compression."""

    status, title, code = 400, "Malformed request", "malformed"


class Unauthorized(Problem):
    """No key was given, or it is unknown or revoked."""

    status, title, code = 401, "Unauthorized", "unauthorized"


class Forbidden(Problem):
    """The key is good, but its role does not allow this."""

    status, title, code = 403, "Forbidden", "forbidden"


class NotFound(Problem):
    """There is no such thing (any more)."""

    status, title, code = 404, "Not found", "not_found"


class Conflict(Problem):
    """It contradicts what is there."""

    status, title, code = 409, "Conflict", "conflict"


class TooLarge(Problem):
    """The body is over the limit, as sent or after inflation."""

    status, title, code = 413, "Too large", "too_large"


class Invalid(Problem):
    """Readable, but not what is asked for; `errors` names each place."""

    status, title, code = 422, "Invalid", "invalid"

    @classmethod
    def of(cls, errors: Sequence[Mapping[str, Any]]) -> "Invalid":
        """The refusal of these fields, of which there is at least one; `detail` says what is wrong with the first."""
        (_, *path), more = errors[0]["loc"], len(errors) - 1
        place = ".".join(str(part) for part in path)
        others = f" ({more} more in `errors`)" if more else ""
        return cls(f"{place}{': ' if place else ''}{errors[0]['msg']}{others}.", errors=errors)


class TooBusy(Problem):
    """It cannot be kept, or worked out, now. Nothing of it was kept; send it again after `Retry-After` seconds."""

    status, title, code = 429, "Too busy", "too_busy"

    def __init__(self, detail: str, *, retry_after: int = 5) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


class Unavailable(Problem):
    """Something this needs is away; try again after `Retry-After` seconds."""

    status, title, code = 503, "Unavailable", "unavailable"

    def __init__(self, detail: str, *, retry_after: int = 2, more: Mapping[str, Any] | None = None) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)}, more=more)
