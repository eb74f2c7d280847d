"""No transaction is open while anything goes over the network: the client itself refuses."""

import httpx
import pytest

from shared.plumbing.http import Neighbour
from tests.services.plumbing.conftest import Bench


async def test_a_call_to_another_service_within_a_transaction_is_refused(bench: Bench) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=b"{}"))
    neighbour = Neighbour("http://other", token="t", transport=transport)
    assert await neighbour.get("/internal/progress") == {}
    async with bench.db.transaction():
        with pytest.raises(RuntimeError, match="transaction is open"):
            await neighbour.get("/internal/progress")
    assert await neighbour.get("/internal/progress") == {}
    await neighbour.close()
