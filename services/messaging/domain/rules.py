"""The deployment's rules for everybody: frequency caps, quiet hours, a control group, topics. Read from untrusted JSON."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from services.messaging.domain.campaign import CHANNELS, TRANSACTIONAL
from services.messaging.domain.campaign_reading import read_share
from services.messaging.domain.confirming import Confirming, read_confirming
from services.messaging.domain.local_time import Span, parse_local_time
from services.messaging.domain.staff import OPERATIONAL
from services.messaging.domain.topics import Topic, read_topics
from shared.language.durations import format_duration, parse_duration
from shared.language.reading import Loc, Object, Reading

_FIELDS = ("frequency_caps", "quiet_hours", "control_group", "topics", "double_opt_in")


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `max` messages of a purpose (on a channel, or on all together) to a person within a time; `per_household`: to all
    who live together."""

    purpose: str
    max: int
    within: timedelta
    channel: str | None = None
    per_household: bool = False

    def concerns(self, purpose: str, channel: str) -> bool:
        """Whether it may hold back a message of this purpose on this channel."""
        return self.purpose == purpose and self.channel in (None, channel)

    def to_json(self) -> dict[str, object]:
        shown: dict[str, object] = {"purpose": self.purpose, "max": self.max, "within": format_duration(self.within)}
        shown |= {"channel": self.channel} if self.channel else {}
        return shown | ({"per": "household"} if self.per_household else {})


@dataclass(frozen=True, slots=True)
class Rules:
    """None of them holds back what is transactional. `control`: the share of all people who get nothing else."""

    caps: tuple[Cap, ...] = ()
    quiet: Span | None = None
    control: Decimal = Decimal(0)
    topics: tuple[Topic, ...] = ()
    confirming: Confirming | None = None


def parse_rules(json: object, loc: Loc = ()) -> Rules:
    """The rules; raises ConditionError with the path of every fault."""
    reading = Reading()
    found = reading.fields(json, loc) or {}
    reading.keys(found, loc, required=(), optional=_FIELDS)
    at = (*loc, "frequency_caps")
    caps = [_read_cap(item, place, reading) for item, place in reading.items(found.get("frequency_caps", []), at)]
    quiet = found.get("quiet_hours")
    rules = Rules(
        tuple(caps),
        None if quiet is None else _read_quiet(quiet, (*loc, "quiet_hours"), reading),
        Decimal(0) if found.get("control_group") is None else read_share(found, "control_group", loc, reading),
        read_topics(found["topics"], (*loc, "topics"), reading) if "topics" in found else (),
        read_confirming(found.get("double_opt_in"), (*loc, "double_opt_in"), reading),
    )
    reading.finish()
    return rules


def _read_cap(json: object, loc: Loc, reading: Reading) -> Cap:
    found = reading.fields(json, loc) or {}
    reading.keys(found, loc, required=("purpose", "max", "within"), optional=("channel", "per"))
    purpose = reading.text(found, "purpose", loc)
    if purpose in (TRANSACTIONAL, OPERATIONAL):
        reading.fault((*loc, "purpose"), f"{purpose} messages are never capped")
    most = found.get("max")
    if "max" in found and (isinstance(most, bool) or not isinstance(most, int) or not 0 <= most <= 1_000_000):
        reading.fault((*loc, "max"), "must be a whole number, 0 or more")
        most = 0
    within = reading.converted(found, "within", loc, parse_duration)
    channel = reading.choice(found, "channel", loc, CHANNELS)
    per_household = reading.choice(found, "per", loc, ("person", "household")) == "household"
    return Cap(purpose, most if isinstance(most, int) else 0, within or timedelta(1), channel, per_household)


def _read_quiet(json: object, loc: Loc, reading: Reading) -> Span | None:
    found: Object = reading.fields(json, loc) or {}
    reading.keys(found, loc, required=("from", "until"))
    start = reading.converted(found, "from", loc, parse_local_time)
    end = reading.converted(found, "until", loc, parse_local_time)
    if start is None or end is None:
        return None
    if start == end:
        reading.fault((*loc, "until"), "must not be the same time as from")
    return Span(start, end)
