"""Traits by top-level key: the newest by event time wins, whatever the order in which the messages came."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any

from shared.language.compare import same
from shared.schemas.resolved import TraitsChanged

IMPLIED_FRESH = timedelta(hours=1)
"""What devices report with every event is dated anew only after this, so that an event is not a write."""

Provenance = dict[str, Any]
"""JSON: `at`, `message_id`, `source`; `removed` where the trait was removed, `implied` where it was only inferred."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """Since when and from what a value is known. `implied`: inferred, gives way to anything that was told."""

    at: datetime
    message_id: str
    source: str
    implied: bool = False

    def as_json(self, *, removed: bool) -> Provenance:
        told: Provenance = {"at": self.at.isoformat(), "message_id": self.message_id, "source": self.source}
        return told | ({"removed": True} if removed else {}) | ({"implied": True} if self.implied else {})


@dataclass(frozen=True, slots=True)
class Traits:
    """Values, and what is known of each key's last change (also of removed ones, so that an older value stays away)."""

    values: Mapping[str, Any]
    provenance: Mapping[str, Provenance]


def counted_at(timestamp: datetime, received_at: datetime) -> datetime:
    """When a trait was told: a time ahead of its receipt counts as the receipt."""
    return min(timestamp, received_at)


def read_stamp(provenance: Provenance) -> Stamp:
    """The stamp that `as_json` wrote."""
    at = datetime.fromisoformat(provenance["at"])
    return Stamp(at, provenance["message_id"], provenance["source"], bool(provenance.get("implied")))


def is_newer(stamp: Stamp, held: Provenance | None) -> bool:
    """Whether a stamp beats what is held: told before inferred, then by time, message id, source."""
    return held is None or _rank(stamp) > _rank(read_stamp(held))


def _rank(stamp: Stamp) -> tuple[bool, datetime, str, str]:
    return not stamp.implied, stamp.at, stamp.message_id, stamp.source


def tell(held: Traits, told: Mapping[str, Any], stamp: Stamp) -> Traits:
    """What is known after `told`; null removes. The same object when nothing is new."""
    news = {key: value for key, value in told.items() if is_newer(stamp, held.provenance.get(key))}
    return _with_stamp(held, news, stamp)


def infer(held: Traits, context: Mapping[str, Any], stamp: Stamp) -> Traits:
    """What is known after an event's context: time zone and locale, as long as nobody told them."""
    news = {key: value for key, value in _inferred(context) if _is_news(held, key, value, stamp)}
    return _with_stamp(held, news, stamp)


def tell_again(held: Traits, told: Mapping[str, Any], stamp: Stamp) -> Traits:
    """What is known after what was told before: as `tell`, and what this very stamp gave is as it gave it."""
    news = {
        key: value
        for key, value in told.items()
        if is_newer(stamp, held.provenance.get(key)) or _has_lost(held, key, value, stamp)
    }
    return _with_stamp(held, news, stamp)


def infer_again(held: Traits, context: Mapping[str, Any], stamp: Stamp) -> Traits:
    """The same for what was inferred, which anything that is known by now outdoes."""
    news = {
        key: value
        for key, value in _inferred(context)
        if key not in held.provenance or _has_lost(held, key, value, stamp)
    }
    return _with_stamp(held, news, stamp)


def _has_lost(held: Traits, key: str, value: Any, stamp: Stamp) -> bool:
    """Whether a value is not what this very stamp gave."""
    known = held.provenance.get(key)
    return known is not None and read_stamp(known) == stamp and not same(held.values.get(key), value)


def _inferred(context: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    zone, locale = context.get("timezone"), context.get("locale")
    if isinstance(zone, str) and zone in _zones():
        yield "timezone", zone
    if isinstance(locale, str) and 2 <= len(locale) <= 35:
        yield "locale", locale


@cache
def _zones() -> frozenset[str]:
    """Exact IANA names, of the packaged database: the machine's own may hold names of its own."""
    return frozenset(resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())


def _is_news(held: Traits, key: str, value: str, stamp: Stamp) -> bool:
    known = held.provenance.get(key)
    if known is None or "implied" not in known:
        return known is None
    return _is_stale(known, stamp) if held.values.get(key) == value else is_newer(stamp, known)


def _is_stale(known: Provenance, stamp: Stamp) -> bool:
    return stamp.at - datetime.fromisoformat(known["at"]) > IMPLIED_FRESH


def _with_stamp(held: Traits, news: Mapping[str, Any], stamp: Stamp) -> Traits:
    if not news:
        return held
    provenance = {key: stamp.as_json(removed=value is None) for key, value in news.items()}
    values = {key: value for key, value in (*held.values.items(), *news.items()) if news.get(key, value) is not None}
    return Traits(values, {**held.provenance, **provenance})


def difference(before: Traits, after: Traits, stamp: Stamp) -> TraitsChanged | None:
    """What became of the values; None if they are the same."""
    keys = before.values.keys() | after.values.keys()
    changed = {key for key in keys if not same(before.values.get(key), after.values.get(key))}
    if not changed:
        return None
    told = sorted(changed | {key for key in keys if "." in key})
    return TraitsChanged(
        at=stamp.at,
        message_id=stamp.message_id,
        source=stamp.source,
        before={key: before.values[key] for key in told if key in before.values},
        after={key: after.values[key] for key in told if key in after.values},
    )


def unite(one: Traits, other: Traits) -> Traits:
    """The traits of two that are one person: for each key the newer."""
    values, provenance = dict(one.values), dict(one.provenance)
    for key, told in other.provenance.items():
        if is_newer(read_stamp(told), provenance.get(key)):
            provenance[key] = told
            values.pop(key, None)
            if key in other.values:
                values[key] = other.values[key]
    return Traits(values, provenance)


def merge_patch(value: Any, patch: Any) -> Any:
    """RFC 7396: objects are merged, null removes, anything else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(value) if isinstance(value, dict) else {}
    for key, change in patch.items():
        if change is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), change)
    return merged


def after_all(held: Traits, keys: Iterable[str], now: datetime) -> datetime:
    """Now, or just after the newest of these keys where a clock is behind: a change made here is always the newest."""
    known = [read_stamp(held.provenance[key]).at for key in keys if key in held.provenance]
    latest = max(known, default=None)
    return now if latest is None or latest < now else latest + timedelta(microseconds=1)
