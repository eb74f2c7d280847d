"""Profiles and receipts as the API shows them."""

from typing import Any

from services.profiles.domain.erasure import Receipt
from services.profiles.domain.profile import Profile
from services.profiles.domain.traits import Provenance
from shared.language.exact import as_given


def shown(profile: Profile) -> dict[str, Any]:
    """A profile's document."""
    return {
        "id": profile.id,
        "user_id": profile.user_id,
        "identifiers": profile.shown_names(),
        "traits": as_given(profile.traits.values),
        "life_events": profile.all_life_events(),
        "created_at": profile.created_at,
        "updated_at": profile.updated_at,
    }


def shown_trait(profile: Profile, key: str, provenance: Provenance) -> dict[str, Any]:
    """What is known of one trait."""
    value = {} if provenance.get("removed") else {"value": as_given(profile.traits.values).get(key)}
    return {"key": key, **value, "removed": False, "implied": False, **provenance}


def shown_receipt(receipt: Receipt) -> dict[str, Any]:
    """A receipt's document."""
    return {
        "receipt_id": receipt.id,
        "profile_id": receipt.profile_id,
        "status": receipt.status,
        "requested_at": receipt.requested_at,
        "completed_at": receipt.completed_at,
        "services": receipt.services,
    }
