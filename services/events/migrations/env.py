"""Alembic's entry point."""

from services.events.models import metadata
from shared.plumbing.migrate import run_environment

run_environment(metadata)
