"""What a query is put together from: one instant, and the sources that leaves join to the profiles."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.segments.domain.condition import Period, Selection, Window
from services.segments.domain.facts import LATEST, instant, micros, micros_of
from services.segments.domain.sql.parameters import Parameters
from services.segments.domain.sql.values import predicates_hold


@dataclass(slots=True)
class Plan:
    """`future`: whether what is dated later than the instant is looked at as well. `doubts`: whether a truth can be null,
    where it has to be found out from all that is known of the profile."""

    as_of: datetime
    default_zone: str
    future: bool = False
    doubts: bool = False
    parameters: Parameters = field(default_factory=Parameters)
    joins: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)  # expressions over all that is joined, worked out once
    totals: list[str] = field(default_factory=list)  # aggregate expressions over `event`, columns of one scan
    names: set[str] = field(default_factory=set)  # of the events that scan needs
    periods: set[Period] = field(default_factory=set)  # of the calendar that scan needs
    leaves: dict[str, str] = field(default_factory=dict)  # by key: equal leaves are worked out once

    def join(self, source: str) -> str:
        """A left join of a subquery with `lane` and `profile_id`; returns its alias. The same again is the same one."""
        for known, joined in enumerate(self.joins):
            if joined.startswith(f"LEFT JOIN ({source}) AS "):
                return f"source_{known}"
        self.joins.append(f"LEFT JOIN ({source}) AS source_{len(self.joins)} USING (lane, profile_id)")
        return f"source_{len(self.joins) - 1}"

    def column(self, expression: str) -> str:
        """The expression's value for a profile, under a name. OFFSET keeps it one: written into each mention, it would
        double with every level."""
        name = f"column_{len(self.columns)}"
        self.columns.append(f"CROSS JOIN LATERAL (SELECT {expression} AS value OFFSET 0) AS {name}")
        return f"{name}.value"

    def total(self, expression: str) -> str:
        """One more column of the scan of totals; null for profiles without any event of it."""
        self.totals.append(expression)
        return f"totals.total_{len(self.totals) - 1}"

    def happened(self, event: str, *, after: Window | None = None) -> str:
        """Up to the instant, and later than it less `after`; or in the present period of the calendar, in the scan of totals."""
        until = f"{event}.timestamp <= {self.parameters.add(self.as_of, 'timestamptz')}"
        if isinstance(after, str):
            self.periods.add(after)
            return f"{until} AND {event}.timestamp >= this_{after}.begins"
        since = None if after is None else self.before(after)
        if since is None:
            return until
        return f"{until} AND {event}.timestamp > {self.parameters.add(since, 'timestamptz')}"

    def known(self, event: str) -> str:
        """Of all that is looked at."""
        return "true" if self.future else self.happened(event)

    def last_before(self, length: timedelta) -> datetime:
        """The last instant to which the length can be added."""
        last = instant(LATEST - micros_of(length))
        assert last is not None  # a length is at most 100 years
        return last

    def before(self, length: timedelta) -> datetime | None:
        """The instant less a length; None if that lies before all instants there are."""
        return instant(micros(self.as_of) - micros_of(length))

    def selects(self, selection: Selection, event: str) -> str:
        names = f"{event}.name = ANY ({self.parameters.add(list(selection.names), 'text[]')})"
        where = predicates_hold(selection.where, event, f"{event}.properties", self.parameters)
        return f"{names} AND {where}"
