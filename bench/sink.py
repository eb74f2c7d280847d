"""A mail server in a process of its own that takes everything: `python -m bench.sink`. Prints its port; on a line on stdin it prints what
came so far, as [[address, time], …], and forgets it."""

import asyncio
import sys
from time import time
from typing import Any

import uvloop
from aiosmtpd.smtp import SMTP, Envelope

from shared.plumbing import json
from shared.plumbing.garbage import collect_seldom


class Taking:
    """Says yes, and notes when."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, float]] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:  # noqa: N802
        self.taken.append((envelope.rcpt_tos[0], time()))
        return "250 2.0.0 taken"


async def serve() -> None:
    """Until stdin ends."""
    collect_seldom()
    loop, taking, reader = asyncio.get_running_loop(), Taking(), asyncio.StreamReader()
    listening = await loop.create_server(lambda: SMTP(taking, loop=loop, hostname="localhost"), "127.0.0.1", 0)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    print(listening.sockets[0].getsockname()[1], flush=True)
    while await reader.readline():
        taken, taking.taken = taking.taken, []
        print(json.dumps_text(taken), flush=True)
    listening.close()


if __name__ == "__main__":
    uvloop.run(serve())
