"""Which TCP ports are used, and whether they are free."""

import socket
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from deploy.local.faults import Fault

LOOPBACK = "127.0.0.1"


def _bound(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of before, in TIME_WAIT, don't count
    try:
        bound.bind((LOOPBACK, port))
    except OSError:
        bound.close()
        raise
    return bound


def is_free(port: int) -> bool:
    try:
        _bound(port).close()
    except OSError:
        return False
    return True


def check_free(ports: Mapping[str, int]) -> None:
    """Refuse ports that are taken, or given twice; `ports` is by the variable that sets it."""
    seen: dict[int, str] = {}
    for variable, port in ports.items():
        if port in seen:
            raise Fault(f"{variable} and {seen[port]} are both {port}; give each service a port of its own.")
        seen[port] = variable
        if not is_free(port):
            raise Fault(f"Port {port} is taken by another program; stop it, or set {variable} to a free port.")


def read_saved(path: Path) -> int | None:
    try:
        port = int(path.read_text())
    except (OSError, ValueError):
        return None
    return port if 1024 <= port <= 65535 else None


def choose(saved: int | None) -> int:
    """The port of last time if it is free, else one that the system picks."""
    if saved is not None and is_free(saved):
        return saved
    with closing(_bound(0)) as picked:
        port: int = picked.getsockname()[1]
        return port


def reserve(port: int) -> socket.socket | None:
    """Hold a port that a child listens on, so that it is still there when the child comes back.

    Bound but not listening: while the server is away its clients' reconnects would otherwise be given this very port
    as their own, connect to themselves, and keep the server from binding it. Only Linux lets both bind.
    """
    if sys.platform != "linux":
        return None
    try:
        return _bound(port)
    except OSError:
        return None
