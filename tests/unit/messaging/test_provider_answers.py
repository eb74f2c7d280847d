"""What answers over HTTP say of a message, and how much a provider that fails is given."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.messaging.clients.posting import Carrying, Posting
from services.messaging.domain.answers import Accepted, NotNow, Rejected, Unsure
from services.messaging.domain.gate import OPENS_AFTER, Gate
from services.messaging.domain.provider_answers import Reply, fcm_answer, twilio_answer, wait_of, webhook_answer
from tests.unit.messaging.builders import NOW


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, Accepted("200")),
        (429, NotNow("429")),
        (503, NotNow("503")),
        (502, NotNow("502")),
        (401, NotNow("401")),
        (400, Rejected("400")),
        (301, Rejected("301")),
        (410, Rejected("410", bounced=True)),
    ],
)
def test_what_a_status_says(status: int, expected: Any) -> None:
    assert webhook_answer(Reply(status, {}), NOW) == expected


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, 21211, Rejected("400 21211", bounced=True)),
        (400, 21614, Rejected("400 21614", bounced=True)),
        (400, 21610, Rejected("400 21610", stopped=True)),
        (400, 21408, Rejected("400 21408")),
        (401, 20003, NotNow("401 20003")),
        (429, 20429, NotNow("429 20429")),
        (500, 20500, NotNow("500 20500")),
        (400, None, Rejected("400")),
        (400, "21211", Rejected("400")),
        (400, [21211], Rejected("400")),
        (502, None, Unsure("502")),
        (504, None, Unsure("504")),
        (503, None, NotNow("503")),
    ],
)
def test_what_twilios_errors_say(status: int, code: Any, expected: Any) -> None:
    assert twilio_answer(Reply(status, {"code": code}), NOW) == expected


def test_twilio_names_what_it_took() -> None:
    assert twilio_answer(Reply(201, {"sid": "SM1"}), NOW) == Accepted("SM1")


def fcm(status: int, code: str | None, name: str = "X") -> Reply:
    details = [] if code is None else [{"@type": "…"}, {"errorCode": code}]
    return Reply(status, {"error": {"code": status, "status": name, "details": details}})


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(200, {"name": "projects/a/messages/1"}), Accepted("projects/a/messages/1")),
        (fcm(404, "UNREGISTERED"), Rejected("404 UNREGISTERED", bounced=True)),
        (fcm(400, "INVALID_ARGUMENT"), Rejected("400 INVALID_ARGUMENT")),
        (fcm(403, "SENDER_ID_MISMATCH"), Rejected("403 SENDER_ID_MISMATCH")),
        (fcm(429, "QUOTA_EXCEEDED"), NotNow("429 QUOTA_EXCEEDED")),
        (fcm(503, "UNAVAILABLE"), NotNow("503 UNAVAILABLE")),
        (fcm(500, "INTERNAL"), NotNow("500 INTERNAL")),
        (fcm(401, None, "UNAUTHENTICATED"), NotNow("401 UNAUTHENTICATED")),
        (Reply(502, {}), Unsure("502")),
        (Reply(504, {}), Unsure("504")),
        (fcm(504, None, "DEADLINE_EXCEEDED"), Unsure("504 DEADLINE_EXCEEDED")),
        (Reply(404, {"error": "?"}), Rejected("404")),
        (Reply(404, {"error": {"details": "?"}}), Rejected("404")),
    ],
)
def test_what_fcms_errors_say(reply: Reply, expected: Any) -> None:
    assert fcm_answer(reply, NOW) == expected


@pytest.mark.parametrize(
    ("said", "wait"),
    [
        (None, None),
        ("30", timedelta(seconds=30)),
        ("-5", timedelta()),
        ("999999999999999999999", None),
        ("9999999", timedelta(days=1)),
        ("Tue, 10 Mar 2026 12:01:00 GMT", timedelta(minutes=1)),
        ("Tue, 10 Mar 2026 11:00:00 GMT", timedelta()),
        ("soon", None),
    ],
)
def test_how_long_a_provider_asks_to_wait(said: str | None, wait: timedelta | None) -> None:
    assert wait_of(said, NOW) == wait


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (httpx.ConnectError, NotNow),
        (httpx.ConnectTimeout, NotNow),
        (httpx.ReadTimeout, Unsure),
        (httpx.RemoteProtocolError, Unsure),
        (httpx.WriteError, Unsure),
    ],
)
async def test_only_a_failure_before_anything_was_said_is_certain(error: Any, expected: Any) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise error("x", request=request)

    posting = Posting(Carrying(1, 1), now=lambda: NOW, transport=httpx.MockTransport(fail))
    assert isinstance(await posting.post("http://x/", b"", {}, webhook_answer), expected)
    await posting.close()


# --- the gate


def failed(gate: Gate, times: int, now: float) -> Gate:
    for _ in range(times):
        gate = gate.answered(well=False, now=now)
    return gate


def test_a_provider_that_fails_again_and_again_is_left_alone_for_a_while() -> None:
    gate = failed(Gate(), OPENS_AFTER - 1, 10)
    assert gate.allowed(10) is None
    gate = failed(gate, 1, 10)
    assert (gate.allowed(10.9), gate.allowed(11)) == (0, 1), "then it is tried with one"
    gate = failed(gate, 1, 11)
    assert (gate.allowed(12.9), gate.allowed(13)) == (0, 1), "each time for longer"
    assert failed(gate, 30, 13).allowed(74) == 1, "but never for long"
    assert gate.answered(well=True, now=13).allowed(13) is None


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(0, 5)), max_size=40), st.sampled_from([0.5, 2, 7.5]))
def test_a_rate_is_never_exceeded(asked: list[tuple[float, int]], per_second: float) -> None:
    gate, now, given_at = Gate(per_second), 0.0, list[float]()
    for pause, wanted in asked:
        now += pause
        count = min(wanted, gate.allowed(now) or 0)
        gate = gate.given(count, now)
        given_at += [now] * count
    for start in given_at:
        within = sum(1 for at in given_at if start <= at < start + 10)
        assert within <= 10 * per_second + max(1.0, per_second) + 1e-6


def test_what_others_give_it_is_not_this_workers_to_give() -> None:
    gate = Gate(10.0)
    assert gate.at_rate(2.5).allowed(4) == 2
