"""The rules of windows that are a period of the person's calendar."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from services.segments.domain.facts import TRAITS_CHANGED, Event
from tests.unit.segments.case import TICK, Case, Json

SECOND = timedelta(seconds=1)
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC, microsecond=0)


def at(text: str) -> datetime:
    """In UTC, unless it says otherwise."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def did(when: datetime, name: str = "A", /, **properties: object) -> Event:
    return Event(when, f"{name} {when} {properties}", "web", name, properties)


def calendar_cases() -> Iterable[Case]:
    yield from _edges()
    yield from _strange_days()
    yield from _aggregates()
    yield from _spend()
    yield from _lasting()


def _edges() -> Iterable[Case]:
    def around(rule: str, period: str, begins: str, ends: str, zone: object = None) -> Iterable[Case]:
        """What begins and ends then counts from its first instant to its last, and nothing beside it."""
        once: Json = {"event": "A", "this": period, "op": "=", "value": 1}
        traits: Json = {} if zone is None else {"timezone": zone}
        begin, end = at(begins), at(ends)
        for told, when, t, expected in [
            ("its first instant is in it", begin, begin, True),
            ("to its last", begin, end - TICK, True),
            ("its last instant is in it", end - TICK, end - TICK, True),
            ("all leaves at once when it ends", end - TICK, end, False),
            ("the first, too", begin, end, False),
            ("what was before it is not", begin - TICK, begin, False),
            ("nor later", begin - TICK, end - TICK, False),
            ("what is to come counts from its time on", end - TICK, end - 2 * TICK, False),
        ]:
            yield Case(f"this {period}, {rule}: {told}", once, expected, (did(when),), traits, t=t)

    yield from around("of the default zone", "day", "2026-06-15", "2026-06-16")
    yield from around("from Monday on", "week", "2026-06-15", "2026-06-22")
    yield from around("over the turn of the year", "week", "2025-12-29", "2026-01-05")
    yield from around("of 30 days", "month", "2026-06-01", "2026-07-01")
    yield from around("of a leap year", "month", "2024-02-01", "2024-03-01")
    yield from around("December", "month", "2026-12-01", "2027-01-01")
    yield from around("to 31 December", "year", "2026-01-01", "2027-01-01")
    east, west, berlin = "Pacific/Kiritimati", "Pacific/Pago_Pago", "Europe/Berlin"
    yield from around("at +14:00", "day", "2026-06-14T10:00", "2026-06-15T10:00", east)
    yield from around("at -11:00", "day", "2026-06-15T11:00", "2026-06-16T11:00", west)
    yield from around("at +14:00", "year", "2025-12-31T10:00", "2026-12-31T10:00", east)
    yield from around("at -11:00", "month", "2025-12-01T11:00", "2026-01-01T11:00", west)
    yield from around("clocks set forward", "day", "2026-03-28T23:00", "2026-03-29T22:00", berlin)
    yield from around("clocks set back", "day", "2026-10-24T22:00", "2026-10-25T23:00", berlin)
    yield from around("clocks set forward", "month", "2026-02-28T23:00", "2026-03-31T22:00", berlin)
    yield from around("where there is no midnight", "day", "2018-11-04T03:00", "2018-11-05T02:00", "America/Sao_Paulo")
    for zone in ("europe/berlin", "Mars/Olympus", "", 14, None, ["UTC"], {"UTC": 1}):
        yield from around(f"zone {zone!r} is none", "day", "2026-06-15", "2026-06-16", zone)


def _strange_days() -> Iterable[Case]:
    def today(rule: str, zone: str, when: str, t: str, expected: bool, period: str = "day") -> Case:
        condition = {"event": "A", "this": period, "op": "=", "value": 1}
        return Case(f"calendar: {rule}", condition, expected, (did(at(when)),), {"timezone": zone}, t=at(t))

    back = "America/St_Johns"  # at 00:01 of 7 November 2010 to 23:01 of the 6th: 02:30 UTC to 02:31, and from 03:30 on
    yield today("the day before the clocks are set back", back, "2010-11-06T20:00", "2010-11-07T02:29:59", True)
    yield today("has ended once the next has begun", back, "2010-11-06T20:00", "2010-11-07T02:30", False)
    yield today("and does not come again", back, "2010-11-06T20:00", "2010-11-07T02:45", False)
    yield today("what happens meanwhile is of the next", back, "2010-11-07T02:45", "2010-11-07T09:00", True)
    yield today("and counts at once", back, "2010-11-07T02:45", "2010-11-07T02:45", True)
    yield today("as does its first minute", back, "2010-11-07T02:30:30", "2010-11-07T03:30", True)
    skips = "Pacific/Apia"  # no 30 December 2011: from the 29th to the 31st at 10:00 UTC
    yield today("the day before one that is skipped", skips, "2011-12-29T10:00", "2011-12-30T09:59:59", True)
    yield today("ends with it", skips, "2011-12-30T09:59:59", "2011-12-30T10:00", False)
    yield today("the next is whole", skips, "2011-12-30T10:00", "2011-12-31T09:59:59", True)
    yield today("and no longer", skips, "2011-12-30T10:00", "2011-12-31T10:00", False)
    yield today("the week goes on", skips, "2011-12-26T10:00", "2011-12-30T10:00", True, "week")
    yield today("and so does the month", skips, "2011-12-01T10:00", "2011-12-31T09:59:59", True, "month")
    twice = "America/Havana"  # 00:00 to 01:00 twice
    yield today("a first hour that comes twice", twice, "2020-11-01T04:00", "2020-11-01T05:30", True)
    for zone in ("UTC", "Asia/Tokyo", "America/New_York", "Pacific/Kiritimati", "Pacific/Pago_Pago"):
        for period in ("day", "week", "month", "year"):
            ever = {"event": "A", "this": period, "op": ">=", "value": 1}
            traits: Json = {"timezone": zone}
            rule = f"calendar: {zone}, {period}:"
            yield Case(f"{rule} the first instant there is", ever, True, (did(FIRST),), traits, t=FIRST)
            yield Case(f"{rule} the last instant there is", ever, True, (did(LAST),), traits, t=LAST)
            yield Case(f"{rule} from the first to the last", ever, False, (did(FIRST),), traits, t=LAST)


def _aggregates() -> Iterable[Case]:
    noon = at("2026-06-15T12:00")
    events = (
        did(noon - timedelta(hours=13), v=9),
        did(noon - timedelta(hours=12), v=1),
        did(noon - timedelta(hours=1), v=3),
        did(noon, v="x"),
        did(noon + SECOND, v=7),
        did(noon, "B", v=1),
        did(noon - timedelta(hours=13), "B", v=5),
    )

    def of(aggregate: str, op: str, value: object, **more: object) -> Case:
        condition = {"event": "A", "aggregate": aggregate, "property": "v", "op": op, "value": value, "this": "day"}
        return Case(f"calendar: {aggregate} {op} {value} {more}", condition | more, True, events, t=noon)

    yield of("count", "=", 3)
    yield of("sum", "=", 4)
    yield of("avg", "=", 2)
    yield of("min", "=", 1)
    yield of("max", "=", 3)
    yield of("distinct", "=", 3)
    yield of("sum", "=", 3, minus={"event": "B", "property": "v"})
    yield of("count", "=", 1, where=[{"property": "v", "op": ">", "value": 1}])
    for aggregate, expected in (("count", True), ("sum", True), ("distinct", True), ("avg", False), ("max", False)):
        nothing = {"event": "C", "aggregate": aggregate, "property": "v", "op": "<", "value": 1, "this": "year"}
        yield Case(f"calendar: {aggregate} over nothing", nothing, expected, events, t=noon)
    trait = [{"property": "v", "op": "=", "value_of": {"trait": "v"}}]
    both = {"event": "A", "where": trait, "op": "=", "value": 1, "this": "day"}
    yield Case("calendar: compared with a trait", both, True, events, {"v": 3}, t=noon)
    yield Case("calendar: compared with a trait, of today", both, False, events, {"v": 9}, t=noon)


def _spend() -> Iterable[Case]:
    t = at("2026-06-15T12:00")
    may, june = at("2026-05-31T23:00"), at("2026-06-01T00:00")

    def spent(rule: str, value: object, *events: Event, zone: str = "UTC", **more: object) -> Case:
        condition = {"spend": "total", "this": "month", "op": "=", "value": value, **more}
        return Case(f"spend this month: {rule}", condition, True, events, {"timezone": zone}, t=t)

    def order(when: datetime, name: str = "Completed", number: object = 1, /, **properties: object) -> Event:
        return did(when, f"Order {name}", **({} if number is None else {"order_id": number}), **properties)

    yield spent("an order of this month", 5, order(june, total=5))
    yield spent("none of the last", 0, order(june - TICK, total=5))
    yield spent("by the person's calendar", 5, order(may, total=5), zone="Europe/Berlin")
    yield spent("which may begin later", 0, order(june, total=5), zone="America/New_York")
    yield spent("by its first completion", 0, order(may, total=5), order(june, total=5))
    yield spent("with what is said of it since", 3, order(june, total=9), order(t, "Refunded", total=6))
    yield spent("and what was said before", 4, order(may, "Refunded", total=1), order(june, total=5))
    yield spent("what is given back of the last month is not taken off", 5, order(may, total=9), order(t, "Refunded", total=9), order(t, "Completed", 2, total=5))  # fmt: skip
    yield spent("an order of its own", 7, order(june, "Completed", None, total=7), order(may, "Completed", None, total=1))  # fmt: skip
    yield spent("in a currency", 5, order(june, total=5, currency="EUR"), order(june, "Completed", 2, total=9), currency="EUR")  # fmt: skip
    yield spent("not what is to come", 0, order(t + TICK, total=5))
    year = {"spend": "total", "this": "year", "op": "=", "value": 14}
    new_year = order(at("2026-01-01T00:00"), "Completed", 3, total=9)
    old_year = order(at("2025-12-31T23:59"), "Completed", 4, total=2)
    yield Case("spend this year", year, True, (order(may, total=5), new_year, old_year), t=t)


def _lasting() -> Iterable[Case]:
    t = at("2026-06-15T12:00")
    active: Json = {"event": "A", "this": "day", "op": ">=", "value": 1}
    days = [did(at(f"2026-06-{day}T00:00")) for day in (13, 14, 15)]
    yield Case("calendar: for days on end", {"for": "P2D", "of": active}, True, tuple(days), t=t)
    yield Case("calendar: but for an instant", {"for": "P2D", "of": active}, False, (*days[:2], did(days[2].timestamp + TICK)), t=t)  # fmt: skip
    moved = Event(
        at("2026-06-15T00:00"),
        "m",
        "web",
        TRAITS_CHANGED,
        {"before": {"timezone": "UTC"}, "after": {"timezone": "Asia/Tokyo"}},
    )
    # until midnight, and from then on in Tokyo, where the event is of the day before
    once = (did(at("2026-06-14T14:30")), moved)
    tokyo: Json = {"timezone": "Asia/Tokyo"}
    late = {"not": active}
    yield Case("calendar: for, in the zone of then", {"for": "PT12H", "of": late}, True, once, tokyo, t=t)
    yield Case("calendar: for, not in that of now", {"for": "PT12H1S", "of": late}, False, once, tokyo, t=t)
