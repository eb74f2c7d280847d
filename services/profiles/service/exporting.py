"""All that is held on one person, as one document."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from services.profiles.clients import Elsewhere
from services.profiles.domain.names import ANONYMOUS, USER
from services.profiles.domain.profile import Profile
from services.profiles.service import reading
from shared.plumbing.db import Database

ALL = 2**31
CHANNELS = {"email": "email", "phone": "sms"}
"""On which channel a contact point is written to."""

Shown = Callable[[Profile], dict[str, Any]]


async def export_profile(db: Database, elsewhere: Elsewhere, profile_id: UUID, *, shown: Shown) -> dict[str, Any]:
    """What this service and the others hold, each as its lists say it. Raises NotFound, or Unavailable where one can't be asked."""
    profile = await reading.get_profile(db, profile_id)
    found = await _own(db, profile, shown) | await elsewhere.read_all(profile.id, profile.absorbed)
    return found | {
        "rejected": [one for name in _ids(profile) for one in await elsewhere.read_rejected(*name)],
        "suppressions": [one for place in _places(profile) for one in await elsewhere.read_suppressions(*place)],
    }


async def _own(db: Database, profile: Profile, shown: Shown) -> dict[str, Any]:
    consents = await reading.list_consents(db, profile.id, after=None, limit=ALL)
    merges = await reading.list_merges(db, profile.id, after=None, limit=ALL)
    return {
        "profile": shown(profile),
        "traits": [{"key": key} | told for key, told in sorted(profile.traits.provenance.items())],
        "consents": [reading.as_values(one) for one in consents],
        "preferences": await reading.get_preferences(db, profile.id),
        "devices": await reading.get_devices(db, profile.id),
        "merges": [reading.as_values(one) for one in merges],
    }


def _ids(profile: Profile) -> list[tuple[str, str]]:
    return [(one.namespace, one.value) for one in profile.shown_names() if one.namespace in (USER, ANONYMOUS)]


def _places(profile: Profile) -> list[tuple[str, str]]:
    """The channels and addresses that are known now."""
    traits = profile.traits.values
    return [(channel, value) for name, channel in CHANNELS.items() if isinstance(value := traits.get(name), str)]
