"""Ids in Customer.io's paths may hold an escaped slash (`%2F`); the server has unescaped it before routes are looked up."""

from starlette.types import ASGIApp, Receive, Scope, Send

PREFIX = "/api/v1/customers/"


class RawPaths:
    """Routes these paths as they were sent; their handlers unescape what they take from them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(PREFIX) and scope.get("raw_path"):
            raw_path: bytes = scope["raw_path"]
            scope = {**scope, "path": raw_path.partition(b"?")[0].decode("ascii", "replace")}
        await self._app(scope, receive, send)
