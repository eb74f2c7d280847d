"""What a person decides on the preference page: what holds now, what their form asks for, and what of it is new.

Only what differs from what the page showed is a change: a form that lay open for a while takes nothing back that was changed
elsewhere meanwhile.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from services.messaging.domain.addresses import masked
from services.messaging.domain.confirming import Confirmed
from services.messaging.domain.languages import nearest
from services.messaging.domain.local_time import DAYS, parse_local_time, zone_of
from services.messaging.domain.reach import Suppressions, place_for
from services.messaging.domain.rules import Rules
from services.messaging.domain.topics import Topic, is_wanted
from services.messaging.domain.words import languages
from shared.schemas.recipients import Consent, Recipient, deciding_consent

CHANNELS = ("email", "sms", "push")
"""What people can be asked about; a webhook speaks to a system."""
MOST_WINDOWS = 20
"""So many are shown; who has more (by the API) keeps them as they are."""
MIDNIGHT, END_OF_DAY = "00:00", "24:00"
TIME = re.compile("[0-9]{2}:[0-9]{2}(:[0-9]{2})?")
"""What a browser sends of a time field; anything else was not typed into our page."""
Form = Mapping[str, Sequence[str]]


class FaultyTimes(ValueError):
    """Times that can't be meant: without a day, a beginning, or another end."""


@dataclass(frozen=True, slots=True)
class Window:
    """A time on some days, as it stands in the page's fields: until midnight is `00:00`."""

    days: tuple[str, ...] = ()
    start: str = ""
    until: str = ""

    def to_json(self) -> dict[str, Any]:
        """As preferences have it."""
        until = END_OF_DAY if self.until == MIDNIGHT else self.until
        return {"days": list(self.days), "from": self.start, "until": until}


@dataclass(frozen=True, slots=True)
class ChannelChoice:
    """A channel that the person has an address for. `blocked`: it can't be used, whatever the person says. `unconfirmed`: they
    consent, and the address is still to be confirmed."""

    channel: str
    address: str
    address_hash: str
    allowed: bool
    blocked: bool = False
    unconfirmed: bool = False


@dataclass(frozen=True, slots=True)
class Choices:
    """What the page shows. `windows`: None where there are too many to show. `first`: the channel that goes before the others, "" for
    none; None where nothing asks for that. `language`: of those that the page knows the person's; "" where theirs is none of them."""

    topics: tuple[tuple[Topic, bool], ...]
    channels: tuple[ChannelChoice, ...]
    windows: tuple[Window, ...] | None
    zone: str
    first: str | None = None
    language: str = ""

    def as_typed(self, form: Form) -> "Choices":
        """The same with what a form asks for in its place, so that nobody has to choose it all again."""
        wanted, allowed = form.get("topic", ()), form.get("channel", ())
        return replace(
            self,
            topics=tuple((topic, topic.key in wanted) for topic, _ in self.topics),
            channels=tuple(
                one if one.blocked else replace(one, allowed=one.channel in allowed) for one in self.channels
            ),
            first=self.first if (first := _chosen(form, "first", self.first, self.firsts)) is None else first,
            language=_chosen(form, "language", self.language, languages()) or self.language,
        )

    @property
    def firsts(self) -> tuple[str, ...]:
        """What may be chosen to go first: "" for no preference."""
        return ("", *(one.channel for one in self.channels))

    def to_json(self) -> dict[str, Any]:
        """What a form must remember of it."""
        windows = self.windows
        return {
            "topics": {topic.key: wanted for topic, wanted in self.topics},
            "channels": {one.channel: [one.allowed, one.address_hash] for one in self.channels if not one.blocked},
            "windows": None if windows is None else [[list(one.days), one.start, one.until] for one in windows],
            "first": None if self.first is None else [self.first, list(self.firsts)],
            "language": self.language,
        }


@dataclass(frozen=True, slots=True)
class Changes:
    """What is new. `channels`: whether each is allowed, and the hash of its address."""

    topics: dict[str, bool]
    channels: dict[str, tuple[bool, str]]
    windows: tuple[Window, ...] | None
    first: str | None = None
    language: str | None = None

    @property
    def wishes(self) -> bool:
        """Whether anything is new but consents."""
        return bool(self.topics) or (self.windows, self.first, self.language) != (None, None, None)

    def __bool__(self) -> bool:
        return bool(self.channels) or self.wishes


def choices_of(
    recipient: Recipient,
    *,
    purpose: str,
    rules: Rules,
    suppressions: Suppressions,
    hashed: Callable[[str, str], str],
    default_zone: str,
    now: datetime,
    confirmed: Confirmed = lambda _channel, _address: (),
    ordered: bool = False,
) -> Choices:
    """What holds for a person now. `hashed`: of a channel and an address. `ordered`: some campaign goes by the order of channels."""

    def unconfirmed(channel: str, address: str, consent: Consent | None) -> bool:
        rule = rules.confirming
        return rule is not None and rule.is_missing(purpose, channel, consent, confirmed(channel, address))

    topics = tuple((topic, is_wanted(topic, recipient.preferences)) for topic in rules.topics)
    channels = [
        found
        for channel in CHANNELS
        if (found := _channel(recipient, channel, purpose, suppressions, hashed, now, unconfirmed)) is not None
    ]
    windows = windows_of(recipient.preferences)
    named = [one.channel for one in channels]
    return Choices(
        topics,
        tuple(channels),
        windows if len(windows) <= MOST_WINDOWS else None,
        zone_of(recipient.traits, default_zone).key,
        first=_first_channel(named, recipient.preferences) if ordered and len(named) > 1 else None,
        language=next((tag for tag in nearest(recipient.traits.get("locale")) if tag in languages()), ""),
    )


def _first_channel(channels: Sequence[str], preferences: Mapping[str, Any]) -> str:
    named = preferences.get("channels")
    return next((one for one in named if one in channels), "") if isinstance(named, list) else ""


def _channel(
    recipient: Recipient,
    channel: str,
    purpose: str,
    suppressions: Suppressions,
    hashed: Callable[[str, str], str],
    now: datetime,
    unconfirmed: Callable[[str, str, Consent | None], bool],
) -> ChannelChoice | None:
    consent = deciding_consent(recipient.consents, purpose=purpose, channel=channel)
    place = place_for(recipient, channel, purpose=purpose, consent=consent, suppressions=suppressions, now=now)
    if place is None:
        return None
    granted = consent is not None and consent.allows(now) and not place.standing
    waits = granted and unconfirmed(channel, place.address, consent)
    return ChannelChoice(
        channel=channel,
        address=masked(channel, place.address),
        address_hash=hashed(channel, place.address),
        allowed=granted and not waits,
        blocked=any(not one.yields for one in place.standing),
        unconfirmed=waits,
    )


def windows_of(preferences: Mapping[str, Any]) -> tuple[Window, ...]:
    """The contact windows as fields; what can't be read is left out."""
    windows = preferences.get("contact_windows")
    if not isinstance(windows, list):
        return ()
    return tuple(read for one in windows if isinstance(one, Mapping) and (read := _read_window(one)))


def _read_window(window: Mapping[str, Any]) -> Window | None:
    names = window.get("days", list(DAYS))
    wanted = {str(name)[:3].lower() for name in names} if isinstance(names, list) else set()
    start, until = window.get("from"), window.get("until")
    try:
        parse_local_time(start)
        parse_local_time(until)
    except ValueError:
        return None
    days = tuple(day for day in DAYS if day in wanted)
    return Window(days, str(start), MIDNIGHT if until == END_OF_DAY else str(until)) if days else None


def asked_windows(form: Form, shown: int) -> tuple[Window, ...]:
    """The windows of a form that showed so many and an empty one, as they stand in it."""
    return tuple(
        Window(
            tuple(day for day in DAYS if day in form.get(f"days-{row}", ())),
            _first(form, f"from-{row}"),
            _first(form, f"until-{row}"),
        )
        for row in range(min(shown, MOST_WINDOWS) + 1)
    )


def _first(form: Form, name: str) -> str:
    return next(iter(form.get(name, ())), "").strip()


def kept_windows(asked: Sequence[Window]) -> tuple[Window, ...]:
    """Without those that were taken away (no day in them) and the last one if it is empty. Raises FaultyTimes."""
    *old, new = asked
    kept = [one for one in old if one.days]
    if new != Window():
        kept.append(new)
    for one in kept:
        _check(one)
    return tuple(kept)


def _check(window: Window) -> None:
    if not window.days or not TIME.fullmatch(window.start) or not TIME.fullmatch(window.until):
        raise FaultyTimes
    try:
        start, until = parse_local_time(window.start), parse_local_time(window.until)
    except ValueError as error:
        raise FaultyTimes from error
    all_day = window.start == window.until == MIDNIGHT
    if window.start == END_OF_DAY or (start == until and not all_day):
        raise FaultyTimes


def changes_of(form: Form, shown: Mapping[str, Any]) -> Changes:
    """What a form asks for that is not as its page showed it (`Choices.to_json`). Raises FaultyTimes."""
    wanted, allowed = form.get("topic", ()), form.get("channel", ())
    windows = None
    if shown["windows"] is not None:
        before = tuple(Window(tuple(days), start, until) for days, start, until in shown["windows"])
        now = kept_windows(asked_windows(form, len(before)))
        windows = now if now != before else None
    first, firsts = shown.get("first") or (None, ())
    return Changes(
        first=_chosen(form, "first", first, firsts),
        language=_chosen(form, "language", shown.get("language"), languages()),
        topics={key: key in wanted for key, was in shown["topics"].items() if (key in wanted) != was},
        channels={
            channel: (channel in allowed, address_hash)
            for channel, (was, address_hash) in shown["channels"].items()
            if (channel in allowed) != was
        },
        windows=windows,
    )


def _chosen(form: Form, name: str, was: str | None, allowed: Collection[str]) -> str | None:
    """What is asked for of these, if it is not as it was; None also where it was not asked."""
    asked = _first(form, name)
    return asked if was is not None and name in form and asked != was and asked in allowed else None
