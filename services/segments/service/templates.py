"""Ready-made definitions, filled in for a caller."""

from collections.abc import Mapping
from typing import Any

from services.segments.domain.templates import TEMPLATES
from services.segments.domain.templates_shape import Template
from shared.language.errors import ConditionError
from shared.plumbing.errors import Invalid

LOC = ("body", "template")


def get_template(key: str) -> Template:
    """Raises Invalid, for it was named in a body."""
    template = TEMPLATES.get(key)
    if template is None:
        raise Invalid(
            "There is no such template; GET /v1/segment-templates lists them.",
            errors=[{"loc": [*LOC, "key"], "msg": "is not the key of a template"}],
        )
    return template


def fill_template(template: Template, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The condition it makes. Raises Invalid with the place of every fault."""
    try:
        return template.fill(parameters)
    except ConditionError as error:
        faults = [{"loc": [*LOC, "parameters", *fault["loc"]], "msg": fault["msg"]} for fault in error.errors]
        raise Invalid.of(faults) from error
