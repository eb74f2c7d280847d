"""One writer per table: no service's statements name another service's schema."""

import re
from pathlib import Path

import pytest

import services
from tests.support.world import SERVICES

ROOT = Path(services.__file__).parent


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_names_no_schema_but_its_own(service: str) -> None:
    others = "|".join(name for name in SERVICES if name != service)
    statement = re.compile(rf"\b(FROM|JOIN|INTO|UPDATE|TABLE)\s+\"?({others})\"?\.", re.IGNORECASE)
    found = [str(path) for path in (ROOT / service).rglob("*.py") if statement.search(path.read_text())]
    assert found == []
