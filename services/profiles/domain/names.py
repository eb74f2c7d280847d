"""The names a message gives its person: which of them can be used, and in which order they are asked."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from services.profiles.domain.contacts import CONTACTS, normalise
from shared.schemas.raw import RawMessage

USER = "user_id"
ANONYMOUS = "anonymous_id"
_EMPTY = re.compile(r"[0\-]*\Z")


class Name(NamedTuple):
    """An identifier: a value within a namespace."""

    namespace: str
    value: str


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many values of one namespace on a profile; with `within`, so many that are new in that time."""

    values: int
    within: timedelta | None = None

    def since(self, at: datetime) -> datetime | None:
        """What was first seen at or before this does not count at `at`; None: everything counts."""
        return None if self.within is None else at - self.within


@dataclass(frozen=True, slots=True)
class Rules:
    """What the deployment says about identity. `blocked`: in lower case. `merge_on`: contact points that identify.

    `limits` by namespace, other than user_id; `max_values` where none is given.
    """

    blocked: frozenset[str] = frozenset()
    max_values: int = 500
    limits: Mapping[str, Limit] = field(default_factory=dict)
    merge_on: frozenset[str] = frozenset()
    phone_region: str = ""

    def limit_of(self, namespace: str) -> Limit:
        """How many values of a namespace messages link to one profile."""
        return self.limits.get(namespace) or Limit(self.max_values)

    @property
    def always_room(self) -> int:
        """Up to so many names no limit can be reached."""
        return min((self.max_values, *(limit.values for limit in self.limits.values())))


@dataclass(frozen=True, slots=True)
class Given:
    """`names`: best first, each usable. `previous`: under what the other one of an alias may be known, best first.

    `contacts`: e-mail addresses and numbers, to find somebody by when there is no name.
    """

    names: tuple[Name, ...]
    previous: tuple[Name, ...] = ()
    contacts: tuple[Name, ...] = ()

    @property
    def best(self) -> Name | None:
        """The one that decides whose the message is."""
        return next(iter((*self.names, *self.contacts)), None)

    def all(self) -> tuple[Name, ...]:
        """Every name that may lead to somebody."""
        return (*self.names, *self.previous)

    def without(self, unwanted: Callable[[Name], bool]) -> "Given":
        """The same less some names."""
        kept = [
            tuple(name for name in group if not unwanted(name)) for group in (self.names, self.previous, self.contacts)
        ]
        return Given(*kept)


def is_blocked(value: str, rules: Rules) -> bool:
    """Whether a value names nobody: placeholders that clients send when they know no id."""
    bare = value.strip().lower()
    return bare in rules.blocked or _EMPTY.match(bare) is not None


def given_by(message: RawMessage, rules: Rules) -> Given:
    """The names in a message. A blocked value counts as absent; an alias to itself is none."""
    identifiers: dict[str, str | None] = dict(message.identifiers)
    if message.user_id:
        identifiers[USER] = message.user_id
    if message.anonymous_id:
        identifiers[ANONYMOUS] = message.anonymous_id
    if rules.merge_on and message.type == "identify":
        identifiers |= {key: value for key in rules.merge_on if isinstance(value := message.traits.get(key), str)}
    given = names_of(identifiers, rules)
    return replace(given, previous=previous) if (previous := _previous(message, rules)) else given


def names_of(identifiers: Mapping[str, str | None], rules: Rules) -> Given:
    """Usable names: the user id, then the anonymous id, then the others by namespace."""
    names: list[Name] = []
    contacts: list[Name] = []
    for space in (USER, ANONYMOUS, *sorted(identifiers.keys() - {USER, ANONYMOUS})):
        value = identifiers.get(space)
        if not value or is_blocked(value, rules):
            continue
        if space not in CONTACTS:
            names.append(Name(space, value))
            continue
        contacts.append(Name(space, normalise(space, value, rules.phone_region)))
        if space in rules.merge_on:
            names.append(contacts[-1])
    return Given(tuple(names), contacts=tuple(contacts))


def _previous(message: RawMessage, rules: Rules) -> tuple[Name, ...]:
    """An alias's other id may be a user id or an anonymous id; the message does not say which."""
    value = message.previous_id
    if not value or message.type not in {"alias", "merge"} or value == message.user_id or is_blocked(value, rules):
        return ()
    return Name(USER, value), Name(ANONYMOUS, value)
