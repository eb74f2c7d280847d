"""Profiles as the API shows them."""

from typing import Any

from services.profiles.domain.profile import Profile


def shown(profile: Profile) -> dict[str, Any]:
    """A profile's document."""
    return {
        "id": profile.id,
        "user_id": profile.user_id,
        "identifiers": profile.shown_names(),
        "traits": profile.traits.values,
        "life_events": profile.all_life_events(),
        "created_at": profile.created_at,
        "updated_at": profile.updated_at,
    }
