"""All ready-made definitions, by key."""

from collections.abc import Mapping

from services.segments.domain.templates_buying import BUYING
from services.segments.domain.templates_dates import DATES
from services.segments.domain.templates_doing import DOING
from services.segments.domain.templates_shape import Template

TEMPLATES: Mapping[str, Template] = {template.key: template for template in (*DATES, *BUYING, *DOING)}
