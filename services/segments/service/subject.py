"""One profile while it is being worked on: what time, knowledge, events and merges do to its truths. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from services.segments.domain.facts import MICROSECOND, Event, ProfileFacts, facts_of, instant
from services.segments.domain.lists import Lists, lists_of, with_lists
from services.segments.domain.ruleset import Ruleset
from services.segments.domain.standing import Standing
from services.segments.domain.timeline import advance
from services.segments.service.rules import Rules
from services.segments.store.catalogue import Version
from services.segments.store.changes import Change
from services.segments.store.profiles import StoredProfile
from shared.plumbing.lanes import lane_of
from shared.schemas.resolved import ProfileSnapshot

Cause = Mapping[str, Any]


@dataclass(slots=True)
class Subject:
    """`truths`: ids of the versions that are true at `evaluated_at`. `stored` is None for one that is new.

    `states_revision`: up to which revision its leaf states are complete; `due_at`: when it is to be looked at, where those
    alone don't say. `judged`: its truths were worked out at least once. `learned`, `moved`: what is known of it, or where its
    conditions stand, differs from what is stored. `touched`: the formulas to judge again, None for all. `past`: the events that
    `for`s look at, where something may touch one; with `past_is_whole` also those that other traits may make others. `unsettled`: the settling versions to which it has not gone over: it is a member
    where they are not true, or the other way round.
    """

    lane: int
    id: UUID
    stored: StoredProfile | None
    created_at: datetime
    evaluated_at: datetime
    revision: int
    states_revision: int
    due_at: datetime | None = None
    user_id: str | None = None
    version: int = -1  # of a snapshot; none yet
    traits: dict[str, Any] = field(default_factory=dict)
    life_events: list[dict[str, Any]] = field(default_factory=list)
    standing: Standing = field(default_factory=lambda: Standing({}, {}))
    truths: set[int] = field(default_factory=set)
    merged_into: UUID | None = None
    erased: bool = False
    judged: bool = False
    learned: bool = False
    moved: bool = False
    changes: list[Change] = field(default_factory=list)
    known_facts: ProfileFacts | None = None
    touched: dict[str, None] | None = None
    past: list[Event] | None = None
    past_is_whole: bool = False
    unsettled: set[int] = field(default_factory=set)

    @classmethod
    def new(cls, profile_id: UUID, rules: Rules, now: datetime) -> "Subject":
        """A profile that was never heard of."""
        return cls(
            lane_of(profile_id),
            profile_id,
            None,
            now,
            now,
            rules.revision,
            rules.revision,
            learned=True,
            past=[],
            past_is_whole=True,
        )

    @classmethod
    def of(cls, stored: StoredProfile) -> "Subject":
        return cls(
            stored.lane,
            stored.id,
            stored,
            stored.created_at,
            stored.evaluated_at,
            stored.revision,
            stored.states_revision,
            stored.next_due_at,
            stored.user_id,
            stored.version,
            stored.traits,
            stored.life_events,
            Standing.read(stored.states),
            set(stored.truths),
            stored.merged_into,
            stored.erased,
            judged=True,
            touched={},
        )

    @property
    def next_due_at(self) -> datetime | None:
        if self.states_revision < self.revision:
            return self.due_at
        at = self.standing.next_at
        return None if at is None else instant(at)

    def to_stored(self) -> StoredProfile:
        return StoredProfile(
            self.lane,
            self.id,
            self.user_id,
            self.version,
            self.traits,
            self.life_events,
            self.created_at,
            self.standing.written(),
            list(self.truths),
            self.revision,
            self.states_revision,
            self.evaluated_at,
            self.next_due_at,
            self.merged_into,
            self.erased,
        )

    def facts(self, rules: Rules) -> ProfileFacts:
        if self.known_facts is None:
            self.known_facts = facts_of(self.id, self.traits, self.life_events, rules.default_zone)
        return self.known_facts

    @property
    def lives(self) -> bool:
        return self.merged_into is None and not self.erased

    def lacks_truths(self, rules: Rules) -> bool:
        """Whether versions were made of which it has no first truth yet."""
        return self.revision < rules.newest

    def lacks_states(self, rules: Rules) -> bool:
        """Whether versions were made since its states were folded, so that their leaves must be folded from its history."""
        return self.states_revision < rules.newest


def catch_up(subject: Subject, rules: Rules, now: datetime, history: Sequence[Event] = ()) -> None:
    """Bring it to `now` and to the present rules: over to versions that have taken over, then what time changed, then the first
    truths of new versions.

    `history` (all its events of the names that the new versions look at) is needed only when it lacks their states. Its
    clock never runs backwards.
    """
    until = max(now, subject.evaluated_at)
    _bring_states(subject, rules)
    if subject.unsettled:
        go_over(subject, rules, until)
    due_at = subject.next_due_at
    due = due_at is not None and due_at <= until
    since = subject.evaluated_at if due else until
    known = known_truths(subject, rules) if due else {}
    if subject.judged and subject.lacks_states(rules):
        _add_states(subject, rules, history, since)
    elif subject.states_revision < subject.revision:  # what it lacked is no more, and when that was due doesn't matter
        subject.states_revision, subject.moved = subject.revision, True
    if due:
        _pass_time(subject, rules, known, until)
    subject.evaluated_at = until
    if subject.judged and subject.lacks_truths(rules):
        _give_first_truths(subject, rules)


def go_over(subject: Subject, rules: Rules, now: datetime) -> None:
    """To the versions that have taken over, at this instant; just before the first that time has passed it since, if there is
    one: what time changed is recorded after that, each change at its own instant."""
    _bring_states(subject, rules)
    due_at = subject.next_due_at
    at = max(subject.evaluated_at, now if due_at is None else min(now, due_at - MICROSECOND))
    for version_id in sorted(subject.unsettled):
        cause = {"kind": "edit", "version": rules.versions[version_id].number}
        _record(subject, rules, version_id, version_id in subject.truths, at, cause)
        subject.moved = True  # to that instant
    subject.unsettled = set()


def _bring_states(subject: Subject, rules: Rules) -> None:
    """To where the truths are: by a plan that was carried out those alone have got there. Nothing new comes of it."""
    next_at = subject.standing.next_at
    at = None if next_at is None else instant(next_at)
    if at is not None and at <= subject.evaluated_at:
        truths = known_truths(subject, rules).items()
        known = {v: truth for v, truth in truths if rules.versions[v].revision <= subject.states_revision}
        _pass_time(subject, rules, known, subject.evaluated_at)


def _add_states(subject: Subject, rules: Rules, history: Sequence[Event], t: datetime) -> None:
    """Fold the leaves of new versions anew; what stands under their keys may be of a version that is long gone. So may any
    plan: those of the versions it knows are made once more. What they share with leaves that were there before they fold
    whole: what of it no leaf needs is known to all versions together."""
    made, standing, facts = rules.made_since(subject.states_revision), subject.standing, subject.facts(rules)
    added = rules.attempt(lambda ruleset: ruleset.fold({}, history, facts), on=made)
    for key in made.leaf_keys & standing.leaves.keys():
        del standing.leaves[key]
    standing.leaves.update(added)
    standing.leaves = rules.attempt(lambda ruleset: ruleset.trim(standing.leaves, t))
    standing.forget_plans()
    rules.ruleset.forget_others(standing, t)
    known = known_truths(subject, rules)
    rules.attempt(lambda ruleset: ruleset.recall(standing, facts, t, history), on=made)
    rules.attempt(lambda ruleset: ruleset.judge(standing, facts, t, ruleset.formulas_of(_of(ruleset, known))))
    subject.states_revision, subject.moved = rules.revision, True


def _pass_time(subject: Subject, rules: Rules, known: Mapping[int, bool], until: datetime) -> None:
    standing, facts = subject.standing, subject.facts(rules)
    passed = rules.attempt(lambda ruleset: advance(ruleset, standing, facts, _of(ruleset, known), until))
    for flip in passed.flips:
        _record(subject, rules, flip.version_id, flip.truth, flip.at, {"kind": "time"})
    rules.ruleset.forget_others(standing, until)
    subject.moved = True


def known_truths(subject: Subject, rules: Rules) -> dict[int, bool]:
    """By version, without those of which it lacks the first."""
    return {
        version_id: version_id in subject.truths
        for version_id in rules.definitions
        if rules.versions[version_id].revision <= subject.revision
    }


def _of(ruleset: Ruleset[int], truths: Mapping[int, bool]) -> dict[int, bool]:
    return {version: truth for version, truth in truths.items() if version in ruleset.versions}


def _give_first_truths(subject: Subject, rules: Rules) -> None:
    made, at, facts = rules.made_since(subject.revision), subject.evaluated_at, subject.facts(rules)
    truths = rules.attempt(lambda ruleset: ruleset.judge(subject.standing, facts, at), on=made)
    for version_id, truth in truths.items():
        if truth:
            _record(subject, rules, version_id, truth, at, first_cause(rules.versions[version_id]))
    subject.truths &= rules.versions.keys()
    subject.revision, subject.moved = rules.revision, True


def first_cause(version: Version) -> Cause:
    """Why a profile's first truth in a version is one."""
    return {"kind": "backfill" if version.build_kind == "create" else "edit"}


def learn(subject: Subject, rules: Rules, snapshot: ProfileSnapshot) -> bool:
    """Take what is known of it, unless that is older than what it has. True if it was newer."""
    if snapshot.id != subject.id or snapshot.version <= subject.version:
        return False
    _learn(subject, rules, snapshot)
    return True


def learn_again(subject: Subject, rules: Rules, snapshot: ProfileSnapshot | None) -> None:
    """The same for one that it should have; it may be the very one that it had."""
    if is_otherwise(subject, snapshot) and snapshot is not None:
        _learn(subject, rules, snapshot)


def is_otherwise(subject: Subject, snapshot: ProfileSnapshot | None) -> bool:
    """Whether what is known of it is older, or not what a snapshot of the same version says."""
    if snapshot is None or snapshot.id != subject.id or snapshot.version < subject.version:
        return False
    return snapshot.version > subject.version or (subject.user_id, subject.traits, subject.life_events) != (
        snapshot.user_id,
        with_lists(snapshot.traits, lists_of(subject.traits)),
        _life_events_of(snapshot),
    )


def _learn(subject: Subject, rules: Rules, snapshot: ProfileSnapshot) -> None:
    known = subject.facts(rules)
    subject.version, subject.user_id = snapshot.version, snapshot.user_id
    subject.traits, subject.created_at = with_lists(snapshot.traits, lists_of(subject.traits)), snapshot.created_at
    subject.life_events = _life_events_of(snapshot)
    _note_new_facts(subject, rules, known)


def _life_events_of(snapshot: ProfileSnapshot) -> list[dict[str, Any]]:
    return [
        {"kind": e.kind, "date": e.date.isoformat(), "recurs": e.recurs, "subject": e.subject}
        for e in snapshot.life_events
    ]


def put_on_lists(subject: Subject, rules: Rules, lists: Lists) -> None:
    """On these static lists, and on no others."""
    known = subject.facts(rules)
    subject.traits = with_lists(subject.traits, lists)
    _note_new_facts(subject, rules, known)


def _note_new_facts(subject: Subject, rules: Rules, known: ProfileFacts) -> None:
    subject.learned, subject.known_facts = True, None
    if subject.touched is not None:
        subject.touched.update(rules.ruleset.changed_by_facts(known, subject.facts(rules)))


def fold(subject: Subject, rules: Rules, event: Event) -> bool:
    """Take in an event that it did not have yet. True if any condition took notice of it."""
    at, standing, facts = subject.evaluated_at, subject.standing, subject.facts(rules)
    if subject.past is not None:
        subject.past.append(event)
    touched = rules.attempt(lambda ruleset: ruleset.take(standing, event, at, facts))
    if touched is None:
        return False
    if subject.touched is not None:
        subject.touched.update(touched)
    subject.moved = True
    return True


def refold(subject: Subject, rules: Rules, history: Sequence[Event]) -> None:
    """Take all its events anew."""
    at, facts = subject.evaluated_at, subject.facts(rules)
    leaves = rules.attempt(lambda ruleset: ruleset.refold(history, at, facts))
    subject.standing, subject.touched = Standing(leaves, {}), None
    subject.past, subject.past_is_whole = list(history), True


def judge(subject: Subject, rules: Rules, cause: Cause) -> None:
    """Work out what was touched at the instant it has been brought to, and record what differs with this cause."""
    at, standing, facts, touched = subject.evaluated_at, subject.standing, subject.facts(rules), subject.touched
    lasting = None if touched is None else rules.ruleset.lasting & touched.keys()
    if lasting is None or lasting:
        past, is_whole = subject.past, lasting is None or rules.ruleset.referring.isdisjoint(lasting)
        if past is None or not (subject.past_is_whole or is_whole):
            raise AssertionError("what may touch what is to be recalled brings the past with it")
        rules.attempt(lambda ruleset: ruleset.recall(standing, facts, at, past, lasting))
    truths = rules.attempt(lambda ruleset: ruleset.judge(standing, facts, at, touched))
    for version_id, truth in truths.items():
        if truth is not (version_id in subject.truths):
            _record(subject, rules, version_id, truth, at, cause)
    subject.touched = {}
    subject.judged = subject.moved = True


def leave_all(subject: Subject, rules: Rules, cause: Cause) -> None:
    """It is no more: it leaves every segment that it is a member of, also those that are failing."""
    for version_id in sorted((subject.truths ^ subject.unsettled) & rules.versions.keys()):
        _record(subject, rules, version_id, False, subject.evaluated_at, cause)


def bury(subject: Subject, *, merged_into: UUID | None = None) -> None:
    """Make it a tombstone: merged away, or erased."""
    subject.merged_into, subject.erased = merged_into, merged_into is None
    subject.user_id, subject.traits, subject.life_events = None, {}, []
    subject.standing, subject.truths = Standing({}, {}), set()
    subject.states_revision = subject.revision  # nothing is lacking, so it is never due
    subject.learned, subject.known_facts = True, None


def _record(subject: Subject, rules: Rules, version_id: int, truth: bool, at: datetime, cause: Cause) -> None:
    version = rules.versions[version_id]
    (subject.truths.add if truth else subject.truths.discard)(version_id)
    if version.serves:
        change: Literal["entered", "left"] = "entered" if truth else "left"
        subject.changes.append(
            Change(subject.lane, subject.id, subject.user_id, version.segment_id, version.number, change, at, cause)
        )
