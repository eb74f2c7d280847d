"""Who may: API keys with roles, the deployment's own services, and signatures of links. All from one secret and one key list."""

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from shared.plumbing.errors import Forbidden, Problem, Unauthorized, Unavailable

ROLES = {"read": 0, "write": 1, "admin": 2}
AGAIN_AFTER = 0.2
EARLY = 0.01  # seconds: timers wake a little early, and 0.2 may be a little less between two readings of the clock
LoadKeys = Callable[[], Awaitable[Mapping[str, str]]]
"""Gives the role of every good key, by the key's hash."""


def hash_key(key: str) -> str:
    """SHA-256, hex. Keys are random and long, so no salt and no slow hash is needed."""
    return hashlib.sha256(key.encode()).hexdigest()


def derive(secret: str, purpose: str) -> str:
    """A secret for one purpose, made from the deployment's secret (HMAC-SHA256, hex)."""
    return hmac.new(secret.encode(), purpose.encode(), hashlib.sha256).hexdigest()


class KeyRing:
    """The good API keys: looked up at most every two seconds, kept while their owner is away.

    A key that is not known yet is looked up again (so a new key works immediately), at most five times a second: whoever brings
    one sooner waits until then.
    """

    def __init__(self, load: LoadKeys, *, max_age: float = 2.0) -> None:
        self._load = load
        self._max_age = max_age
        self._roles: dict[str, str] | None = None
        self._loaded_at = 0.0
        self._expired = False
        self._loading = asyncio.Lock()

    async def role_of(self, key: str) -> str | None:
        """The key's role, or None if it is unknown or revoked."""
        hashed = hash_key(key)
        await self._refresh(self._max_age)
        if self._roles is not None and hashed not in self._roles:
            await asyncio.sleep(max(0.0, self._loaded_at + AGAIN_AFTER - asyncio.get_running_loop().time()))
            await self._refresh(AGAIN_AFTER - EARLY)
        return (self._roles or {}).get(hashed)

    def expire(self) -> None:
        """A key was revoked here: the list is looked up before anybody uses one again."""
        self._expired = True

    async def _refresh(self, max_age: float) -> None:
        async with self._loading:
            now = asyncio.get_running_loop().time()
            if self._roles is not None and now - self._loaded_at < max_age and not self._expired:
                return
            self._expired = False
            try:
                self._roles = dict(await self._load())
            except (Problem, OSError) as error:
                if self._roles is None:
                    raise Unavailable("The key list is out of reach; try again.") from error
            self._loaded_at = now


bearer = HTTPBearer(auto_error=False, description="An API key (see `credentials.json`)")


def needs_role(role: str) -> Callable[..., Awaitable[str]]:
    """A dependency: 401 without a good API key, 403 if its role is below `role` (read < write < admin)."""

    async def check(request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> str:
        if given is None:
            raise Unauthorized(
                "Send `Authorization: Bearer <api_key>`; the first key is in credentials.json.",
                headers={"WWW-Authenticate": "Bearer"},
            )
        keys: KeyRing = request.app.state.keys
        actual = await keys.role_of(given.credentials)
        if actual is None:
            raise Unauthorized("This API key is unknown or revoked.", headers={"WWW-Authenticate": "Bearer"})
        if ROLES.get(actual, -1) < ROLES[role]:
            raise Forbidden(f"This needs a key with the role `{role}`; this key's is `{actual}`.")
        return actual

    return check


Reader: Any = Depends(needs_role("read"))
Writer: Any = Depends(needs_role("write"))
Admin: Any = Depends(needs_role("admin"))


def check_internal(request: Request) -> None:
    """Raises Unauthorized for anybody but the deployment's own services."""
    expected = f"Bearer {request.app.state.internal_token}"
    if not hmac.compare_digest(request.headers.get("authorization", "").encode(), expected.encode()):
        raise Unauthorized("This route is for the deployment's own services.")


async def _check_internal(request: Request) -> None:
    check_internal(request)


Internal: Any = Depends(_check_internal)
