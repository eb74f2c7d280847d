"""HTTP in: one module for each resource."""

from services.messaging.api.campaigns import router as campaigns
from services.messaging.api.confirming import router as confirming
from services.messaging.api.dead_letters import router as dead_letters
from services.messaging.api.history import router as history
from services.messaging.api.hooks import router as hooks
from services.messaging.api.internal import ROUTERS as INTERNAL
from services.messaging.api.journeys import router as journeys
from services.messaging.api.links import router as links
from services.messaging.api.preferences import router as preferences
from services.messaging.api.provider_hooks import router as provider_hooks
from services.messaging.api.rehearsals import router as rehearsals
from services.messaging.api.rules import router as rules
from services.messaging.api.tasks import router as tasks
from services.messaging.api.templates import router as templates
from services.messaging.api.tracking import router as tracking

ROUTERS = (
    rehearsals,
    campaigns,
    journeys,
    tasks,
    templates,
    history,
    dead_letters,
    rules,
    links,
    preferences,
    confirming,
    hooks,
    provider_hooks,
    tracking,
    *INTERNAL,
)
