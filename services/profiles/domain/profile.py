"""A profile in memory, while messages and calls change it."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from services.profiles.domain.life_events import all_life_events
from services.profiles.domain.names import USER, Name
from services.profiles.domain.traits import Traits
from shared.schemas.resolved import Identifier, LifeEvent, ProfileSnapshot


@dataclass(frozen=True, slots=True)
class Held:
    """A name that a profile has. `shown` is false while it is only presumed (see `profile_identifiers`)."""

    first_seen_at: datetime
    shown: bool = True
    position: int = 0


@dataclass(slots=True)
class Profile:
    """`names` in the order in which it got them. `merged_into` is set on one that is gone; `erased_at` likewise."""

    id: UUID
    created_at: datetime
    updated_at: datetime
    version: int = 0
    user_id: str | None = None
    traits: Traits = field(default_factory=lambda: Traits({}, {}))
    names: dict[Name, Held] = field(default_factory=dict)
    life_events: tuple[LifeEvent, ...] = ()
    absorbed: tuple[UUID, ...] = ()
    merged_into: UUID | None = None
    erased_at: datetime | None = None

    @property
    def is_known(self) -> bool:
        """Whether it holds a user id."""
        return self.user_id is not None

    @property
    def first_user_id(self) -> str | None:
        """By its names."""
        return next((name.value for name, held in self.names.items() if name.namespace == USER and held.shown), None)

    @property
    def age(self) -> tuple[datetime, UUID]:
        """Orders profiles, the oldest first."""
        return self.created_at, self.id

    def count(self, namespace: str, since: datetime | None) -> int:
        """How many names of a namespace it has, or has got since then."""
        held = (held for name, held in self.names.items() if name.namespace == namespace)
        return sum(1 for one in held if since is None or one.first_seen_at > since)

    def give(self, name: Name, held: Held) -> bool:
        """Add a name, or confirm a presumed one. False when nothing changed."""
        known = self.names.get(name)
        if known is not None and (known.shown or not held.shown):
            return False
        if known is None:
            last = next(reversed(self.names.values()), None)
            self.names[name] = replace(held, position=last.position + 1 if last else 0)
        else:
            self.names[name] = replace(known, shown=True)
        if name.namespace == USER and held.shown and self.user_id is None:
            self.user_id = name.value
        return True

    def take_over(self, other: "Profile") -> None:
        """Have the names of both in the order in which either got them; the user id is the first that one of them had."""
        user_ids = {Name(USER, one.user_id) for one in (self, other) if one.user_id is not None}
        both = sorted([*self.names.items(), *other.names.items()], key=lambda item: item[1].first_seen_at)
        self.names = {name: replace(held, position=position) for position, (name, held) in enumerate(both)}
        self.user_id = next((name.value for name in self.names if name in user_ids), None)
        other.names, other.user_id = {}, None

    def shown_names(self) -> tuple[Identifier, ...]:
        """Its identifiers as others see them."""
        return tuple(Identifier(namespace=n.namespace, value=n.value) for n, held in self.names.items() if held.shown)

    def all_life_events(self) -> tuple[LifeEvent, ...]:
        """Those that were told and those that follow from traits."""
        return all_life_events(self.id, self.life_events, self.traits.values)

    def snapshot(self) -> ProfileSnapshot:
        """What the other services learn."""
        return ProfileSnapshot(
            id=self.id,
            version=self.version,
            user_id=self.user_id,
            identifiers=self.shown_names(),
            traits=dict(self.traits.values),
            life_events=self.all_life_events(),
            created_at=self.created_at,
            updated_at=self.updated_at,
        )
