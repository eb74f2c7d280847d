"""HTTP out: who else asks after a segment, and whom a name leads to."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from shared.plumbing.errors import Unavailable
from shared.plumbing.http import Neighbour
from shared.schemas.identifiers import MOST_IDENTIFIERS, IdentifiersAnswer, IdentifiersRequest
from shared.schemas.keys import ApiKeys
from shared.schemas.resolved import Identifier


async def load_roles(events: Neighbour) -> dict[str, str]:
    """The role of every good API key, by its hash."""
    keys = ApiKeys.of(await events.get("/internal/keys"))
    return {key.key_hash: key.role for key in keys.keys}


async def campaigns_using(messaging: Neighbour, segment: str) -> list[str]:
    """The campaigns that refer to a segment. Raises Unavailable when messaging does not say."""
    answer: Any = await messaging.get(f"/internal/segments/{segment}/uses")
    campaigns = answer.get("campaigns") if isinstance(answer, dict) else None
    if not isinstance(campaigns, list):
        raise Unavailable("messaging did not say which campaigns use the segment.")
    return [str(campaign) for campaign in campaigns]


async def find_profile_id(profiles: Neighbour, namespace: str, value: str) -> UUID | None:
    """Whom a name leads to. Raises Unavailable when profiles does not say."""
    answer: Any = await profiles.find("/internal/lookup", **{namespace: value})
    return None if answer is None else UUID(answer["id"])


async def find_people(profiles: Neighbour, identifiers: Sequence[Identifier]) -> list[tuple[UUID, ...]]:
    """Whom each of these stands for, in their order. Raises Unavailable when profiles does not say."""
    found: list[tuple[UUID, ...]] = []
    for start in range(0, len(identifiers), MOST_IDENTIFIERS):
        asked = IdentifiersRequest(identifiers=tuple(identifiers[start : start + MOST_IDENTIFIERS]))
        answer = IdentifiersAnswer.of(await profiles.post("/internal/identifiers", asked))
        if len(answer.profile_ids) != len(asked.identifiers):
            raise Unavailable("profiles did not say of everyone who it is.")
        found += answer.profile_ids
    return found
