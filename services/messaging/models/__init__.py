"""The tables of messaging. Hot ones begin with the profile's lane; the catalogue (campaigns, templates, settings) is small."""

from services.messaging.models import catalogue, people, sending
from services.messaging.models.base import metadata

__all__ = ["catalogue", "metadata", "people", "sending"]
