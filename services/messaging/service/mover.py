"""The mover: people whose wait is over, or who have just entered, walk on. Every move is one transaction that locks the person and
the run; the campaigns of the steps that they pass get their triggers in it, so that nothing is lost or done twice."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from services.messaging.clients.neighbours import Profiles, Segments
from services.messaging.domain.campaign import Campaign, JourneyTrigger
from services.messaging.domain.fairness import rounds
from services.messaging.domain.journey import Definition, Journey
from services.messaging.domain.local_time import zone_of
from services.messaging.domain.triggers import Fired, fired_by_step
from services.messaging.domain.walking import Facts, Run, Told, Walked, moment, walk
from services.messaging.store import people
from services.messaging.store import runs as store
from services.messaging.store.catalogue import load_campaigns
from services.messaging.store.journeys import JourneyBook
from services.messaging.store.triggers import insert_triggers
from shared.plumbing.clock import Clock
from shared.plumbing.db import Connection, Database
from shared.plumbing.errors import Unavailable
from shared.plumbing.lanes import lane_of
from shared.plumbing.leases import Leases
from shared.plumbing.log import get_logger

log = get_logger()
BATCH = 200
FAR = datetime(9000, 1, 1, tzinfo=UTC)


class Mover:
    """One step: a batch of those who are due in the leased lanes."""

    def __init__(
        self,
        db: Database,
        *,
        profiles: Profiles,
        segments: Segments,
        leases: Leases,
        clock: Clock,
        default_zone: str,
        batch: int = BATCH,
    ) -> None:
        self._db = db
        self._profiles = profiles
        self._segments = segments
        self._leases = leases
        self._clock = clock
        self._default_zone = default_zone
        self._batch = batch
        self._book = JourneyBook()

    async def step(self) -> int:
        """Returns how many were moved. Raises Unavailable while those who must be asked are away, LeaseLost if a lane is another's."""
        journeys = {one.id: one for one in await self._book.load(self._db)}
        due = await self._find_due(journeys)
        if not due:
            return 0
        known, failure = await self._ask(due, journeys)
        if failure is not None and not known:
            raise failure
        ready = [run for run in due if run.id in known]
        return await self._db.run(lambda tx: self._move(tx, ready, known))

    async def _find_due(self, journeys: Mapping[UUID, Journey]) -> list[Run]:
        """Of running journeys those whose time has come, of deleted ones everybody."""
        now, lanes = self._clock.now(), list(self._leases.held)
        horizons = {one.id: now if one.running else FAR for one in journeys.values() if one.status != "paused"}
        if not horizons or not lanes:
            return []
        found = await store.find_due(
            self._db, lanes=lanes, journeys=horizons, most=max(1, 2 * self._batch // len(lanes))
        )
        # None waits behind another's backlog, which may have to wait for those who must be asked.
        return rounds(found, lambda run: run.journey_id)[: self._batch]

    async def _ask(
        self, due: Sequence[Run], journeys: Mapping[UUID, Journey]
    ) -> tuple[dict[UUID, Facts], Unavailable | None]:
        """What is known of the people, by run; and what stood in the way of asking for the others."""
        known: dict[UUID, Facts] = {}
        failure: Unavailable | None = None
        groups: dict[tuple[bool, bool], list[Run]] = {}
        for run in due:
            definition = journeys[run.journey_id].versions[run.version]
            groups.setdefault((definition.asks_traits, definition.asks_segments), []).append(run)
        for (traits, segments), runs in groups.items():
            try:
                known |= await self._facts(runs, traits=traits, segments=segments)
            except Unavailable as error:  # the others need not wait for it
                failure = error
        return known, failure

    async def _facts(self, runs: Sequence[Run], *, traits: bool, segments: bool) -> dict[UUID, Facts]:
        ids = sorted({run.profile_id for run in runs})
        recipients = await self._profiles.recipients(ids) if traits else {}
        belong = await self._segments.memberships(ids) if segments else {}
        found = {}
        for run in runs:
            recipient = recipients.get(run.profile_id)
            having = recipient.traits if recipient else {}
            found[run.id] = Facts(having, belong.get(run.profile_id, frozenset()), zone_of(having, self._default_zone))
        return found

    async def _move(self, tx: Connection, due: Sequence[Run], known: Mapping[UUID, Facts]) -> int:
        await self._leases.check(tx, sorted({lane_of(run.profile_id) for run in due}))
        current = await people.meet(tx, {run.profile_id for run in due})
        journeys = {one.id: one for one in await self._book.load(tx)}
        campaigns = await load_campaigns(tx)
        now = self._clock.now()
        moved: list[Run] = []
        fired: list[Fired] = []
        for run in await store.lock_walking(tx, due):
            journey = journeys[run.journey_id]
            if journey.status == "paused":
                continue
            walked = _walk(run, journey, known[run.id], now)
            moved.append(walked.run)
            fired += [
                _fire(run, told, campaign)
                for told in walked.told
                if (campaign := _campaign(campaigns, journey.key, told.campaign)) is not None
            ]
        await store.write_runs(tx, moved)
        await insert_triggers(tx, fired, current=current, at=now)
        return len(moved)


def _walk(run: Run, journey: Journey, facts: Facts, now: datetime) -> Walked:
    """The move. What nobody foresaw ends this one run and is logged; the others go on."""
    if journey.status == "deleted":
        return Walked(run.ended("deleted", now))
    definition: Definition = journey.versions[run.version]
    try:
        return walk(run, definition, facts, at=moment(run, resumed_at=journey.resumed_at, now=now))
    except Exception:
        log.exception("walk_failed", journey=journey.key, run_id=str(run.id))
        return Walked(run.ended("internal_error", now))


def _campaign(campaigns: Sequence[Campaign], journey: str, key: str) -> Campaign | None:
    """The campaign of this key that the journey sends: the one that there is, else the last one that there was."""
    named = [one for one in campaigns if one.key == key and one.definition.trigger == JourneyTrigger(journey)]
    return min(named, key=lambda one: one.status == "deleted", default=None)


def _fire(run: Run, told: Told, campaign: Campaign) -> Fired:
    return fired_by_step(
        campaign,
        run.profile_id,
        run.user_id,
        run_id=run.id,
        step=told.place,
        at=told.at,
        context=run.entry,
    )
