"""Every reason, and the order in which they are looked for."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.messaging.domain.decision import decide
from services.messaging.domain.reach import Suppression
from services.messaging.domain.verdict import TASK_CREATED, Assign, Defer, Earlier, History, Message, Refuse, Send
from shared.schemas.recipients import Device
from tests.unit.messaging.builders import NOW, campaign, granted, offer, person, request, rules

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def suppressed(scope: str = "", *, yields: bool = False, at: datetime = NOW - HOUR) -> Any:
    one = Suppression(scope, "manual", yields, at)
    return lambda _channel, _address: (one,)


def verdict(history: History | None = None, **fields: Any) -> tuple[str, str]:
    """The decision and its reason."""
    found = decide(request(**fields), history or History(), now=NOW)
    match found:
        case Send():
            return "sent", "sent"
        case Assign():
            return "sent", TASK_CREATED
        case Defer():
            return "deferred", found.reason
        case Refuse():
            return found.decision, found.reason


# Each hindrance by itself, in the order of the contract. `stop` and `person` change the request, `history` what is known.
HINDRANCES: list[tuple[str, tuple[str, str], dict[str, Any], dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ("not running", ("skipped", "campaign_not_running"), {"status": "paused"}, {}, {}, {}),
    ("re-entry", ("skipped", "reentry"), {}, {}, {"earlier": Earlier("sent", NOW - DAY)}, {}),
    ("stale", ("skipped", "stale"), {}, {}, {}, {"due_at": NOW - DAY - HOUR}),
    ("left again", ("skipped", "not_qualified"), {}, {}, {"last_change": ("left", NOW)}, {}),
    ("consent", ("skipped", "no_consent"), {}, {"consents": ()}, {}, {}),
    ("topic", ("skipped", "topic_opt_out"), {"topic": "news"}, {"preferences": {"topics": {"news": False}}}, {}, {}),
    ("suppression", ("suppressed", "suppressed"), {}, {}, {"suppressions": suppressed()}, {}),
    ("cap", ("skipped", "frequency_cap"), {}, {}, {"messages": [Message("marketing", "email", NOW - HOUR)]}, {
        "rules": {"frequency_caps": [{"purpose": "marketing", "max": 1, "within": "P1D"}]}
    }),
    ("holdout", ("held_out", "holdout"), {"holdout": 1}, {}, {}, {}),
    ("time of day", ("deferred", "quiet_hours"), {}, {}, {}, {
        "rules": {"quiet_hours": {"from": "11:00", "until": "13:00"}}
    }),
]  # fmt: skip


def combined(hindrances: list[Any], **stop: Any) -> tuple[str, str]:
    who: dict[str, Any] = {}
    known: dict[str, Any] = {}
    more: dict[str, Any] = {}
    rulebook: dict[str, Any] = {}
    for _, _, stop_, who_, known_, more_ in hindrances:
        stop, who, known = stop | stop_, who | who_, known | known_
        rulebook |= more_.get("rules", {})
        more |= {key: value for key, value in more_.items() if key != "rules"}
    more["rules"] = rules(**rulebook)
    return verdict(History(**known), campaign=campaign(**stop), recipient=person(**who), **more)


@pytest.mark.parametrize("hindrance", HINDRANCES, ids=lambda one: one[0])
def test_each_hindrance_has_its_reason(hindrance: Any) -> None:
    assert combined([hindrance]) == hindrance[1]


@pytest.mark.parametrize("first", range(len(HINDRANCES)), ids=lambda at: HINDRANCES[at][0])
def test_of_several_hindrances_the_first_in_order_is_recorded(first: int) -> None:
    assert combined(HINDRANCES[first:]) == HINDRANCES[first][1]


def test_with_nothing_in_the_way_it_is_sent_with_the_values_behind_it() -> None:
    found = decide(request(), History(), now=NOW)
    assert isinstance(found, Send)
    assert (found.template, found.channel, found.address) == ("hello", "email", "ada@example.com")
    assert found.facts["consent"]["status"] == "granted"


def test_a_missing_address_comes_after_consent_and_before_caps() -> None:
    cap = rules(frequency_caps=[{"purpose": "marketing", "max": 0, "within": "P1D"}])
    assert verdict(recipient=person(traits={}), rules=cap) == ("skipped", "no_address")
    assert verdict(recipient=person(traits={}, consents=())) == ("skipped", "no_consent")


def test_a_deleted_campaign_and_an_erased_person_are_told_nothing() -> None:
    assert verdict(campaign=None) == ("skipped", "campaign_not_running")
    assert verdict(recipient=None) == ("skipped", "no_profile")
    assert verdict(recipient=None, unreadable=True) == ("failed", "unreadable_profile")
    assert verdict(paused_then=True) == ("skipped", "campaign_not_running")
    assert verdict(offers=()) == ("failed", "template_error")


@pytest.mark.parametrize("hindrance", HINDRANCES, ids=lambda one: one[0])
def test_what_may_have_arrived_stays_unknown_where_it_is_not_sent_again(hindrance: Any) -> None:
    _, (decision, reason), stop, who, known, more = hindrance
    fields: dict[str, Any] = more | ({"rules": rules(**more["rules"])} if "rules" in more else {})
    doubted = request(campaign=campaign(**stop), recipient=person(**who), in_doubt=True, **fields)
    found = decide(doubted, History(**known), now=NOW)
    if decision == "deferred":
        assert isinstance(found, Defer)
    else:
        assert isinstance(found, Refuse)
        assert (found.decision, found.reason, found.facts["not_again"]) == ("unknown", "no_answer", reason)


@pytest.mark.parametrize("hindrance", HINDRANCES[:4] + HINDRANCES[6:7], ids=lambda one: one[0])
def test_what_holds_for_transactional_messages_too(hindrance: Any) -> None:
    assert combined([hindrance], purpose="transactional") == hindrance[1]


@pytest.mark.parametrize("hindrance", HINDRANCES[4:6] + HINDRANCES[7:], ids=lambda one: one[0])
def test_what_transactional_messages_do_not_heed(hindrance: Any) -> None:
    assert combined([hindrance], purpose="transactional") == ("sent", "sent")


@pytest.mark.parametrize(
    ("reentry", "earlier", "expected"),
    [
        ("once", None, "sent"),
        ("once", 900 * DAY, "reentry"),
        ("always", HOUR, "sent"),
        ("P7D", 7 * DAY - HOUR, "reentry"),
        ("P7D", 7 * DAY, "sent"),
    ],
)
def test_re_entry(reentry: str, earlier: timedelta | None, expected: str) -> None:
    had = Earlier("held_out", NOW - earlier) if earlier else None
    assert verdict(History(earlier=had), campaign=campaign(reentry=reentry))[1] == expected


@pytest.mark.parametrize(
    ("stale_after", "age", "attempts", "expected"),
    [
        ({}, DAY, 0, ("sent", "sent")),
        ({}, DAY + timedelta(seconds=1), 0, ("skipped", "stale")),
        ({"stale_after": "PT2S"}, timedelta(seconds=3), 0, ("skipped", "stale")),
        ({"stale_after": "P30D"}, 29 * DAY, 0, ("sent", "sent")),
        ({}, 2 * DAY, 3, ("failed", "provider_error")),
    ],
)
def test_staleness_runs_from_when_it_was_due(
    stale_after: Any, age: timedelta, attempts: int, expected: tuple[str, str]
) -> None:
    assert verdict(campaign=campaign(**stale_after), due_at=NOW - age, attempts=attempts) == expected


@pytest.mark.parametrize(
    ("on", "last", "expected"),
    [
        ("entered", None, "sent"),
        ("entered", "entered", "sent"),
        ("entered", "left", "not_qualified"),
        ("left", "left", "sent"),
        ("left", "entered", "not_qualified"),
    ],
)
def test_whoever_changed_back_no_longer_qualifies(on: str, last: str | None, expected: str) -> None:
    known = History(last_change=(last, NOW) if last else None)
    assert verdict(known, campaign=campaign(trigger={"segment": "vip", "on": on}))[1] == expected


@pytest.mark.parametrize(
    ("consents", "expected"),
    [
        ([], "no_consent"),
        ([granted()], "sent"),
        ([granted("denied")], "no_consent"),
        ([granted(purpose="news")], "no_consent"),
        ([granted(channel="sms")], "no_consent"),
        ([granted(channel="any")], "sent"),
        ([granted(days=-2), granted("withdrawn", days=-1)], "no_consent"),
        ([granted(days=-1), granted("withdrawn", days=-2)], "sent"),
        ([granted(days=-2), granted("withdrawn", channel="any", days=-1)], "no_consent"),
        ([granted("denied", channel="any", days=-2), granted(days=-1)], "sent"),
        ([granted(days=-1), granted("withdrawn", channel="any", days=-1)], "no_consent"),
        ([granted("withdrawn", days=-1), granted(channel="any", days=-1)], "no_consent"),
        ([granted(days=-1), granted("withdrawn", channel="sms", days=0)], "sent"),
        ([granted(until=NOW + timedelta(microseconds=1))], "sent"),
        ([granted(until=NOW)], "no_consent"),
        ([granted(days=-20), granted(until=NOW)], "no_consent"),
        ([granted(until=NOW), granted(days=-1)], "sent"),
    ],
)
def test_the_newest_consent_decides_and_a_tie_goes_to_the_refusal(consents: list[Any], expected: str) -> None:
    assert verdict(recipient=person(consents=tuple(consents)))[1] == expected


@pytest.mark.parametrize(
    ("purpose", "suppression", "consent_days", "expected"),
    [
        ("marketing", suppressed(), -10, "suppressed"),
        ("marketing", suppressed("marketing"), -10, "suppressed"),
        ("marketing", suppressed("news"), -10, "sent"),
        ("marketing", suppressed("non_transactional"), -10, "suppressed"),
        ("transactional", suppressed(), -10, "suppressed"),
        ("transactional", suppressed("non_transactional"), -10, "sent"),
        ("transactional", suppressed("marketing"), -10, "sent"),
        ("marketing", suppressed("marketing", yields=True, at=NOW - 2 * DAY), -1, "sent"),
        ("marketing", suppressed("marketing", yields=False, at=NOW - 2 * DAY), -1, "suppressed"),
        ("marketing", suppressed("marketing", yields=True, at=NOW - 2 * DAY), -3, "suppressed"),
        ("marketing", suppressed("marketing", yields=True, at=NOW - 2 * DAY), 900, "suppressed"),
    ],
)
def test_suppressions_by_purpose_and_a_later_consent(
    purpose: str, suppression: Any, consent_days: int, expected: str
) -> None:
    who = person(consents=(granted(days=consent_days),))
    known = History(suppressions=suppression)
    assert verdict(known, campaign=campaign(purpose=purpose), recipient=who)[1] == expected


@pytest.mark.parametrize(
    ("dead", "expected"),
    [((), "new"), (("new",), "old"), (("old",), "new"), (("new", "old"), "suppressed")],
)
def test_who_has_lost_a_device_is_reached_on_another(dead: tuple[str, ...], expected: str) -> None:
    devices = (Device(token="new"), Device(token="old"))
    who = person(devices=devices, consents=(granted(channel="push"),))
    gone = Suppression("", "bounced", False, NOW - HOUR)
    known = History(suppressions=lambda _channel, address: (gone,) if address in dead else ())
    found = decide(request(recipient=who, offers=(offer("push"),)), known, now=NOW)
    assert (found.address if isinstance(found, Send) else getattr(found, "reason", None)) == expected


@pytest.mark.parametrize(
    ("cap", "messages", "expected"),
    [
        ({"max": 2}, [("marketing", "email", HOUR)], "sent"),
        ({"max": 2}, [("marketing", "email", HOUR), ("marketing", "sms", HOUR)], "frequency_cap"),
        ({"max": 2, "channel": "email"}, [("marketing", "email", HOUR), ("marketing", "sms", HOUR)], "sent"),
        ({"max": 1, "channel": "sms"}, [("marketing", "sms", HOUR)], "sent"),
        ({"max": 1}, [("news", "email", HOUR), ("transactional", "email", HOUR)], "sent"),
        ({"max": 1}, [("marketing", "email", 7 * DAY)], "sent"),
        ({"max": 1}, [("marketing", "email", 7 * DAY - timedelta(seconds=1))], "frequency_cap"),
        ({"max": 0}, [], "frequency_cap"),
        ({"max": 1, "purpose": "news"}, [("news", "email", HOUR)], "sent"),
    ],
)
def test_frequency_caps_count_by_purpose_channel_and_window(cap: Any, messages: Any, expected: str) -> None:
    rule = rules(frequency_caps=[{"purpose": "marketing", "within": "P7D"} | cap])
    sent = [Message(purpose, channel, NOW - ago) for purpose, channel, ago in messages]
    assert verdict(History(messages=sent), rules=rule)[1] == expected


def test_the_preferred_channel_is_the_first_that_may_and_can_be_used() -> None:
    both = campaign(channel="preferred")
    offers = (offer("email", "sms"),)
    everywhere = (granted(), granted(channel="sms"))
    traits = {"email": "ada@example.com", "phone": "+49 171 1234567"}
    likes_sms = {"channels": ["sms", "email"]}

    def channel(history: History | None = None, **fields: Any) -> str:
        who = person(**({"traits": traits, "consents": everywhere, "preferences": likes_sms} | fields))
        found = decide(request(campaign=both, offers=offers, recipient=who), history or History(), now=NOW)
        assert isinstance(found, Send)
        return found.channel

    blocked = Suppression("", "manual", yields=False, created_at=NOW - HOUR)
    assert channel() == "sms"
    assert channel(preferences={}) == "email"
    assert channel(preferences={"channels": ["push", "sms"]}) == "sms"
    assert channel(consents=(granted(),)) == "email"
    assert channel(traits={"email": "ada@example.com"}) == "email"
    assert channel(History(suppressions=lambda c, _: (blocked,) if c == "sms" else ())) == "email"


def test_variants_on_different_channels_follow_the_preference() -> None:
    two = campaign(
        channel="preferred", variants=[{"template": "mail", "weight": 99}, {"template": "text", "weight": 1}]
    )
    offers = (offer("email", template="mail", weight=99), offer("sms", template="text"))
    traits = {"email": "ada@example.com", "phone": "0171 1234567"}
    who = person(traits=traits, consents=(granted(channel="any"),), preferences={"channels": ["sms"]})
    found = decide(request(campaign=two, offers=offers, recipient=who), History(), now=NOW)
    assert isinstance(found, Send)
    assert (found.channel, found.template) == ("sms", "text")


@pytest.mark.parametrize(
    ("zone", "preferences", "quiet", "expected", "until"),
    [
        ("Europe/Berlin", {}, {"from": "21:00", "until": "08:00"}, "sent", None),
        ("Asia/Tokyo", {}, {"from": "21:00", "until": "08:00"}, "quiet_hours", (10, 23)),  # 21:00 local
        ("Pacific/Kiritimati", {}, {"from": "21:00", "until": "08:00"}, "quiet_hours", (10, 18)),  # +14: 02:00 on the 11th
        ("No/Such", {}, {"from": "11:59", "until": "12:01"}, "quiet_hours", (10, 12, 1)),
        ("utc", {}, {"from": "11:59", "until": "12:01"}, "quiet_hours", (10, 12, 1)),
        (None, {"contact_windows": [{"days": ["tue"], "from": "10:00", "until": "14:00"}]}, None, "sent", None),
        (None, {"contact_windows": [{"days": ["tue"], "from": "10:00", "until": "12:00"}]}, None, "contact_window", (17, 10)),
        (None, {"contact_windows": [{"days": ["wed"], "from": "05:00", "until": "09:00"}]},
         {"from": "21:00", "until": "08:00"}, "contact_window", (11, 8)),
        (None, {"contact_windows": [{"days": ["mon", "tue"], "from": "22:00", "until": "23:00"}]},
         {"from": "21:00", "until": "08:00"}, "no_window", None),
        (None, {"contact_windows": []}, None, "sent", None),
    ],
)  # fmt: skip
def test_the_time_of_day_where_the_person_is(
    zone: Any, preferences: Any, quiet: Any, expected: str, until: tuple[int, ...] | None
) -> None:
    traits = {"email": "ada@example.com"} | ({"timezone": zone} if zone else {})
    fields: dict[str, Any] = {
        "recipient": person(traits=traits, preferences=preferences),
        "rules": rules(quiet_hours=quiet),
    }
    assert verdict(**fields)[1] == expected
    if until:
        found = decide(request(**fields), History(), now=NOW)
        assert isinstance(found, Defer)
        assert found.until == found.facts["until"] == datetime(2026, 3, until[0], until[1], sum(until[2:]), tzinfo=UTC)


def test_who_could_not_have_been_messaged_is_in_no_holdout_group() -> None:
    held = campaign(holdout=1)
    assert verdict(campaign=held, recipient=person(consents=())) == ("skipped", "no_consent")
    assert verdict(campaign=held) == ("held_out", "holdout")
