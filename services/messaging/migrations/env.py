"""Alembic's entry for messaging."""

from services.messaging.models import metadata
from shared.plumbing.migrate import run_environment

run_environment(metadata)
