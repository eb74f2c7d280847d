"""Writes what can be read off the code: the OpenAPI documents and the page of settings."""

import importlib
import os
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from fastapi import FastAPI
from pydantic import AliasChoices, TypeAdapter
from pydantic.fields import FieldInfo

from shared.plumbing import json
from shared.plumbing.settings import CommonSettings

DOCS = Path(__file__).parents[1] / "docs"
INTRODUCTION = """# Configuration

Settings are environment variables, read once when a process starts. `make run` sets those it needs by itself and passes the rest on. Where two names stand, the first
counts. Durations are ISO 8601, such as `PT10S`. (This page is written by `make openapi` from the settings themselves.)

Beside them `make run` knows `REGULARS_HOME` (where its state is, default `.local`).
"""


def write_reference(services: Sequence[str]) -> None:
    """Write docs/openapi/*.json and docs/configuration.md."""
    (DOCS / "openapi").mkdir(parents=True, exist_ok=True)
    for service in services:
        (DOCS / "openapi" / f"{service}.json").write_bytes(openapi_document(service) + b"\n")
    (DOCS / "configuration.md").write_text(configuration_page(services))


def openapi_document(service: str) -> bytes:
    """The service's OpenAPI document, indented. Nothing is connected to."""
    os.environ.setdefault("REGULARS_SECRET", "not used for writing documents")
    os.environ.setdefault("REGULARS_DATABASE_URL", "postgresql://not.used/for-writing-documents")
    settings = importlib.import_module(f"services.{service}.config").Settings()
    app: FastAPI = importlib.import_module(f"services.{service}.app").create_app(settings)
    return json.pretty(app.openapi())


def configuration_page(services: Sequence[str]) -> str:
    """The page of settings: those of every service, then each service's own."""
    common = CommonSettings.model_fields
    sections = [INTRODUCTION, *_section("Every service", common)]
    for service in services:
        settings: type[CommonSettings] = importlib.import_module(f"services.{service}.config").Settings
        own = {name: field for name, field in settings.model_fields.items() if name not in common}
        sections += _section(service, own)
    return "\n".join(sections) + "\n"


def _section(title: str, fields: dict[str, FieldInfo]) -> Iterator[str]:
    yield f"## {title}\n"
    yield "| variable | default | what it is |\n|---|---|---|"
    for name, field in fields.items():
        names = ", ".join(f"`{variable}`" for variable in variables(name, field))
        yield f"| {names} | {_default(field)} | {(field.description or '').replace('|', ', ')} |"
    yield ""


def variables(name: str, field: FieldInfo) -> list[str]:
    """The environment variables that set a field, the first that is there counts."""
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return [str(choice) for choice in alias.choices if str(choice).isupper()]
    return [str(alias)] if alias else [f"REGULARS_{name}".upper()]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    if field.default_factory is not None:
        return "made from host and process"
    value = field.default
    if value is None or value == "":
        return "none"
    if isinstance(value, timedelta):
        value = TypeAdapter(timedelta).dump_python(value, mode="json")
    if isinstance(value, frozenset):
        value = ", ".join(sorted(value)) or "none"
    return f"`{value}`"
