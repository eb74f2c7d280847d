"""A mail server that does what a test says."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope

from tests.support.waiting import until

Behaviour = Callable[["Post", str], Awaitable[str]]


class Post:
    """A mail server. `at`: what it does at `mail`, `rcpt` or `data`, in place of saying yes."""

    def __init__(self, **at: Behaviour) -> None:
        self.at = at
        self.taken: list[Envelope] = []
        self.tries = 0
        self.port = 0
        self.connections = 0
        self.protocol: Any = None

    async def handle_MAIL(self, server: Any, _session: Any, envelope: Envelope, address: str, options: Any) -> str:  # noqa: N802
        self.tries += 1
        self.protocol = server
        envelope.mail_from = address
        return await self.at["mail"](self, address) if "mail" in self.at else "250 OK"

    async def handle_RCPT(self, server: Any, _session: Any, envelope: Envelope, address: str, options: Any) -> str:  # noqa: N802
        answer = await self.at["rcpt"](self, address) if "rcpt" in self.at else "250 OK"
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, _session: Any, envelope: Envelope) -> str:  # noqa: N802
        answer = await self.at["data"](self, envelope.rcpt_tos[0]) if "data" in self.at else "250 2.0.0 taken"
        if answer.startswith("250"):
            self.taken.append(envelope)
        return answer

    @asynccontextmanager
    async def open(self, *, tls: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator["Post"]:
        """`tls`: from the first byte. `options`: those of aiosmtpd."""
        loop = asyncio.get_running_loop()

        def connected() -> SMTP:
            self.connections += 1
            return SMTP(self, loop=loop, hostname="localhost", enable_SMTPUTF8=True, **options)

        listening = await loop.create_server(connected, "127.0.0.1", 0, ssl=tls)
        self.port = listening.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            listening.close()

    async def tried(self, times: int) -> None:
        """Until so many mails were begun."""
        await until(lambda: self.tries >= times, f"{times} mails are begun")

    @property
    def settings(self) -> dict[str, Any]:
        return {"smtp_host": "127.0.0.1", "smtp_port": self.port, "smtp_timeout": 5, "smtp_connections": 4}


def answering(*answers: str) -> Behaviour:
    """Says these, one after the other, and the last for ever."""
    left = list(answers)

    async def answer(_post: Post, _address: str) -> str:
        return left.pop(0) if len(left) > 1 else left[0]

    return answer


async def hang_up(post: Post, _address: str) -> str:
    post.protocol.transport.abort()
    return "250 OK"
