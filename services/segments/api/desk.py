"""What the routes of this service need; one for the application."""

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Request

from services.segments.service.rules import RuleBook
from shared.plumbing.clock import Clock
from shared.plumbing.db import Database
from shared.plumbing.http import Neighbour


@dataclass(frozen=True, slots=True)
class Desk:
    db: Database
    clock: Clock
    changed: Callable[[], None]  # to be called when the catalogue was
    messaging: Neighbour
    profiles: Neighbour
    default_zone: str
    book: RuleBook
    committed: Callable[[], None]  # to be called when memberships were


def desk_of(request: Request) -> Desk:
    """The application's."""
    desk: Desk = request.app.state.desk
    return desk
