"""HTTP in."""

from services.profiles.api import erasures, internal, profiles, wishes

routers = (profiles.router, erasures.router, wishes.router, internal.router, internal.feed, internal.parked)
