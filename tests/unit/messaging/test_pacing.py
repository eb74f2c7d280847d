"""The rate of a campaign: never more in any minute, shared by the lanes that workers hold, and nothing lost by waiting."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.messaging.domain.campaign_reading import parse_definition
from services.messaging.domain.triggers import fired_by_time
from services.messaging.service.pacing import Pacing
from shared.language.errors import ConditionError
from tests.unit.messaging.builders import NOW, campaign


class Run:
    """Workers that look every now and then and send whatever they may."""

    def __init__(self, rate: int, *shares: float) -> None:
        self.now = 1000.0
        self.campaign = campaign(rate=rate)
        self.workers = [Pacing(share=lambda share=share: share, elapsed=lambda: self.now) for share in shares]  # type: ignore[misc]
        self.sent: list[float] = []

    def look(self, every: float, times: int) -> None:
        for _ in range(times):
            for worker in self.workers:
                room = worker.room(self.campaign)
                assert room is not None
                worker.given([self.campaign.id] * room)
                self.sent += [self.now] * room
            self.now += every

    def most_in_a_minute(self) -> int:
        return max(sum(1 for other in self.sent if at <= other < at + 60) for at in set(self.sent))


@pytest.mark.parametrize("every", [0.05, 0.7, 1.3, 20.0])
@pytest.mark.parametrize("rate", [2, 30, 60, 61, 600])
def test_no_minute_has_more_than_the_rate(rate: int, every: float) -> None:
    run = Run(rate, 1.0)
    run.look(every, int(300 / every))
    assert run.most_in_a_minute() <= rate


@pytest.mark.parametrize("rate", [600, 6000])
def test_nearly_all_of_the_rate_is_used(rate: int) -> None:
    run = Run(rate, 0.5, 0.5)
    run.look(0.9, 200)
    assert 0.9 * rate * 3 <= len(run.sent) <= rate * 3


def test_who_was_idle_has_saved_up_two_seconds_at_most() -> None:
    run = Run(6000, 1.0)
    run.look(1, 1)
    run.now += 3600
    run.look(1, 1)
    assert len(run.sent) <= 200


def test_without_a_rate_there_is_none() -> None:
    assert Pacing(share=lambda: 1.0).room(campaign()) is None


def test_no_rate_makes_a_message_stale() -> None:
    one = campaign(rate=30, trigger={"segment": "vip", "at": NOW.isoformat()})
    fired = fired_by_time(one, "vip", NOW, [(UUID(int=n), None) for n in range(3)], before=60)
    assert [each.due_at - NOW for each in fired] == [timedelta(seconds=s) for s in (240, 244, 248)]
    assert {each.look_at for each in fired} == {NOW}


@pytest.mark.parametrize(("rate", "workers"), [(2, 1), (2, 2), (30, 16), (60, 4), (600, 1)])
def test_of_a_broadcast_each_is_sent_by_when_it_is_due_however_many_share_the_rate(rate: int, workers: int) -> None:
    """But for what it takes each of them to save up a first message."""
    one = campaign(rate=rate, trigger={"segment": "vip", "at": NOW.isoformat()})
    run = Run(rate, *(1 / workers for _ in range(workers)))
    began = run.now
    run.look(1.0, 1200)
    fired = fired_by_time(one, "vip", NOW, [(UUID(int=n), None) for n in range(len(run.sent))])
    late = [at - began - (each.due_at - NOW).total_seconds() for at, each in zip(run.sent, fired, strict=True)]
    assert max(late) <= 120 * workers / rate + 1


@pytest.mark.parametrize("rate", [0, -1, 1.5, True, "60", None])
def test_a_rate_is_a_whole_number(rate: Any) -> None:
    body = {"key": "k", "template": "t", "purpose": "p", "trigger": {"event": "x"}, "rate": rate}
    with pytest.raises(ConditionError):
        parse_definition(body)
