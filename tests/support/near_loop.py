"""The loop that the services run on, here as there; it reaches this machine only.

pytest-socket watches Python's sockets, and this loop has its own.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import uvloop
from pytest_socket import SocketConnectBlockedError

NEAR = ("127.0.0.1", "::1", "localhost")


class NearLoop(uvloop.Loop):
    async def create_connection(self, protocol_factory: Any, host: Any = None, port: Any = None, **more: Any) -> Any:
        if host is not None and host not in NEAR:
            raise SocketConnectBlockedError(list(NEAR), host)
        return await super().create_connection(protocol_factory, host, port, **more)


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": NearLoop}
