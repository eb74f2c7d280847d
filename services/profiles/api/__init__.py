"""HTTP in."""

from services.profiles.api import internal, profiles

routers = (profiles.router, internal.router, internal.feed, internal.parked)
