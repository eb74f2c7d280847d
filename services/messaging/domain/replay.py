"""What a campaign would have done in a time that is over: the same triggers and the same decision, with a clock that is turned."""

import heapq
from bisect import bisect_right, insort
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from msgspec import structs

from services.messaging.domain.campaign import Campaign
from services.messaging.domain.decision import decide
from services.messaging.domain.gate import within_a_minute
from services.messaging.domain.reach import Suppression, Suppressions
from services.messaging.domain.rules import Rules
from services.messaging.domain.triggers import Fired
from services.messaging.domain.verdict import (
    Defer,
    Earlier,
    History,
    Message,
    Offer,
    Request,
    Send,
    as_shown,
)
from shared.schemas.recipients import Recipient

HAD = frozenset({"sent", "held_out"})


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of a person. `recipient`: with every consent there ever was. `messages`: really sent by other campaigns.
    `earlier`: of this campaign, from before the replay. `household`: the key of theirs, with what was really sent to it."""

    recipient: Recipient | None
    unreadable: bool = False
    messages: Sequence[Message] = ()
    earlier: Earlier | None = None
    household: str | None = None
    household_messages: Sequence[Message] = ()


@dataclass(frozen=True, slots=True)
class Decided:
    """What would have become of a trigger. `waited`: for which reasons it was deferred before."""

    profile_id: UUID
    user_id: str | None
    at: datetime
    decision: str
    reason: str
    facts: Mapping[str, Any]
    waited: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Waiting:
    """A trigger that is due. `met_at`: when it was met. `turn`: of those that a rate makes wait, when it may be sent."""

    fired: Fired
    profile_id: UUID
    met_at: datetime
    due_at: datetime
    waited: tuple[str, ...] = ()
    turn: datetime | None = None


@dataclass(slots=True)
class Replay:
    """Add what happened and who it was; run the clock; read off what would have been decided, in the order of time.

    Everything is as if every provider had taken everything at once. `suppressions`: those that stand now.
    """

    campaign: Campaign
    offers: tuple[Offer, ...]
    rules: Rules
    default_zone: str
    suppressions: Suppressions
    people: dict[UUID, Past] = field(default_factory=dict)
    _due: list[tuple[datetime, int, Waiting]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)
    _seen: dict[UUID, list[tuple[datetime, str]]] = field(default_factory=dict)
    _had: dict[UUID, Earlier] = field(default_factory=dict)
    _sent: dict[UUID, list[Message]] = field(default_factory=dict)
    _sent_home: dict[str, list[Message]] = field(default_factory=dict)
    _free_at: datetime | None = None

    def add(self, fired: Fired, profile_id: UUID, *, met_at: datetime) -> None:
        """A trigger of this person, met then."""
        self._push(max(met_at, fired.look_at), Waiting(fired, profile_id, met_at, fired.due_at))

    def saw(self, profile_id: UUID, at: datetime, change: str) -> None:
        """The person entered or left the trigger's segment."""
        insort(self._seen.setdefault(profile_id, []), (at, change), key=lambda one: one[0])

    def run(self, until: datetime) -> Iterator[Decided]:
        """What is decided for good before `until`."""
        while self._due and self._due[0][0] < until:
            at, _, waiting = heapq.heappop(self._due)
            decided = self._decide(waiting, at)
            if decided is not None:
                yield decided

    def waiting(self, now: datetime) -> Iterator[Waiting]:
        """What was met before `now`, and is not decided yet."""
        return (waiting for _, _, waiting in self._due if waiting.met_at < now)

    def _push(self, at: datetime, waiting: Waiting) -> None:
        heapq.heappush(self._due, (at, next(self._numbers), waiting))

    def _decide(self, waiting: Waiting, now: datetime) -> Decided | None:
        past = self.people[waiting.profile_id]
        verdict = decide(self._request(waiting, past, now), self._history(waiting.profile_id, past, now), now=now)
        if isinstance(verdict, Defer):
            due_at = verdict.until + max(timedelta(), waiting.due_at - now)  # as the sender does
            self._push(
                verdict.until, replace(waiting, due_at=due_at, waited=(*waiting.waited, verdict.reason), turn=None)
            )
            return None
        if isinstance(verdict, Send) and (turn := self._turn(waiting, now)) > now:
            self._push(turn, replace(waiting, waited=(*waiting.waited, "rate"), turn=turn))
            return None
        decision, reason, facts = as_shown(verdict)
        if decision in HAD:
            self._had[waiting.profile_id] = Earlier(decision, now)
        if isinstance(verdict, Send):
            self._note(waiting.profile_id, past, Message(self.campaign.definition.purpose, verdict.channel, now))
        user_id = past.recipient.user_id if past.recipient else waiting.fired.user_id
        return Decided(waiting.profile_id, user_id, now, decision, reason, facts, waiting.waited)

    def _turn(self, waiting: Waiting, now: datetime) -> datetime:
        """When it may be sent by the campaign's rate; that is its turn from then on."""
        rate = self.campaign.definition.rate
        if rate is None or waiting.turn is not None:
            return now
        turn = max(now, self._free_at or now)
        self._free_at = turn + timedelta(seconds=1 / within_a_minute(rate))
        return turn

    def _request(self, waiting: Waiting, past: Past, now: datetime) -> Request:
        return Request(
            campaign=self.campaign,
            profile_id=waiting.profile_id,
            trigger_at=waiting.fired.at,
            due_at=waiting.due_at,
            attempts=0,
            recipient=None if past.recipient is None else as_of(past.recipient, now),
            offers=self.offers,
            rules=self.rules,
            default_zone=self.default_zone,
            unreadable=past.unreadable,
        )

    def _history(self, profile_id: UUID, past: Past, now: datetime) -> History:
        changes = self._seen.get(profile_id, [])
        seen = bisect_right(changes, now, key=lambda one: one[0])
        home = None
        if past.household is not None:
            sent = self._sent_home.get(past.household, ())
            home = [*_by(now, past.household_messages), *self._counted(sent, now)]
        return History(
            earlier=self._had.get(profile_id, past.earlier),
            last_change=(changes[seen - 1][1], changes[seen - 1][0]) if seen else None,
            messages=[*_by(now, past.messages), *self._counted(self._sent.get(profile_id, ()), now)],
            household=home,
            suppressions=_standing_by(now, self.suppressions),
        )

    def _counted(self, sent: Sequence[Message], now: datetime) -> Sequence[Message]:
        """Those, in the order of time, that a cap may still count."""
        longest = max((cap.within for cap in self.rules.caps), default=timedelta())
        return sent[bisect_right(sent, now - longest, key=lambda one: one.at) :]

    def _note(self, profile_id: UUID, past: Past, message: Message) -> None:
        self._sent.setdefault(profile_id, []).append(message)
        if past.household is not None:
            self._sent_home.setdefault(past.household, []).append(message)


def as_of(recipient: Recipient, at: datetime) -> Recipient:
    """With the consents that were recorded by then, and not lifted yet."""
    known = [
        one
        for one in recipient.consents
        if (one.recorded_at or one.at) <= at and (one.lifted_at is None or one.lifted_at > at)
    ]
    return structs.replace(recipient, consents=tuple(known))


def _by(now: datetime, messages: Sequence[Message]) -> list[Message]:
    return [one for one in messages if one.at <= now]


def _standing_by(now: datetime, suppressions: Suppressions) -> Callable[[str, str], Sequence[Suppression]]:
    return lambda channel, address: [one for one in suppressions(channel, address) if one.created_at <= now]
