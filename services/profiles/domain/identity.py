"""Who a message is from: which profile owns it, and what becomes of every name it gives.

Two profiles become one when a message gives a name of each, unless both are known people (hold a user id): then the message
is the first name's, and the other name leads there from then on (a shared device). Only an alias makes two known people one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from services.profiles.domain.names import USER, Given, Name, Rules
from services.profiles.domain.profile import Profile

Leads = Callable[[Name], Profile | None]


@dataclass(frozen=True, slots=True)
class Keep:
    """The name leads to the owner already."""


@dataclass(frozen=True, slots=True)
class Attach:
    """The name led nowhere, or to another known person: from now on it is the owner's."""


@dataclass(frozen=True, slots=True)
class Merge:
    """The name's profile and the owner are one person."""

    loser: Profile
    survivor: Profile


@dataclass(frozen=True, slots=True)
class Leave:
    """Linking it would give the owner too many names of this kind: it stays where it is."""


Verdict: TypeAlias = Keep | Attach | Merge | Leave


def choose_owner(given: Given, leads: Leads) -> Profile | None:
    """The profile a message belongs to; None: a new one.

    It is the first name's. Where that is new, it is the first profile the new name may join: a user id that nobody had
    joins an anonymous profile, but makes a new one beside another known person.
    """
    for name in given.names:
        profile = leads(name)
        if profile is not None and (name == given.names[0] or may_join(given, profile)):
            return profile
    return None


def may_join(given: Given, profile: Profile) -> bool:
    """Whether a message whose first name is new may belong to this profile."""
    return not (profile.is_known and given.names[0].namespace == USER)


def decide(
    owner: Profile, name: Name, holder: Profile | None, *, explicit: bool, rules: Rules, seen_at: datetime
) -> Verdict:
    """What becomes of one name, given the profile it leads to now. `explicit`: the caller says that they are one."""
    if holder is owner:
        return Keep()
    if holder is None or (holder.is_known and owner.is_known and not explicit):
        limit = rules.limit_of(name.namespace)
        bound = name.namespace != USER and not explicit
        full = bound and owner.count(name.namespace, limit.since(seen_at)) >= limit.values
        return Leave() if full else Attach()
    if not explicit and _too_many(owner, holder, rules, seen_at):
        return Leave()
    return choose_survivor(owner, holder)


def _too_many(one: Profile, other: Profile, rules: Rules, seen_at: datetime) -> bool:
    if len(one.names) + len(other.names) <= rules.always_room:
        return False
    limits = {name.namespace: rules.limit_of(name.namespace) for name in other.names if name.namespace != USER}
    return any(
        one.count(space, limit.since(seen_at)) + other.count(space, limit.since(seen_at)) > limit.values
        for space, limit in limits.items()
    )


def choose_survivor(one: Profile, other: Profile) -> Merge:
    """The one with a user id stays; where none or both have one, the older."""
    if one.is_known != other.is_known:
        return Merge(loser=other, survivor=one) if one.is_known else Merge(loser=one, survivor=other)
    older, younger = sorted((one, other), key=lambda profile: profile.age)
    return Merge(loser=younger, survivor=older)
