"""Alembic's entry for the profiles service."""

from services.profiles.models import metadata
from shared.plumbing.migrate import run_environment

run_environment(metadata)
