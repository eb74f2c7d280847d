"""One person, named by the profile's id or by any identifier."""

from typing import Self
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.segments.api.desk import desk_of
from services.segments.clients import find_profile_id
from shared.plumbing.errors import NotFound


class Person(BaseModel):
    """Exactly one of `profile_id`, `user_id`, `anonymous_id`, `email`, `phone`, or a namespace of yours."""

    model_config = ConfigDict(extra="allow")

    profile_id: UUID | None = Field(default=None, description="The profile's `id`")
    user_id: str | None = None
    anonymous_id: str | None = None
    email: str | None = None
    phone: str | None = None
    __pydantic_extra__: dict[str, str]

    def names(self) -> dict[str, str]:
        """Identifiers by namespace."""
        given = {"user_id": self.user_id, "anonymous_id": self.anonymous_id, "email": self.email, "phone": self.phone}
        return {namespace: value for namespace, value in given.items() if value is not None} | self.__pydantic_extra__

    @model_validator(mode="after")
    def one(self) -> Self:
        """Refuse none, and two."""
        if (self.profile_id is not None) + len(self.names()) != 1:
            raise ValueError(
                "give exactly one of profile_id, user_id, anonymous_id, email, phone, or a namespace of yours"
            )
        return self


async def id_of(request: Request, person: Person) -> UUID:
    """The profile's id, asked of the profiles service if need be. Raises NotFound, and Unavailable when it can't be asked."""
    if person.profile_id is not None:
        return person.profile_id
    [(namespace, value)] = person.names().items()
    found = await find_profile_id(desk_of(request).profiles, namespace, value)
    if found is None:
        raise NotFound(f"There is no profile with this {namespace}.")
    return found
