"""Requests made from the four OpenAPI documents, valid and not: none is answered with a 500."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok

from tests.support.deployment import SERVICES, Deployment


@pytest.fixture(scope="module")
async def deployment(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Deployment]:
    home: Path = tmp_path_factory.mktemp("fuzz") / "home"
    async with Deployment(home) as running:
        yield running


def _fuzz(url: str, headers: dict[str, str], examples: int) -> int:
    schema = schemathesis.openapi.from_dict(httpx.get(url + "/openapi.json").json())
    tried = 0
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        operation = result.ok()

        @given(case=operation.as_strategy())
        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def one(case: schemathesis.Case[Any]) -> None:
            response = case.call(base_url=url, headers=headers, timeout=20)
            case.validate_response(response, checks=[not_a_server_error])

        one()
        tried += 1
    return tried


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("service", SERVICES)
async def test_no_request_is_answered_with_a_server_error(deployment: Deployment, service: str) -> None:
    import asyncio

    headers = {"Authorization": deployment.http.headers["Authorization"]}
    assert await asyncio.to_thread(_fuzz, deployment.urls[service], headers, 12) > 5
