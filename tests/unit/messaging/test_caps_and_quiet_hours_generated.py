"""Generated histories: caps, quiet hours and contact windows are never violated, in any zone, over changes of the clocks, with merges
in between; and nobody is forgotten.

What is checked is written anew here, by the clock on the wall, and not with what decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from services.messaging.domain.decision import decide
from services.messaging.domain.local_time import DAYS, zone_names
from services.messaging.domain.rules import Rules
from services.messaging.domain.verdict import Defer, History, Message, Send
from tests.unit.messaging.builders import campaign, granted, person, request, rules

DEFAULT_ZONE = "Europe/Berlin"
MINUTE = timedelta(minutes=1)
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
CHANGES = [
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2026, 3, 8, 7, tzinfo=UTC),
]
"""Of the clocks: in Europe forth and back, in New York forth."""
BROKEN = ["", "Mars/Olympus", "europe/berlin", None, 7, ["UTC"]]
TRIGGERS: list[Any] = [
    {"segment": "vip", "on": "entered"},
    {"event": "Order Completed"},
    {"segment": "vip", "at": "2026-03-01T09:00:00Z"},
]


@dataclass
class Person:
    """Somebody with what they were sent; `into`: who they are now."""

    zone: Any
    windows: list[dict[str, Any]]
    sent: list[datetime] = field(default_factory=list)
    into: int | None = None

    def local(self, at: datetime) -> datetime:
        known = isinstance(self.zone, str) and self.zone in zone_names()
        return at.astimezone(ZoneInfo(str(self.zone) if known else DEFAULT_ZONE))


def minutes_of(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def is_within(local: datetime, span: dict[str, Any]) -> bool:
    """By the clock on the wall."""
    now, begin, end = local.hour * 60 + local.minute, minutes_of(span["from"]), minutes_of(span["until"])
    today, yesterday = DAYS[local.weekday()], DAYS[local.weekday() - 1]
    days = span.get("days", DAYS)
    if begin < end:
        return today in days and begin <= now < end
    return (today in days and now >= begin) or (yesterday in days and now < end)


times = st.integers(0, 95).map(lambda quarter: f"{quarter // 4:02}:{quarter % 4 * 15:02}")
spans = st.fixed_dictionaries({"from": times, "until": times}).filter(lambda span: span["from"] != span["until"])
windows = st.builds(
    lambda span, days: span | {"days": sorted(days, key=DAYS.index)}, spans, st.sets(st.sampled_from(DAYS), min_size=1)
)
zones = st.sampled_from(
    ["UTC", DEFAULT_ZONE, "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]
) | st.sampled_from(sorted(zone_names()))
people = st.builds(Person, zones | st.sampled_from(BROKEN), st.lists(windows, max_size=2))
instants = st.builds(
    lambda begin, minutes: begin + minutes * MINUTE,
    st.sampled_from([BEGIN, *CHANGES]),
    st.integers(-2 * 24 * 60, 5 * 24 * 60),
)
caps = st.fixed_dictionaries(
    {"purpose": st.just("marketing"), "max": st.integers(0, 3), "within": st.sampled_from(["PT1H", "P1D", "P7D"])}
)
WITHIN = {"PT1H": timedelta(hours=1), "P1D": timedelta(days=1), "P7D": timedelta(days=7)}


@dataclass
class World:
    """A sender, as it would be with nothing but `decide`: what is due is decided, sent, or put off."""

    people: list[Person]
    book: Rules
    quiet: dict[str, str] | None
    caps: Sequence[dict[str, Any]]
    ended: int = 0

    def who(self, number: int) -> Person:
        found = self.people[number]
        return found if found.into is None else self.who(found.into)

    def merge(self, loser: int, survivor: int) -> None:
        one, other = self.who(loser), self.who(survivor)
        if one is not other:
            one.into = next(place for place, found in enumerate(self.people) if found is other)
            other.sent = sorted(one.sent + other.sent)
            one.sent = []

    def look(self, number: int, trigger: Any, at: datetime, due_at: datetime) -> datetime | None:
        """When to look again; None where it came to an end."""
        one = self.who(number)
        asked = request(
            campaign=campaign(reentry="always", trigger=trigger, stale_after="P30D"),
            profile_id=UUID(int=number + 1),
            trigger_at=at,
            due_at=due_at,
            recipient=person(
                traits={"email": "ada@example.com", "timezone": one.zone},
                preferences={"contact_windows": one.windows},
                consents=(granted(days=-900),),
            ),
            rules=self.book,
            default_zone=DEFAULT_ZONE,
        )
        found = decide(asked, History(messages=[Message("marketing", "email", sent) for sent in one.sent]), now=due_at)
        if isinstance(found, Defer):
            assert found.until > due_at, "time goes on"
            return found.until
        self.ended += 1
        if isinstance(found, Send):
            self.check(one, due_at)
            one.sent.append(due_at)
        return None

    def check(self, one: Person, at: datetime) -> None:
        """Nothing stood in the way."""
        local = one.local(at)
        assert self.quiet is None or not is_within(local, self.quiet), f"quiet hours at {local}"
        assert not one.windows or any(is_within(local, span) for span in one.windows), f"no time of theirs: {local}"
        for cap in self.caps:
            had = [sent for sent in one.sent if sent > at - WITHIN[cap["within"]]]
            assert len(had) < cap["max"], "one too many"


@settings(max_examples=150)
@given(
    people=st.lists(people, min_size=1, max_size=4),
    quiet=st.none() | spans,
    caps=st.lists(caps, max_size=2),
    triggers=st.lists(st.tuples(instants, st.integers(0, 3), st.sampled_from(TRIGGERS)), min_size=1, max_size=12),
    merges=st.lists(st.tuples(instants, st.integers(0, 3), st.integers(0, 3)), max_size=3),
)
def test_nobody_is_told_too_much_or_at_the_wrong_time(
    people: list[Person], quiet: Any, caps: list[Any], triggers: list[Any], merges: list[Any]
) -> None:
    book = rules(**({"quiet_hours": quiet} if quiet else {}), frequency_caps=caps)
    world = World(people, book, quiet, caps)
    ahead: list[tuple[datetime, int, int, Any, datetime]] = []
    for number, (at, whose, trigger) in enumerate(triggers):
        heappush(ahead, (at, number, whose % len(people), trigger, at))
    for number, (at, loser, survivor) in enumerate(merges, start=1000):
        heappush(ahead, (at, number, loser % len(people), survivor % len(people), at))
    looks = 0
    while ahead:
        now, number, whose, what, first = heappop(ahead)
        if isinstance(what, int):
            world.merge(whose, what)
            continue
        looks += 1
        again = world.look(whose, what, first, now)
        if again is not None:
            heappush(ahead, (again, number, whose, what, first))
    assert world.ended == len(triggers), "nobody is forgotten"
    assert looks <= 5 * len(triggers), "who waits is looked at when there is something to see"


@given(zone=st.sampled_from(sorted(zone_names())), at=instants, quiet=spans)
@settings(max_examples=100)
def test_quiet_hours_hold_on_every_path_in_every_zone(zone: str, at: datetime, quiet: Any) -> None:
    for trigger in TRIGGERS:
        one = Person(zone, [])
        world = World([one], rules(quiet_hours=quiet), quiet, [])
        until = world.look(0, trigger, at, at)
        assert (until is not None) == is_within(one.local(at), quiet), trigger
        if until is not None:
            assert world.look(0, trigger, at, until) is None
            assert one.sent == [until]


@given(zone=st.sampled_from(BROKEN), at=instants, quiet=spans)
def test_a_zone_that_is_none_is_the_deployments_and_drops_nobody(zone: Any, at: datetime, quiet: Any) -> None:
    broken, whole = (World([Person(name, [])], rules(quiet_hours=quiet), quiet, []) for name in (zone, DEFAULT_ZONE))
    assert broken.look(0, TRIGGERS[0], at, at) == whole.look(0, TRIGGERS[0], at, at)
    assert broken.people[0].sent == whole.people[0].sent
