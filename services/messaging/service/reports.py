"""Did it help: the effect of a campaign, and what became of its triggers."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

import asyncpg

from services.messaging.domain.effect import Effect, Group, Interval, effect_of, in_words
from services.messaging.store.catalogue import definition_of
from services.messaging.store.delivery_events import count_events
from services.messaging.store.lists import count_control, count_decisions, count_last_touch, count_people
from shared.plumbing.db import Database

LAST_TOUCH = (
    "The first goal event after each message, within the goal's time, counts for the last message sent before it, of all campaigns "
    "that hoped for that event. It says what came after, not what came of it: that says the effect."
)
HAPPENED = (
    "delivered", "bounced", "bounced_for_good", "complained", "unsubscribed",
    "opened", "opened_by_machines_only", "clicked", "clicked_by_machines_only",
)  # fmt: skip


async def report_on(db: Database, campaign: asyncpg.Record) -> dict[str, Any]:
    """The effect by people, told against held out; counts by decision, reason and variant, with conversions and revenue."""
    rows = await count_decisions(db, campaign["id"])
    decisions: defaultdict[str, int] = defaultdict(int)
    reasons: defaultdict[str, int] = defaultdict(int)
    for row in rows:
        decisions[row["decision"] or "pending"] += row["triggers"]
        reasons[row["reason"] or "pending"] += row["triggers"]
    told = [row for row in rows if row["decision"] in ("sent", "unknown")]
    variants = sorted({row["variant"] for row in told if row["variant"]})
    return {
        "campaign": campaign["key"],
        "status": campaign["status"],
        "effect": await _effect_on_people(db, campaign),
        "attributed": await _last_touch(db, campaign),
        "messages": _messages(await count_events(db, campaign["id"])),
        "winner": campaign["winner"],
        "triggers": sum(row["triggers"] for row in rows),
        "decisions": dict(decisions),
        "reasons": dict(reasons),
        "sent": _brought(told, "sent"),
        "variants": {name: _brought([r for r in told if r["variant"] == name], "sent") for name in variants},
        "holdout": _brought([row for row in rows if row["decision"] == "held_out"], "held_out"),
    }


async def _last_touch(db: Database, campaign: asyncpg.Record) -> dict[str, Any] | None:
    """None where nothing is hoped for."""
    row = await count_last_touch(db, campaign["id"])
    if definition_of(campaign).goal is None or row is None:
        return None
    return {"model": "last_touch", "in_words": LAST_TOUCH, "conversions": row["orders"], "revenue": row["revenue"]}


def _messages(rows: list[asyncpg.Record]) -> dict[str, int]:
    """To how many messages it happened. What only machines did is counted apart."""
    found = {row["kind"]: row["messages"] for row in rows}
    found |= {f"{row['kind']}_by_machines_only": row["machines"] for row in rows}
    found["bounced_for_good"] = sum(row["hard"] for row in rows)
    return {name: found.get(name, 0) for name in HAPPENED}


def _brought(rows: list[asyncpg.Record], name: str) -> dict[str, Any]:
    return {
        name: sum(row["triggers"] for row in rows),
        "conversions": sum(row["conversions"] for row in rows),
        "revenue": sum(row["revenue"] for row in rows),
    }


async def _effect_on_people(db: Database, campaign: asyncpg.Record) -> dict[str, Any] | None:
    """None where nothing is hoped for."""
    goal = definition_of(campaign).goal
    if goal is None:
        return None
    rows = await count_people(db, campaign["id"])
    told = group_of(row for row in rows if not row["held_out"])
    held = group_of(row for row in rows if row["held_out"])
    effect = effect_of(told, held)
    variants: dict[str, list[asyncpg.Record]] = {}
    for row in rows:
        if row["variant"] and not row["held_out"]:
            variants.setdefault(row["variant"], []).append(row)
    return {
        "in_words": in_words(effect, told, held, event=goal.event),
        "told": _shown(told),
        "held_out": _shown(held),
        **_compared(effect),
        "variants": {
            name: _shown(group_of(own)) | _compared(effect_of(group_of(own), held))
            for name, own in sorted(variants.items())
        },
    }


async def report_on_control_group(db: Database, *, since: datetime) -> dict[str, Any]:
    """The effect of all campaigns together on those who were not in the control group."""
    rows = await count_control(db, since=since)
    told = group_of(row for row in rows if not row["held_out"])
    held = group_of(row for row in rows if row["held_out"])
    effect = effect_of(told, held)
    return {
        "since": since,
        "in_words": in_words(effect, told, held, event="what was hoped for"),
        "told": _shown(told),
        "control_group": _shown(held),
        **_compared(effect),
    }


def group_of(rows: Iterable[asyncpg.Record]) -> Group:
    """Of the rows that `count_people` counts."""
    known = list(rows)
    return Group(
        people=sum(row["people"] for row in known),
        converted=sum(row["converted"] for row in known),
        orders=sum(row["orders"] for row in known),
        revenue=float(sum(row["revenue"] for row in known)),
        squares=float(sum(row["squares"] for row in known)),
    )


def _shown(group: Group) -> dict[str, Any]:
    return {
        "people": group.people,
        "converted": group.converted,
        "conversion_rate": _rounded(group.rate),
        "revenue_per_person": _rounded(group.mean),
        "average_order_value": _rounded(group.order_value),
    }


def _compared(effect: Effect) -> dict[str, Any]:
    return {
        "shown": effect.shown,
        "difference": _rounded(effect.difference),
        "difference_interval": _interval(effect.difference_interval),
        "lift": _rounded(effect.lift),
        "lift_interval": _interval(effect.lift_interval),
        "revenue_difference": _rounded(effect.revenue),
        "revenue_interval": _interval(effect.revenue_interval),
        "people_needed": effect.needed,
    }


def _interval(interval: Interval | None) -> list[Decimal | None] | None:
    return None if interval is None else [_rounded(end) for end in interval]


def _rounded(number: float | None) -> Decimal | None:
    """Six digits behind the point: more would pretend to be exact."""
    return None if number is None else Decimal(f"{number:.6f}").normalize() + 0
