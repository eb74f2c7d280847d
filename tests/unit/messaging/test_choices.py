"""The preference page's form: what it asks for that is not as its page showed it."""

from typing import Any

import pytest

from services.messaging.domain.addresses import masked
from services.messaging.domain.choices import Choices, FaultyTimes, Form, Window, changes_of, choices_of, windows_of
from services.messaging.domain.reach import Suppression, allowed
from services.messaging.domain.turnstile import Turnstile
from shared.plumbing.ids import new_id
from shared.schemas.recipients import PreferencesChange
from tests.unit.messaging.builders import NOW, granted, person, rules

REACHABLE = {"email": "ada@example.com", "phone": "+491711234567"}
MORNING = {"days": ["mon", "tue"], "from": "09:00", "until": "12:00"}
TOPICS = [{"key": "news", "name": "News"}, {"key": "wine", "name": "Wine", "default": "opt_in"}]
SHOWN: dict[str, Any] = {
    "topics": {"news": True, "wine": False},
    "channels": {"email": [True, "h1"], "sms": [False, "h2"]},
    "windows": [[["mon", "tue"], "09:00", "12:00"]],
    "first": ["", ["", "email", "sms"]],
    "language": "de",
}
UNTOUCHED: Form = {
    "topic": ["news"],
    "channel": ["email"],
    "days-0": ["mon", "tue"],
    "from-0": ["09:00"],
    "until-0": ["12:00"],
    "from-1": [""],
    "until-1": [""],
    "first": [""],
    "language": ["de"],
}


def choices(suppressions: Any = lambda *_: (), *, ordered: bool = False, **fields: Any) -> Choices:
    return choices_of(
        person(**fields),
        purpose="marketing",
        rules=rules(topics=TOPICS),
        suppressions=suppressions,
        hashed=lambda channel, address: f"{channel}:{address}",
        default_zone="Asia/Tokyo",
        now=NOW,
        ordered=ordered,
    )


def test_a_form_as_it_was_shown_changes_nothing() -> None:
    assert not changes_of(UNTOUCHED, SHOWN)


def test_only_what_differs_is_changed() -> None:
    changes = changes_of(dict(UNTOUCHED) | {"topic": ["wine"], "channel": ["sms", "email"]}, SHOWN)
    assert (changes.topics, changes.channels, changes.windows) == (
        {"news": False, "wine": True},
        {"sms": (True, "h2")},
        None,
    )


def test_what_the_page_did_not_show_cannot_be_changed() -> None:
    asked = {"topic": ["news", "secret"], "channel": ["email", "webhook"], "first": ["push"], "language": ["tlh"]}
    assert not changes_of(dict(UNTOUCHED) | asked, SHOWN)
    hidden = SHOWN | {"first": None}
    assert not changes_of(dict(UNTOUCHED) | {"first": ["sms"]}, hidden)


@pytest.mark.parametrize(
    ("asked", "first", "language"),
    [
        ({"first": ["sms"]}, "sms", None),
        ({"language": ["fr"]}, None, "fr"),
        ({"first": [], "language": []}, None, None),
    ],
)
def test_the_first_channel_and_the_language_are_changed_where_they_differ(
    asked: dict[str, list[str]], first: str | None, language: str | None
) -> None:
    changes = changes_of({key: one for key, one in (dict(UNTOUCHED) | asked).items() if one}, SHOWN)
    assert (changes.first, changes.language, changes.topics, changes.windows) == (first, language, {}, None)
    assert bool(changes) == (asked != {"first": [], "language": []})


def test_a_form_from_before_there_was_a_choice_of_language_is_taken() -> None:
    before = {key: one for key, one in SHOWN.items() if key not in ("first", "language")}
    assert not changes_of(UNTOUCHED, before)


@pytest.mark.parametrize(
    ("held", "first", "expected"),
    [
        (["sms", "email", "push"], "push", ["push", "sms", "email"]),
        ([], "sms", ["sms"]),
        (None, "sms", ["sms"]),
        (["sms"], "", []),
        (["sms"], None, ["sms"]),
    ],
)
def test_a_first_channel_goes_before_the_others_however_often_it_is_said(
    held: list[str] | None, first: str | None, expected: list[str]
) -> None:
    word = PreferencesChange(id=new_id(), profile_id=new_id(), first_channel=first, at=NOW)
    once = word.applied_to({} if held is None else {"channels": held})
    assert once["channels"] == expected
    assert word.applied_to(once) == once


def test_the_order_is_asked_for_only_where_a_campaign_goes_by_it() -> None:
    assert choices().first is None
    ordered = choices(ordered=True, traits=REACHABLE, preferences={"channels": ["webhook", "sms"]})
    assert ordered.to_json()["first"] == ["sms", ["", "email", "sms"]]
    assert choices(ordered=True, traits={"email": "ada@example.com"}).first is None


@pytest.mark.parametrize(("locale", "expected"), [("de_AT", "de"), ("pl", ""), (None, ""), (5, "")])
def test_the_language_shown_is_the_nearest_to_the_persons(locale: Any, expected: str) -> None:
    assert choices(traits=REACHABLE | {"locale": locale}).language == expected


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ({"until-0": ["13:00"]}, [Window(("mon", "tue"), "09:00", "13:00")]),
        ({"days-0": []}, []),
        (
            {"days-1": ["sun", "sat"], "from-1": ["20:00"], "until-1": ["00:00"]},
            [Window(("mon", "tue"), "09:00", "12:00"), Window(("sat", "sun"), "20:00", "00:00")],
        ),
    ],
)
def test_times_are_changed_added_and_taken_away(typed: dict[str, list[str]], expected: list[Window]) -> None:
    assert changes_of(dict(UNTOUCHED) | typed, SHOWN).windows == tuple(expected)


@pytest.mark.parametrize(
    "typed",
    [
        {"until-0": ["09:00"]},
        {"until-0": [""]},
        {"from-0": ["9 o'clock"]},
        {"from-0": ["09:00+01"]},
        {"from-0": ["24:00"]},
        {"from-0": ["25:00"]},
        {"days-1": ["sat"]},
        {"from-1": ["10:00"], "until-1": ["11:00"]},
        {"days-1": ["sat"], "from-1": ["10:00"]},
    ],
)
def test_times_that_cannot_be_meant_are_refused(typed: dict[str, list[str]]) -> None:
    with pytest.raises(FaultyTimes):
        changes_of(dict(UNTOUCHED) | typed, SHOWN)


def test_midnight_is_the_end_of_the_day() -> None:
    evening = {"days": ["fri"], "from": "18:00", "until": "24:00"}
    [window] = windows_of({"contact_windows": [evening]})
    assert window == Window(("fri",), "18:00", "00:00")
    assert window.to_json() == evening
    whole = {"days": ["fri"], "from": "00:00", "until": "24:00"}
    [window] = windows_of({"contact_windows": [whole]})
    assert window.to_json() == whole
    assert not changes_of({"days-0": ["fri"], "from-0": ["00:00"], "until-0": ["00:00"]}, {
        "topics": {}, "channels": {}, "windows": [[["fri"], "00:00", "00:00"]]
    })  # fmt: skip


def test_windows_that_cannot_be_read_are_left_out() -> None:
    windows = [MORNING, "nonsense", {"from": "x"}, {"days": 5, "from": "09:00", "until": "10:00"}]
    assert len(windows_of({"contact_windows": windows})) == 1
    assert windows_of({"contact_windows": "always"}) == ()
    assert choices(preferences={"contact_windows": [MORNING] * 21}).windows is None


def test_what_holds_is_shown() -> None:
    who = choices(
        traits={"email": "ada@example.com", "phone": "+49 171 1234567", "timezone": "Europe/Berlin"},
        preferences={"topics": {"wine": True}, "contact_windows": [MORNING]},
    )
    assert [(topic.key, wanted) for topic, wanted in who.topics] == [("news", True), ("wine", True)]
    assert [(one.channel, one.allowed, one.blocked) for one in who.channels] == [
        ("email", True, False),
        ("sms", False, False),
    ]
    assert (who.windows, who.zone) == ((Window(("mon", "tue"), "09:00", "12:00"),), "Europe/Berlin")
    assert choices().zone == "Asia/Tokyo"


@pytest.mark.parametrize(
    ("yields", "since", "expected"),
    [(True, 0, (False, False)), (True, -20, (True, False)), (False, -20, (False, True))],
)
def test_a_refused_address_is_shown_as_what_it_is(yields: bool, since: int, expected: tuple[bool, bool]) -> None:
    """One of the person's own yields to a consent that is newer; another one blocks the channel."""
    one = Suppression("", "any", yields, granted(days=since).at)
    [shown] = choices(lambda *_: (one,)).channels
    assert (shown.allowed, shown.blocked) == expected


def test_a_consent_that_has_expired_is_shown_as_none() -> None:
    expired = (granted(until=NOW),)
    assert [one.allowed for one in choices(consents=expired).channels] == [False]
    assert allowed(person(consents=expired), lambda *_: (), NOW) == []


def test_what_can_be_undone_is_what_was_allowed() -> None:
    who = person(
        traits={"email": "ada@example.com", "phone": "+49 171 1234567"},
        consents=(granted(channel="any"), granted("denied", channel="push", days=-5), granted(purpose="news")),
    )
    stopped = Suppression("", "stopped", True, NOW)
    found = allowed(who, lambda channel, _: (stopped,) if channel == "sms" else (), NOW)
    assert found == [("marketing", "email"), ("marketing", "webhook"), ("news", "email")]


@pytest.mark.parametrize(
    ("channel", "address", "expected"),
    [
        ("email", "ada.lovelace@example.co.uk", "a•••@e•••.uk"),
        ("email", "a@localhost", "a•••@l•••"),
        ("sms", "+49 171 1234567", "••• 67"),
        ("push", "a-long-token", ""),
    ],
)
def test_an_address_is_never_shown_in_full(channel: str, address: str, expected: str) -> None:
    assert masked(channel, address) == expected


def test_a_link_may_be_used_so_often_in_a_minute() -> None:
    turnstile = Turnstile(most=2, within=60)
    assert [turnstile.allows("a", at) for at in (0, 1, 2, 59, 60.5, 61.5, 62)] == [
        True,
        True,
        False,
        False,
        True,
        True,
        False,
    ]
    assert turnstile.allows("b", 2)
