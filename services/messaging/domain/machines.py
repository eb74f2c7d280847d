"""Opens and clicks that no person made: told apart by who fetched, how, and how soon.

Apple's Mail Privacy Protection fetches every image through proxies that call themselves `Mozilla/5.0` and nothing else, whether or not
anybody reads. Google's proxy fetches when somebody opens the message: that is a person's doing. Scanners follow links before the message
is shown: with HEAD, under the names of programs, at once, or several together.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

APPLE = "Mozilla/5.0"
GOOGLE = "GoogleImageProxy"
AT_ONCE = timedelta(seconds=2)
"""Sooner after the message was handed over nobody has seen it."""

TOGETHER = timedelta(seconds=10)
"""Nobody follows several links within this time of one another and ..."""

EARLY = timedelta(minutes=2)
"""... so soon after the message was sent."""

SHOWN = TOGETHER + timedelta(seconds=1)
"""By then a scanner has followed a second link, and we know of it."""

SCANNED = "several_links"

_PROGRAMS = re.compile(
    r"bot\b|bot/|crawl|spider|scan|preview|headless|phantomjs|python|curl|wget|libwww|java/|okhttp|go-http-client|axios|node-fetch|"
    r"barracuda|proofpoint|mimecast|symantec|messagelabs|trendmicro|fireeye|forcepoint|sophos|bitdefender|kaspersky|zscaler|ironport|"
    r"safelinks|urldefense|cloudmark|slackbot|whatsapp|facebookexternalhit",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Visit:
    """An open (`url` None) or a click. `machine`: why whoever tells of it takes it for a machine's doing."""

    at: datetime
    url: str | None = None
    user_agent: str | None = None
    machine: str | None = None


def machine_reason(visit: Visit, *, sent_at: datetime) -> str | None:
    """Why this is taken for a machine's doing, by itself; None for a person's."""
    agent = visit.user_agent or ""
    if GOOGLE in agent:
        return None
    if agent.strip() == APPLE:
        return "apple_mail_privacy"
    if _PROGRAMS.search(agent):
        return "program"
    return "at_once" if visit.at - sent_at < AT_ONCE else None


def judge_visits(
    new: Mapping[str, Visit], known: Mapping[str, Visit], *, sent_at: datetime
) -> tuple[dict[str, str | None], list[str]]:
    """Of one message, by key: why each new visit is a machine's doing (None: a person's); and the keys of known ones that, as is seen
    now, were one's too."""
    all_of_them = {**known, **new}
    scanned = {key for key, visit in all_of_them.items() if _is_scan(visit, all_of_them, sent_at)}
    reasons = {
        key: visit.machine or machine_reason(visit, sent_at=sent_at) or (SCANNED if key in scanned else None)
        for key, visit in new.items()
    }
    seen_through = any(reasons[key] == SCANNED for key in new)
    return reasons, sorted(scanned & known.keys()) if seen_through else []


def told_at(visit: Visit, reason: str | None, *, sent_at: datetime, now: datetime) -> datetime | None:
    """When to tell of a click that seems a person's but may be a scanner's first; None for at once."""
    doubtful = visit.url is not None and reason is None and visit.at - sent_at <= EARLY
    return now + SHOWN if doubtful else None


def _is_scan(visit: Visit, others: Mapping[str, Visit], sent_at: datetime) -> bool:
    """Whether another link was followed within seconds of this one, soon after the message was sent."""
    if visit.url is None or visit.at - sent_at > EARLY:
        return False
    return any(one.url not in (None, visit.url) and abs(one.at - visit.at) <= TOGETHER for one in others.values())
