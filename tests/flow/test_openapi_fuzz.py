"""Requests made from the four OpenAPI documents, valid and not: none is answered with a 500."""

import asyncio
import base64
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.support.deployment import Deployment

if TYPE_CHECKING:  # loaded by the worker that needs them, for they take their time
    import requests
    import schemathesis

ASKED_FOR = os.environ.get("REGULARS_FUZZ_EXAMPLES")
EXAMPLES = int(ASKED_FOR or "2")
"""Of each operation: the same ones each time, or so many new ones as are asked for."""


def _try(operation: Any, *, url: str, authorization: str, session: "requests.Session") -> None:
    from schemathesis.checks import not_a_server_error

    @given(case=operation.as_strategy())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=ASKED_FOR is None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def one(case: "schemathesis.Case[Any]") -> None:
        headers = {"Authorization": authorization}
        response = case.call(base_url=url, headers=headers, timeout=20, session=session)
        case.validate_response(response, checks=[not_a_server_error])

    one()


def _fuzz(url: str, *, api_key: str, write_key: str) -> int:
    """Each operation of a service, with the key it asks for. Returns how many operations there are."""
    import requests
    import schemathesis
    from schemathesis.core.result import Ok

    schema = schemathesis.openapi.from_dict(httpx.get(url + "/openapi.json").json())
    basic = "Basic " + base64.b64encode(f"{write_key}:{api_key}".encode()).decode()
    tried = 0
    with requests.Session() as session:
        for result in schema.get_all_operations():
            assert isinstance(result, Ok), result
            operation = result.ok()
            authorization = f"Bearer {api_key}" if operation.definition.raw.get("security") else basic
            _try(operation, url=url, authorization=authorization, session=session)
            tried += 1
    return tried


@pytest.mark.once
@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_no_request_is_answered_with_a_server_error(tmp_path: Path) -> None:
    async with Deployment(tmp_path / "home") as deployment:
        for url in deployment.urls.values():
            tried = await asyncio.to_thread(_fuzz, url, api_key=deployment.api_key, write_key=deployment.write_key)
            assert tried > 5
