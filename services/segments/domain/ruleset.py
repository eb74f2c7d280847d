"""All live segment versions as one: each distinct leaf is kept and judged once, however many versions contain it.

What an event or a moment in time doesn't touch isn't looked at: `take` gives an event to the leaves that select it and says
which formulas that may change, `judge` works out those, `pass_time` those that are due. These change a `Standing` in
place. `fold`, `trim`, `refold` and `evaluate` do the same for the leaves alone, without touching what they are given.
"""

from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any, Generic, TypeVar

from services.segments.domain.condition import For, Leaf, LifeEvent, TraitDate, traits_needed
from services.segments.domain.definition import Definition
from services.segments.domain.engine.compile import Give, Test, compiled_for, compiled_traits
from services.segments.domain.engine.keeper import TRUTH, UNTIL, Keeper, Kept, Leaves
from services.segments.domain.engine.verdict import Verdict
from services.segments.domain.facts import NOBODY, TRAITS_CHANGED, Event, ProfileFacts, instant, micros, micros_of
from services.segments.domain.lasting import true_since
from services.segments.domain.looking import Looking, lasts
from services.segments.domain.render import leaf_key
from services.segments.domain.rulebase import Rulebase
from services.segments.domain.spending import SPEND_EVENTS
from services.segments.domain.standing import Standing

V = TypeVar("V", bound=Hashable)
MOST_ALONE = 256  # sets of leaves whose rulesets are kept; traits may change in any company
_timestamp = attrgetter("timestamp")
States = Mapping[str, Kept]  # by leaf
Traits = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Evaluation(Generic[V]):
    """`next_at`: the earliest instant at which any of the truths can change with nothing happening; None: never."""

    truths: dict[V, bool]
    next_at: datetime | None


class Ruleset(Generic[V]):
    """Built once for a set of versions; holds nothing about any profile."""

    def __init__(self, definitions: Mapping[V, Definition]) -> None:
        self._base = Rulebase(definitions)
        self._gives: dict[str, Give] = {}  # by event name, made when the first one comes
        self._tests: dict[str, Test] | None = None
        self._inner: dict[str | frozenset[str], Ruleset[int]] = {}  # by what is to be recalled
        # `for`s, and leaves to which an event is another one by other traits: who judges one that was touched must have `recall`ed it
        self.referring = frozenset(self._base.referring)
        self.lasting = self.referring | self._base.fors.keys()
        self.lasting_names = self._lasting_names()
        self.recalled_names = self.lasting_names | self._names_of(self.referring)
        self._by_trait = self._formulas_by_trait()
        self._recalling = frozenset(
            key for key, found in self._by_trait.items() if not self.referring.isdisjoint(found)
        )
        self._by_life_events = self._formulas_with(
            key for key, leaf in self._base.others.items() if isinstance(leaf, LifeEvent | TraitDate)
        )

    @classmethod
    def build(cls, definitions: Mapping[V, Definition]) -> "Ruleset[V]":
        return cls(definitions)

    def _lasting_names(self) -> frozenset[str]:
        """Of the events that `for`s look at, changes of traits among them."""
        fors = self._base.fors.values()
        names = self._names_of({key for lasting in fors for key in lasting.leaves})
        return names | {TRAITS_CHANGED for lasting in fors if lasting.looks_at_facts}

    def _names_of(self, leaves: Collection[str]) -> frozenset[str]:
        return frozenset(
            name for name, keepers in self._base.keepers_of.items() if not keepers.keys().isdisjoint(leaves)
        )

    def _formulas_by_trait(self) -> dict[str, dict[str, None]]:
        found: dict[str, dict[str, None]] = {}
        paths = {key: leaf.path for key, leaf in self._base.traits.items()}
        paths |= {key: leaf.path for key, leaf in self._base.others.items() if isinstance(leaf, TraitDate)}
        for key, path in paths.items():
            for name in {path, path.split(".")[0]}:
                found.setdefault(name, {}).update(self._base.formulas_with[key])
        for key, leaf in self._base.referring.items():
            for path in traits_needed(leaf):
                for name in {path, path.split(".")[0]}:
                    found.setdefault(name, {}).update({key: None, **self._base.formulas_with[key]})
        return found

    def _formulas_with(self, keys: Iterable[str]) -> dict[str, None]:
        return {name: None for key in keys for name in self._base.formulas_with[key]}

    @property
    def versions(self) -> frozenset[V]:
        return frozenset(self._base.formula_of)

    @property
    def event_names(self) -> frozenset[str]:
        return frozenset(self._base.keepers_of) | self.lasting_names

    @property
    def leaf_keys(self) -> frozenset[str]:
        """Of those that look at events, and of what they share."""
        return frozenset((*self._base.keepers, *self._base.ledgers))

    def touched_by_event(self, name: str) -> frozenset[V]:
        return self._versions(self._formulas_with(self._base.keepers_of.get(name, ())))

    def touched_by_trait(self, key: str) -> frozenset[V]:
        """By a change of a top-level trait."""
        return self._versions({**self._by_trait.get(key, {}), **(self._by_life_events if key == "timezone" else {})})

    def touched_by_life_events(self) -> frozenset[V]:
        return self._versions(self._by_life_events)

    def _versions(self, formulas: Iterable[str]) -> frozenset[V]:
        return frozenset(version for name in formulas for version in self._base.versions_of.get(name, ()))

    def formulas_of(self, versions: Iterable[V]) -> dict[str, None]:
        """And every `for`."""
        return {**dict.fromkeys(self._base.fors), **{self._base.formula_of[version]: None for version in versions}}

    def changed_by_facts(self, old: ProfileFacts, new: ProfileFacts) -> dict[str, None]:
        """The formulas that another knowledge of the same profile may change."""
        changed = {
            key for key in old.traits.keys() | new.traits.keys() if _differ(old.traits.get(key), new.traits.get(key))
        }
        touched = {name: None for key in changed for name in self._by_trait.get(key, ())}
        if "timezone" in changed or old.life_events != new.life_events or old.default_zone != new.default_zone:
            touched.update(self._by_life_events)
        if old.default_zone != new.default_zone:
            touched.update(self._by_trait.get("timezone", {}))
        return touched

    def recalls_leaves(self, old: Traits, new: Traits) -> bool:
        """Whether other traits make other events of those that leaves have."""
        return any(_differ(old.get(key), new.get(key)) for key in self._recalling)

    def take(
        self, standing: Standing, event: Event, now: datetime, facts: ProfileFacts = NOBODY
    ) -> dict[str, None] | None:
        """Takes in an event, each once, in any order of time. The formulas that it may have changed; None: nothing at all."""
        leaves, at = standing.leaves, micros(now)
        keepers = self._give(leaves, event, facts)
        touched: dict[str, None] = self._lasting_touched(event, keepers) if self._base.fors else {}
        if not keepers and not touched:
            return None
        if event.name in SPEND_EVENTS:
            self._base.let_go(leaves, at)
        resting_of = self._base.resting
        for keeper in keepers:
            key = keeper.key
            kept, resting = leaves.get(key), resting_of[key]
            old = resting if kept is None or kept[TRUTH] is None else (kept[TRUTH], kept[UNTIL])
            if (keeper.look(leaves, at) or resting) != old:
                touched.update(self._base.formulas_with[key])
        return touched

    def _lasting_touched(self, event: Event, keepers: Iterable[Keeper]) -> dict[str, None]:
        """Also where it is late, and changes no verdict of now."""
        base = self._base
        found = {key: None for keeper in keepers for key in base.fors_with.get(keeper.key, ())}
        if event.name == TRAITS_CHANGED:
            found |= {key: None for key, lasting in base.fors.items() if lasting.looks_at_facts}
        return {**found, **self._formulas_with(found)}

    def _give(self, leaves: Leaves, event: Event, facts: ProfileFacts) -> list[Keeper]:
        touched: list[Keeper] = []
        keepers = self._base.keepers_of.get(event.name)
        if keepers is not None:
            give = self._gives.get(event.name)
            if give is None:
                give = self._gives[event.name] = compiled_for(event.name, keepers.values())
            give(leaves, event, micros(event.timestamp), touched, facts)
        return touched

    def recall(
        self,
        standing: Standing,
        facts: ProfileFacts,
        now: datetime,
        events: Sequence[Event],
        formulas: Iterable[str] | None = None,
    ) -> None:
        """Work out anew what can't be followed by what happens alone: since when the conditions of `for`s have been true, of these
        formulas, or of all without any; and of these the leaves to which events are others by other traits than those they
        were taken in with.

        `events` are all those of `recalled_names`; of `lasting_names` for `for`s alone.
        """
        at, asked = micros(now), self._base.fors.keys() if formulas is None else set(formulas)
        leaves = self.referring & asked
        if leaves:
            inner = self._alone(leaves)
            for key in inner.leaf_keys:
                standing.leaves.pop(key, None)
            standing.leaves.update(inner.fold({}, events, facts))
        for key in self._base.fors.keys() & asked:
            since = true_since(self._alone(key), events, facts, at, self._base.fors[key])
            standing.recalled[key] = at
            if since is None:
                standing.since.pop(key, None)
            else:
                standing.since[key] = since

    def _alone(self, of: str | frozenset[str]) -> "Ruleset[int]":
        """A `for`'s condition, or some leaves."""
        if of not in self._inner:
            if len(self._inner) == MOST_ALONE:
                del self._inner[next(iter(self._inner))]
            base = self._base
            asked = (
                [base.fors[of].definition] if isinstance(of, str) else [Definition(base.referring[key]) for key in of]
            )
            self._inner[of] = Ruleset(dict(enumerate(asked)))
        return self._inner[of]

    def judge(
        self, standing: Standing, facts: ProfileFacts, now: datetime, formulas: Iterable[str] | None = None
    ) -> dict[V, bool]:
        """The truths of the versions that these formulas are; of all without any. Keeps when each may next change."""
        if formulas is None:
            formulas = (*self._base.fors, *self._base.versions_of)
        return self._judge(standing, facts, micros(now), formulas)

    def _judge(self, standing: Standing, facts: ProfileFacts, now: int, formulas: Iterable[str]) -> dict[V, bool]:
        looking = self._looking(standing, facts, now)
        truths: dict[V, bool] = {}
        for name in formulas:
            if name in self.lasting:
                if name in self._base.fors:
                    standing.plan(name, looking.follow(name))
                continue
            versions = self._base.versions_of.get(name)
            if versions is None:  # of a version that is gone
                standing.plan(name, None)
                continue
            truth, until = looking[name]
            standing.plan(name, until)
            for version in versions:
                truths[version] = truth
        return truths

    def pass_time(
        self, standing: Standing, facts: ProfileFacts, until: datetime
    ) -> Iterator[tuple[datetime, dict[V, bool]]]:
        """Each instant up to `until` at which truths may change, in order, with those truths."""
        end = micros(until)
        while (now := standing.next_at) is not None and now <= end:
            due = [name for name, at in standing.due.items() if at <= now]
            truths = self._judge(standing, facts, now, due)
            at = instant(now)
            assert at is not None  # it isn't later than `until`
            yield at, truths

    def forget_others(self, standing: Standing, t: datetime) -> None:
        """Leaves and `for`s of no version here, and orders that none needs at `t` or later."""
        for key in standing.leaves.keys() - self.leaf_keys:
            del standing.leaves[key]
        for key in standing.since.keys() - self._base.fors.keys():
            del standing.since[key]
        self._base.let_go(standing.leaves, micros(t))

    def stand(self, states: States, facts: ProfileFacts, t: datetime, events: Sequence[Event] = ()) -> Standing:
        """All judged at `t`. `events` are needed for `for`s."""
        standing = Standing(_copied(states), {})
        self.recall(standing, facts, t, events)
        self.judge(standing, facts, t)
        return standing

    def verdict_of(self, node: Leaf | For, standing: Standing, facts: ProfileFacts, t: datetime) -> Verdict:
        key = self.lasting_key(node) if isinstance(node, For) else leaf_key(node)
        return self._looking(standing, facts, micros(t))[key]

    def lasting_key(self, node: For) -> str:
        """Of one in a ruleset of a single version."""
        fors, length = self._base.fors.items(), micros_of(node.length)
        return next(key for key, one in fors if one.length == length and one.definition.condition == node.of)

    def fold(self, states: States, events: Iterable[Event], facts: ProfileFacts = NOBODY) -> dict[str, Kept]:
        """Takes in events in any order of time, each once."""
        leaves = _copied(states)
        for event in sorted(events, key=_timestamp):  # what comes last is taken in at once
            for keeper in self._give(leaves, event, facts):
                keeper.doubt(leaves)
        return leaves

    def trim(self, states: States, t: datetime) -> dict[str, Kept]:
        """Without what can't matter at `t` or later, and without leaves of no version here; judged."""
        return self._trimmed(_copied(states), micros(t))

    def _trimmed(self, leaves: Leaves, now: int) -> Leaves:
        for key in leaves.keys() - self.leaf_keys:
            del leaves[key]
        self._base.let_go(leaves, now)
        for key in leaves.keys() & self._base.keepers.keys():
            if not lasts(leaves[key], now):
                self._base.keepers[key].look(leaves, now)
        return leaves

    def refold(self, events: Iterable[Event], t: datetime, facts: ProfileFacts = NOBODY) -> dict[str, Kept]:
        return self._trimmed(self.fold({}, events, facts), micros(t))

    def evaluate(self, states: States, facts: ProfileFacts, t: datetime, events: Sequence[Event] = ()) -> Evaluation[V]:
        """`events` are needed for `for`s."""
        standing = Standing(_copied(states), {})
        self.recall(standing, facts, t, events)
        truths = self.judge(standing, facts, t)
        return Evaluation(truths, None if standing.next_at is None else instant(standing.next_at))

    def _looking(self, standing: Standing, facts: ProfileFacts, now: int) -> "Looking":
        if self._tests is None:
            self._tests = compiled_traits(self._base.traits)
        return Looking(self._base, self._tests, standing, facts, now)


def _copied(states: States) -> Leaves:
    return {key: _copy(kept) for key, kept in states.items()}


def _copy(value: Any) -> Any:
    if isinstance(value, list):
        return [_copy(each) for each in value]
    return {key: _copy(each) for key, each in value.items()} if isinstance(value, dict) else value


def _differ(old: object, new: object) -> bool:
    """Also where Python finds them equal: true is not 1."""
    return old is not new and repr(old) != repr(new)
