"""`kill -9` of whole processes of messaging while people enter, wait, branch, leave and become one: everybody walks exactly once, and
each step that sends has made exactly one message."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from services.messaging.domain.journey import Journey, Send
from services.messaging.domain.journey_reading import parse_journey
from services.messaging.domain.walking import Facts, enter, walk
from shared.plumbing import json
from tests.services.messaging.conftest import Messaging
from tests.services.messaging.journeys import ENTRY, begin, go
from tests.support.groups import run_group

STEPS = (
    {"send": "hello"},
    {"wait": "PT1S"},
    {
        "branch": [
            {"if": {"trait": "plan", "op": "=", "value": "gold"}, "steps": [{"send": "gold"}]},
            {"if": {"trait": "plan", "op": "=", "value": "none"}, "steps": [{"exit": True}]},
        ],
        "else": [{"send": "plain"}],
    },
    {
        "wait_for": {"event": "Order Completed"},
        "at_most": "PT2S",
        "then": [{"send": "thanks"}],
        "else": [{"send": "reminder"}],
    },
    {"wait": "P1D"},
    {"send": "last"},
)
DEFINITION = parse_journey({"key": "welcome", "entry": ENTRY, "steps": list(STEPS)})
PLANS = ("gold", "plain", "none")
ROUNDS = 9
"""In each five enter: one who does nothing, one who buys, one who cancels, and two who become one."""


def second(number: float) -> timedelta:
    return timedelta(seconds=number)


class Story:
    """Who enters when and what comes of them, as the neighbours will tell it. `plans`: of those who enter."""

    def __init__(self, messaging: Messaging) -> None:
        self.near, self.begins_at = messaging.near, datetime.now(UTC) + second(1)
        self.plans: dict[UUID, str] = {}
        self.idle: set[UUID] = set()
        self.cancelling: set[UUID] = set()
        self.losers: dict[UUID, UUID] = {}
        self.told: list[tuple[datetime, Any]] = []
        for number in range(ROUNDS):
            plan, at = PLANS[number % len(PLANS)], self.begins_at + second(number / 3)
            soon = second(0.5 + number % 8 / 10)
            self.idle.add(self._enters(plan, at))
            self._event(self._enters(plan, at), "Order Completed", at + second(2))
            self.cancelling.add(who := self._enters(plan, at))
            self._event(who, "Cancelled", at + soon)
            self._become_one(self._enters(plan, at), self._enters(plan, at + second(0.1)), at + soon)
        self.told.sort(key=lambda one: one[0])
        self.near.feeds["profiles"].clear()
        for _, message in self.told:
            self.near.tell("profiles", message)

    def _enters(self, plan: str, at: datetime) -> UUID:
        who = self.near.add_person(traits={"email": f"p{len(self.plans)}@example.com", "plan": plan})
        self.plans[who] = plan
        self._event(who, "Signed Up", at)
        return who

    def _event(self, who: UUID, name: str, at: datetime) -> None:
        self.told.append((at, self.near.event(who, name, at)))

    async def goes_on(self, messaging: Messaging) -> None:
        """When nobody dies any more: how the others end may be a matter of how fast they were."""
        at = messaging.clock.now()
        survivor, loser, who = [self._enters("gold", at) for _ in range(3)]
        self.cancelling.add(who)
        await messaging.settle()
        at = messaging.clock.now()
        self._become_one(survivor, loser, at)
        self._event(who, "Cancelled", at)
        await messaging.settle()

    def _become_one(self, survivor: UUID, loser: UUID, at: datetime) -> None:
        self.losers[loser] = survivor
        self.told.append((at, self.near.merge(loser, survivor, at)))

    def to_json(self, url: str) -> bytes:
        people = {str(key): one for key, one in self.near.people.items()}
        merged = {str(loser): str(survivor) for loser, survivor in self.losers.items()}
        return json.dumps({"url": url, "people": people, "merged": merged, "story": self.told})


def way(plan: str, *, answered: bool) -> list[str]:
    """The places that somebody passes whom nothing takes out, by the functions alone."""
    facts = Facts({"plan": plan}, frozenset(), ZoneInfo("UTC"))
    at = datetime(2026, 1, 1, tzinfo=UTC)
    journey = Journey(UUID(int=1), "welcome", "running", 1, ((at, None),), {1: DEFINITION})
    run = enter(journey, UUID(int=2), UUID(int=3), entry_id="e", at=at, begins_at=at)
    while run.next_at is not None:
        run = walk(replace(run, answered=answered), DEFINITION, facts, at=run.next_at).run
    return [stop.step for stop in run.path]


async def walk_and_die(story: Story, messaging: Messaging, directory: Path) -> None:
    file = directory / "story.json"
    file.write_bytes(story.to_json(messaging.url))
    await run_group("tests.services.messaging.walkers", file, seconds=120)


def check_runs(story: Story, runs: list[asyncpg.Record]) -> None:
    """Each in one way of their plan, to its end unless something took them out; of two who are one, one went on."""
    ways = {plan: {answered: way(plan, answered=answered) for answered in (False, True)} for plan in PLANS}
    by_person: dict[UUID, list[asyncpg.Record]] = {story.losers.get(who, who): [] for who in story.plans}
    for run in runs:
        by_person[run["profile_id"]].append(run)
    for who, theirs in by_person.items():
        allowed = ways[story.plans[who]]
        entered = 2 if who in story.losers.values() else 1
        assert 1 <= len(theirs) <= entered, f"{len(theirs)} runs of {entered} who entered"
        assert sum(run["reason"] == "finished" for run in theirs) <= 1, "somebody was doubled"
        for run in theirs:
            path = [step for step, _ in json.loads(run["path"])]
            assert run["next_at"] is None
            if run["reason"] in ("finished", "exit"):
                assert path in ([allowed[False]] if who in story.idle else list(allowed.values()))
            else:
                assert run["reason"] == ("exit_event" if who in story.cancelling else "merged")
                assert any(path == one[: len(path)] for one in allowed.values())
        assert any(run["reason"] != "merged" for run in theirs), "nobody went on"


def check_sends(runs: list[asyncpg.Record], sends: list[asyncpg.Record]) -> None:
    """Of each step that was passed and sends there is one, and it was sent, unless something took the person out before."""
    reasons = {str(run["id"]): run["reason"] for run in runs}
    passed = Counter(
        (str(run["id"]), step)
        for run in runs
        for step, _ in json.loads(run["path"])
        if isinstance(DEFINITION.steps[step].step, Send)
    )
    assert Counter(tuple(send["trigger_id"].split("\x1f")) for send in sends) == passed
    for send in sends:
        taken_out = reasons[send["trigger_id"].split("\x1f")[0]] not in ("finished", "exit")
        assert send["decision"] == "sent" or (taken_out and send["reason"] == "journey_exited"), dict(send)
        assert send["mails"] == (1 if send["decision"] == "sent" else 0)


@pytest.mark.once
async def test_everybody_walks_once_and_each_step_makes_one_message(messaging: Messaging, tmp_path: Path) -> None:
    await begin(messaging, *STEPS, exit_on={"event": "Cancelled"})
    await messaging.stop()
    story = Story(messaging)
    await walk_and_die(story, messaging, tmp_path)
    walked = await messaging.rows("SELECT count(*) FROM journey_runs WHERE path <> '[]'")
    assert walked[0][0] > 0, "they walked while others died"
    messaging.clock.step(second(60))  # the leases of the dead are over
    await messaging.start()
    await messaging.settle()
    await story.goes_on(messaging)
    for _ in range(3):  # over one wait after the other
        await go(messaging, timedelta(days=2))
    runs = await messaging.rows("SELECT * FROM journey_runs")
    check_runs(story, runs)
    sends = await messaging.rows(
        """SELECT trigger_id, decision, reason, (SELECT count(*) FROM deliveries WHERE send_id = sends.id) AS mails
           FROM sends"""
    )
    check_sends(runs, sends)
    assert len(await messaging.mailbox()) == sum(send["mails"] for send in sends)
    assert {run["reason"] for run in runs} == {"finished", "exit", "exit_event", "merged"}
