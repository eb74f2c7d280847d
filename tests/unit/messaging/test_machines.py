"""Machines' opens and clicks are told apart from people's."""

from datetime import UTC, datetime, timedelta

import pytest

from services.messaging.domain.machines import Visit, judge_visits, machine_reason, told_at

SENT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"


def visit(seconds: float, url: str | None = None, agent: str | None = FIREFOX) -> Visit:
    return Visit(SENT + timedelta(seconds=seconds), url, agent)


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (visit(60), None),
        (visit(60, agent=None), None),
        (visit(1, agent=GMAIL), None),
        (visit(3600, agent="Mozilla/5.0"), "apple_mail_privacy"),
        (visit(60, agent="Mozilla/5.0 (compatible; Barracuda Sentinel)"), "program"),
        (visit(60, agent="python-requests/2.31"), "program"),
        (visit(60, agent="Mozilla/5.0 HeadlessChrome/120.0"), "program"),
        (visit(1), "at_once"),
        (visit(1, "https://shop.example/a"), "at_once"),
    ],
)
def test_by_itself(one: Visit, reason: str | None) -> None:
    assert machine_reason(one, sent_at=SENT) == reason


def test_several_links_within_seconds_are_a_scanner_and_what_was_known_of_it_is_seen_through() -> None:
    first, second = visit(20, "https://shop.example/a"), visit(25, "https://shop.example/b")
    assert judge_visits({"1": first}, {}, sent_at=SENT) == ({"1": None}, [])
    assert judge_visits({"2": second}, {"1": first}, sent_at=SENT) == ({"2": "several_links"}, ["1"])
    both = judge_visits({"1": first, "2": second}, {}, sent_at=SENT)
    assert both == ({"1": "several_links", "2": "several_links"}, [])


@pytest.mark.parametrize(
    "second",
    [visit(25, "https://shop.example/a"), visit(60, "https://shop.example/b"), visit(25)],
    ids=["the same link", "later", "an open"],
)
def test_people_click_one_after_the_other(second: Visit) -> None:
    known = {"1": visit(20, "https://shop.example/a")}
    assert judge_visits({"2": second}, known, sent_at=SENT) == ({"2": None}, [])


def test_people_who_read_later_may_open_several_links_at_once() -> None:
    known = {"1": visit(600, "https://shop.example/a")}
    assert judge_visits({"2": visit(602, "https://shop.example/b")}, known, sent_at=SENT) == ({"2": None}, [])


@pytest.mark.parametrize(
    ("one", "reason", "waits"),
    [
        (visit(20, "https://shop.example/a"), None, True),
        (visit(120, "https://shop.example/a"), None, True),
        (visit(121, "https://shop.example/a"), None, False),
        (visit(20, "https://shop.example/a"), "program", False),
        (visit(20), None, False),
    ],
)
def test_only_what_may_be_a_scanners_first_click_is_told_later(one: Visit, reason: str | None, waits: bool) -> None:
    now = SENT + timedelta(hours=1)
    found = told_at(one, reason, sent_at=SENT, now=now)
    assert found == (now + timedelta(seconds=11) if waits else None)


def test_what_the_provider_says_counts() -> None:
    told = Visit(SENT + timedelta(hours=1), None, FIREFOX, machine="provider")
    assert judge_visits({"1": told}, {}, sent_at=SENT) == ({"1": "provider"}, [])
