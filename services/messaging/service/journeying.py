"""What happens to people who are in journeys, and who enters one: within the transaction of the cause, under the people's locks."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from services.messaging.domain.journey import Definition, Journey, event_names, instance_of, segments_named
from services.messaging.domain.triggers import context_of_change, context_of_event, id_of_event, is_change, is_event
from services.messaging.domain.verdict import OnJourney
from services.messaging.domain.walking import (
    AT_THE_END,
    Entered,
    Run,
    after_change,
    after_event,
    ended_by_merge,
    enter,
    may_enter,
)
from services.messaging.store import runs as store
from services.messaging.store.journeys import JourneyBook
from services.messaging.store.sends import Due
from shared.plumbing.clock import Clock
from shared.plumbing.db import Connection
from shared.plumbing.ids import new_id
from shared.schemas.membership import MembershipChanged
from shared.schemas.resolved import EventResolved

Current = Mapping[UUID, UUID | None]
React = Callable[[Run, Definition, Journey], Run]


@dataclass(frozen=True, slots=True)
class Heeded:
    """The journeys of a transaction, and what in them matters at all."""

    journeys: Mapping[UUID, Journey]
    events: frozenset[str]
    segments: frozenset[str]


@dataclass(slots=True)
class _Batch:
    """The runs of the people of a batch, by person, as they are by now. `changed` and `new` are to be written."""

    runs: dict[UUID, dict[UUID, Run]]
    entered: dict[tuple[UUID, UUID, str], list[Entered]]
    changed: dict[UUID, Run] = field(default_factory=dict)
    new: dict[UUID, Run] = field(default_factory=dict)

    def of(self, profile_id: UUID) -> list[Run]:
        return list(self.runs.get(profile_id, {}).values())

    def put(self, run: Run) -> None:
        if self.runs[run.profile_id][run.id] != run:
            self.runs[run.profile_id][run.id] = run
            (self.new if run.id in self.new else self.changed)[run.id] = run

    def add(self, run: Run) -> None:
        self.runs.setdefault(run.profile_id, {})[run.id] = run
        self.new[run.id] = run


class Journeying:
    """Applies events, changes of memberships and merges to runs. What moves by time, and what is sent, is the mover's."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._book = JourneyBook()

    async def heed(self, tx: Connection) -> Heeded:
        """The journeys as they are now."""
        journeys = {one.id: one for one in await self._book.load(tx)}
        definitions = [version for one in journeys.values() for version in one.versions.values()]
        return Heeded(
            journeys,
            frozenset(name for one in definitions for name in event_names(one)),
            frozenset(segment for one in definitions for segment, _ in segments_named(one)),
        )

    async def events(self, tx: Connection, heeded: Heeded, events: Sequence[EventResolved], current: Current) -> bool:
        """Each ends or answers runs, then brings people in. Whether any did. Imported history does not, unless it is asked for."""
        batch = await _read(tx, heeded, [current[one.profile_id] for one in events])
        for resolved in events:
            profile_id = current[resolved.profile_id]
            if profile_id is not None:
                if not resolved.imported and not resolved.replayed:
                    _react(batch, heeded, profile_id, _by_event(resolved))
                self._enter_by_event(batch, heeded, resolved, profile_id)
        return await _write(tx, batch)

    async def changes(
        self, tx: Connection, heeded: Heeded, changes: Sequence[MembershipChanged], current: Current
    ) -> bool:
        """Likewise for changes of memberships."""
        changes = [change for change in changes if change.segment in heeded.segments]
        batch = await _read(tx, heeded, [current[one.profile_id] for one in changes])
        for change in changes:
            profile_id = current[change.profile_id]
            if profile_id is not None:
                if not (change.change == "left" and change.cause.get("kind") == "merge"):
                    _react(batch, heeded, profile_id, _by_change(change))
                self._enter_by_change(batch, heeded, change, profile_id)
        return await _write(tx, batch)

    async def merge(self, tx: Connection, *, loser: UUID, survivor: UUID) -> None:
        """Where both are inside one journey, one run goes on. Before the rows of the loser move."""
        walking = [run for run in await store.read_listening(tx, [loser, survivor]) if run.next_at is not None]
        await store.write_runs(tx, ended_by_merge(walking, at=self._clock.now()))

    def _enter_by_event(self, batch: _Batch, heeded: Heeded, resolved: EventResolved, profile_id: UUID) -> None:
        event = resolved.event
        for journey in heeded.journeys.values():
            instance = instance_of(journey.definition.instance, event.properties)
            if (
                instance is not None
                and journey.ran_at(event.received_at)
                and is_event(journey.definition.entry, resolved)
            ):
                run = enter(
                    journey,
                    new_id(),
                    profile_id,
                    entry_id=id_of_event(event),
                    at=event.received_at,
                    begins_at=max(event.received_at, event.timestamp),
                )
                run = replace(run, user_id=event.user_id, instance=instance, entry=context_of_event(event))
                self._let_in(batch, journey, run)

    def _enter_by_change(self, batch: _Batch, heeded: Heeded, change: MembershipChanged, profile_id: UUID) -> None:
        for journey in heeded.journeys.values():
            if journey.ran_at(change.at) and is_change(journey.definition.entry, change):
                at = change.at
                run = enter(journey, new_id(), profile_id, entry_id=f"{change.id}", at=at, begins_at=at)
                self._let_in(batch, journey, replace(run, user_id=change.user_id, entry=context_of_change(change)))

    def _let_in(self, batch: _Batch, journey: Journey, run: Run) -> None:
        key = (run.profile_id, journey.id, run.instance)
        earlier = batch.entered.setdefault(key, [])
        known = {one.entry_id for one in batch.of(run.profile_id) if one.journey_id == journey.id}
        walking = any(
            one.next_at is not None and (one.journey_id, one.instance) == key[1:] for one in batch.of(run.profile_id)
        )
        # What was read may have ended in this very batch.
        as_of_now = [Entered(one.at, walking and one.walking) for one in earlier]
        if run.entry_id not in known and may_enter(journey.definition, as_of_now, at=run.entered_at):
            earlier.append(Entered(run.entered_at, True))
            batch.add(run)


def _by_event(resolved: EventResolved) -> React:
    event = resolved.event
    return lambda run, definition, journey: after_event(
        run, definition, event, running=journey.ran_at(event.received_at)
    )


def _by_change(change: MembershipChanged) -> React:
    return lambda run, definition, journey: after_change(run, definition, change, running=journey.ran_at(change.at))


def _react(batch: _Batch, heeded: Heeded, profile_id: UUID, react: React) -> None:
    for run in batch.of(profile_id):
        journey = heeded.journeys.get(run.journey_id)
        if journey is not None:
            batch.put(react(run, journey.versions[run.version], journey))


async def _read(tx: Connection, heeded: Heeded, profile_ids: Iterable[UUID | None]) -> _Batch:
    asked = {one for one in profile_ids if one is not None}
    if not asked or not heeded.journeys:
        return _Batch({}, {})
    listening = await store.read_listening(tx, asked)
    runs: dict[UUID, dict[UUID, Run]] = {}
    for run in listening:
        runs.setdefault(run.profile_id, {})[run.id] = run
    return _Batch(runs, await store.read_entered(tx, asked))


async def _write(tx: Connection, batch: _Batch) -> bool:
    await store.insert_runs(tx, list(batch.new.values()))
    await store.write_runs(tx, list(batch.changed.values()))
    return bool(batch.new or batch.changed)


async def read_journeys(tx: Connection, due: Sequence[Due], campaigns: Collection[UUID]) -> dict[UUID, OnJourney]:
    """By send, for those of campaigns that journeys send: whether their runs still want it."""
    asked = {one.id: _run_of(one) for one in due if one.campaign_id in campaigns}
    found = await store.read_exits(tx, [(one.lane, run_id) for one in due if (run_id := asked.get(one.id)) is not None])
    return {
        send_id: _on_journey(*found.get(run_id, ("gone", "running"))) for send_id, run_id in asked.items() if run_id
    }


def _run_of(due: Due) -> UUID | None:
    """None where the campaign had another trigger when it was met."""
    try:
        return UUID(str(due.trigger.get("run_id")))
    except ValueError:
        return None


def _on_journey(reason: str | None, status: str) -> OnJourney:
    exited = None if reason in AT_THE_END else reason
    return OnJourney("deleted" if status == "deleted" else exited, status == "paused")
