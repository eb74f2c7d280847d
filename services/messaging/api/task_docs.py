"""Examples of tasks for the OpenAPI pages."""

from typing import Any

TAKEN: dict[str, Any] = {"by": "eva"}
DONE: dict[str, Any] = {"outcome": "reached"}
TASK: dict[str, Any] = {
    "id": "0195f3a0-7f00-7000-8000-000000000021",
    "campaign": "call-back",
    "profile_id": "0195f3a0-7f00-7000-8000-000000000003",
    "user_id": "ada",
    "title": "Call Ada about order 1003",
    "team": "phone",
    "state": "done",
    "overdue": False,
    "due_at": "2026-11-21T10:15:00Z",
    "expires_at": "2026-11-28T10:15:00Z",
    "created_at": "2026-11-21T10:00:00Z",
    "taken_by": "eva",
    "taken_at": "2026-11-21T10:04:00Z",
    "done_at": "2026-11-21T10:09:00Z",
    "outcome": "reached",
    "history": [
        {"what": "created", "at": "2026-11-21T10:00:00Z"},
        {"what": "taken", "at": "2026-11-21T10:04:00Z", "by": "eva"},
        {"what": "done", "at": "2026-11-21T10:09:00Z", "by": "eva", "outcome": "reached"},
    ],
}
