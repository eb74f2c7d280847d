"""Examples of journeys for the OpenAPI pages."""

from typing import Any

JOURNEY: dict[str, Any] = {
    "key": "welcome",
    "entry": {"event": "Signed Up"},
    "steps": [
        {"send": "welcome-mail"},
        {
            "wait_for": {"event": "Order Completed"},
            "at_most": "P3D",
            "then": [{"exit": True}],
            "else": [{"wait_until": "09:00", "days": ["mon", "tue", "wed", "thu", "fri"]}, {"send": "first-order"}],
        },
    ],
    "goal": {"event": "Order Completed"},
}
JOURNEY_SHOWN: dict[str, Any] = JOURNEY | {
    "id": "0195f3a0-7f00-7000-8000-000000000011",
    "version": 1,
    "status": "running",
    "started_at": "2026-11-21T09:00:00Z",
    "created_at": "2026-11-21T08:00:00Z",
    "updated_at": "2026-11-21T09:00:00Z",
}
REPORT: dict[str, Any] = {
    "journey": "welcome",
    "status": "running",
    "version": 1,
    "entered": 120,
    "walking": 45,
    "ended": {"finished": 50, "goal": 25},
    "steps": [
        {"version": 1, "step": "0", "kind": "send", "send": "welcome-mail", "reached": 120, "here": 0},
        {"version": 1, "step": "1", "kind": "wait_for", "reached": 120, "here": 40},
        {"version": 1, "step": "1.then.0", "kind": "exit", "reached": 0, "here": 0},
        {"version": 1, "step": "1.else.0", "kind": "wait_until", "reached": 55, "here": 5},
        {"version": 1, "step": "1.else.1", "kind": "send", "send": "first-order", "reached": 50, "here": 0},
    ],
}
RUN: dict[str, Any] = {
    "id": "0195f3a0-7f00-7000-8000-000000000012",
    "profile_id": "0195f3a0-7f00-7000-8000-000000000003",
    "user_id": "ada",
    "version": 1,
    "instance": None,
    "entered_at": "2026-11-21T10:00:00Z",
    "step": "1",
    "since": "2026-11-21T10:00:00Z",
    "next_at": "2026-11-24T10:00:00Z",
    "ended_at": None,
    "reason": None,
    "path": [{"step": "0", "at": "2026-11-21T10:00:00Z"}, {"step": "1", "at": "2026-11-21T10:00:00Z"}],
}
VERSION: dict[str, Any] = {"version": 1, "created_at": "2026-11-21T08:00:00Z", "definition": JOURNEY}
