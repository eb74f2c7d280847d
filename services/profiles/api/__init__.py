"""HTTP in."""

from services.profiles.api import erasures, internal, profiles, replays, wishes

routers = (
    profiles.router,
    erasures.router,
    wishes.router,
    replays.router,
    internal.router,
    internal.parked,
)
