"""Ports for processes that a test starts."""

import socket
from contextlib import ExitStack

LOOPBACK = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """As many free ports, no two alike: all are held until the last is picked."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server((LOOPBACK, 0))) for _ in range(count)]
        return [taken.getsockname()[1] for taken in sockets]
