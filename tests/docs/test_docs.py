"""The docs are complete and true: settings, refusals, routes, links, the tests that promises name."""

import importlib
import re
from pathlib import Path
from typing import Any

import pytest

from services.reference import configuration_page
from services.segments.api.documents import NODES
from services.segments.domain.parse import READERS, parse
from shared.plumbing import errors, json
from tests.support.world import SERVICES, settings_for

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "services" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

CONDITIONS = re.findall(r"```json\n(.*?)```", (ROOT / "docs" / "segments.md").read_text(), re.DOTALL)


def _document(service: str) -> dict[str, Any]:
    module = importlib.import_module(f"services.{service}.app")
    app = module.create_app(settings_for(service, "postgresql://not.used/here"))
    document: dict[str, Any] = app.openapi()
    return document


def _operations(service: str) -> list[tuple[str, str, dict[str, Any]]]:
    paths = _document(service)["paths"]
    return [(path, method, operation) for path, methods in paths.items() for method, operation in methods.items()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)", page.read_text())
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


def test_every_promise_names_a_test_that_exists() -> None:
    named = re.findall(r"`(tests/[\w/.]+)`", "\n".join(page.read_text() for page in PAGES))
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_page_of_settings_is_todays() -> None:
    assert (ROOT / "docs" / "configuration.md").read_text() == configuration_page(SERVICES), "run `make openapi`"


def test_every_refusal_is_documented() -> None:
    page = (ROOT / "docs" / "errors.md").read_text()
    codes = {cls.code for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, errors.Problem)}
    codes |= {
        code
        for path in (ROOT / "services").rglob("*.py")
        for code in re.findall(r"code=\"([a-z_]+)\"", path.read_text())
    }
    assert sorted(code for code in codes if f"`{code}`" not in page) == []


def test_every_metric_is_documented() -> None:
    page = (ROOT / "docs" / "operating.md").read_text()
    defined = {
        name
        for folder in ("services", "shared")
        for path in (ROOT / folder).rglob("*.py")
        for name in re.findall(r"(?:Counter|Gauge|Histogram)\(\s*\"(regulars_\w+)\"", path.read_text())
    }
    assert len(defined) > 10
    assert sorted(name for name in defined if not re.search(rf"`{name}[`{{]", page)) == []


@pytest.mark.parametrize("block", CONDITIONS)
def test_every_condition_on_the_page_of_segments_is_accepted(block: str) -> None:
    parse(json.loads(block.encode()))


def test_the_page_of_segments_has_every_node() -> None:
    shown = set(re.findall(r'"(\w+)":', "\n".join(CONDITIONS)))
    assert sorted(set(READERS) - shown) == []
    assert [node for node in READERS if f"`{node}`" not in NODES] == []


@pytest.mark.parametrize("service", SERVICES)
def test_every_route_says_what_it_does(service: str) -> None:
    wrong = [f"{m} {p}" for p, m, operation in _operations(service) if not operation.get("summary")]
    assert wrong == []


@pytest.mark.parametrize("service", SERVICES)
def test_every_reference_leads_somewhere(service: str) -> None:
    document = _document(service)
    named = set(re.findall(r'"\$ref":"#/components/schemas/([^"]+)"', json.dumps_text(document)))
    assert sorted(named - document["components"]["schemas"].keys()) == []
    assert "#/$defs" not in json.dumps_text(document)


@pytest.mark.parametrize("service", SERVICES)
def test_every_body_has_an_example(service: str) -> None:
    document = _document(service)

    def has_example(body: dict[str, Any]) -> bool:
        for content in body["content"].values():
            name = content.get("schema", {}).get("$ref", "").rsplit("/", 1)[-1]
            schema = document.get("components", {}).get("schemas", {}).get(name, content.get("schema", {}))
            if not any(key in place for place in (content, schema) for key in ("example", "examples")):
                return False
        return True

    bodies = [
        (f"{m} {p}", operation["requestBody"]) for p, m, operation in _operations(service) if "requestBody" in operation
    ]
    assert [name for name, body in bodies if not has_example(body)] == []


@pytest.mark.parametrize("service", SERVICES)
def test_the_openapi_document_on_file_is_todays(service: str) -> None:
    file = ROOT / "docs" / "openapi" / f"{service}.json"
    assert file.exists(), "run `make openapi`"
    assert json.loads(file.read_bytes()) == json.loads(json.dumps(_document(service))), "run `make openapi`"
