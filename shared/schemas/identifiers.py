"""segments asks profiles for whom many identifiers stand (`POST /internal/identifiers`), as when a list is uploaded."""

from typing import Annotated
from uuid import UUID

import msgspec

from shared.schemas.message import Message
from shared.schemas.resolved import Identifier

MOST_IDENTIFIERS = 5_000


class IdentifiersRequest(Message, frozen=True, kw_only=True):
    """The namespace `profile_id` stands for the profiles' own ids."""

    identifiers: Annotated[tuple[Identifier, ...], msgspec.Meta(max_length=MOST_IDENTIFIERS)]


class IdentifiersAnswer(Message, frozen=True, kw_only=True):
    """For each, in order, the living profiles it leads to: none, one, or several for an e-mail address or a phone number."""

    profile_ids: tuple[tuple[UUID, ...], ...]
