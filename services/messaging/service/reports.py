"""Did it help: what became of a campaign's triggers."""

from collections import defaultdict
from typing import Any

import asyncpg

from services.messaging.store.lists import count_decisions
from shared.plumbing.db import Database


async def report_on(db: Database, campaign: asyncpg.Record) -> dict[str, Any]:
    """Counts by decision, reason and variant, with conversions and revenue of those told and of those held out."""
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
        "triggers": sum(row["triggers"] for row in rows),
        "decisions": dict(decisions),
        "reasons": dict(reasons),
        "sent": _effect(told, "sent"),
        "variants": {name: _effect([r for r in told if r["variant"] == name], "sent") for name in variants},
        "holdout": _effect([row for row in rows if row["decision"] == "held_out"], "held_out"),
    }


def _effect(rows: list[asyncpg.Record], name: str) -> dict[str, Any]:
    return {
        name: sum(row["triggers"] for row in rows),
        "conversions": sum(row["conversions"] for row in rows),
        "revenue": sum(row["revenue"] for row in rows),
    }
