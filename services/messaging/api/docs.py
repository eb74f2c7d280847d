"""Examples and shapes for the OpenAPI pages; bodies are read by the domain itself, with exact numbers and paths of faults."""

from typing import Any

TEMPLATE: dict[str, Any] = {
    "key": "welcome-back",
    "channel": "email",
    "subject": "{{ profile.traits.first_name | default: 'Hello' }}, good to see you again",
    "body": "<p>Hi {{ profile.traits.first_name | default: 'there' }}!</p><p><a href=\"{{ unsubscribe_url }}\">Unsubscribe</a></p>",
    "locales": {
        "de": {
            "subject": "{{ profile.traits.first_name | default: 'Hallo' }}, schön, dass Sie wieder da sind",
            "body": '<p>Guten Tag!</p><p><a href="{{ unsubscribe_url }}">Abbestellen</a></p>',
        }
    },
}
CAMPAIGN: dict[str, Any] = {
    "key": "win-back",
    "trigger": {"segment": "lapsed", "on": "entered"},
    "template": "welcome-back",
    "purpose": "marketing",
    "delay": "PT1H",
    "holdout": 0.1,
    "goal": {"event": "Order Completed", "within": "P7D", "revenue": "total"},
    "reentry": "P90D",
}
CAMPAIGN_SHOWN: dict[str, Any] = CAMPAIGN | {
    "id": "0195f3a0-7f00-7000-8000-000000000001",
    "status": "running",
    "started_at": "2026-11-21T09:00:00Z",
    "created_at": "2026-11-21T08:00:00Z",
    "updated_at": "2026-11-21T09:00:00Z",
}
DECISION: dict[str, Any] = {
    "id": "0195f3a0-7f00-7000-8000-000000000002",
    "profile_id": "0195f3a0-7f00-7000-8000-000000000003",
    "user_id": "ada",
    "campaign": "win-back",
    "decision": "skipped",
    "reason": "frequency_cap",
    "facts": {"cap": {"purpose": "marketing", "max": 3, "within": "P7D"}, "sent": 3},
    "variant": None,
    "delivery_id": None,
    "at": "2026-11-21T10:00:00Z",
}
MAIL: dict[str, Any] = {
    "id": "0195f3a0-7f00-7000-8000-000000000004",
    "channel": "email",
    "to": "ada@example.com",
    "subject": "Ada, good to see you again",
    "text": "Hi Ada!\n",
    "html": "<p>Hi Ada!</p>",
    "headers": {
        "List-Unsubscribe": "<http://127.0.0.1:8004/unsubscribe/…>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    },
    "locale": None,
    "profile_id": "0195f3a0-7f00-7000-8000-000000000003",
    "campaign": "win-back",
    "at": "2026-11-21T10:00:00Z",
}
DELIVERY: dict[str, Any] = {
    "id": "0195f3a0-7f00-7000-8000-000000000004",
    "profile_id": "0195f3a0-7f00-7000-8000-000000000003",
    "campaign": "win-back",
    "channel": "email",
    "purpose": "marketing",
    "template": "welcome-back",
    "template_version": 1,
    "to": "ada@example.com",
    "locale": "de",
    "provider": "smtp",
    "status": "sent",
    "answer": "2.0.0 OK",
    "at": "2026-11-21T10:00:00Z",
    "events": [
        {"kind": "delivered", "at": "2026-11-21T10:00:03Z", "machine_reason": None},
        {
            "kind": "clicked",
            "at": "2026-11-21T11:20:00Z",
            "machine_reason": None,
            "url": "https://shop.example/new",
            "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        },
    ],
}
SUPPRESSION: dict[str, Any] = {"channel": "email", "address": "ada@example.com", "reason": "asked by phone"}
SUPPRESSION_SHOWN: dict[str, Any] = SUPPRESSION | {
    "id": "0195f3a0-7f00-7000-8000-000000000005",
    "purpose": None,
    "created_at": "2026-11-21T10:00:00Z",
}
SETTINGS: dict[str, Any] = {
    "frequency_caps": [{"purpose": "marketing", "channel": "email", "max": 3, "within": "P7D"}],
    "quiet_hours": {"from": "21:00", "until": "08:00"},
    "topics": [
        {"key": "news", "name": {"en": "News", "de": "Neues"}, "default": "opt_out"},
        {"key": "wine", "name": {"en": "Wine", "de": "Wein"}, "default": "opt_in"},
    ],
}
REPORT: dict[str, Any] = {
    "campaign": "win-back",
    "effect": {
        "in_words": "Of 90 told, 9 (10.0 %) did “Order Completed”. Of 10 held out, 0 (0.0 %) did “Order Completed”. The difference is "
        "+10.0 percentage points (95 %: -18.1 to +17.9): this shows no effect. To show an effect of this size, about 615 more "
        "people are needed.",
        "told": {
            "people": 90,
            "converted": 9,
            "conversion_rate": 0.1,
            "revenue_per_person": 5.005556,
            "average_order_value": 50.055556,
        },
        "held_out": {
            "people": 10,
            "converted": 0,
            "conversion_rate": 0,
            "revenue_per_person": 0,
            "average_order_value": None,
        },
        "shown": False,
        "difference": 0.1,
        "difference_interval": [-0.1814, 0.179242],
        "lift": None,
        "lift_interval": None,
        "revenue_difference": 5.005556,
        "revenue_interval": None,
        "people_needed": 615,
        "variants": {},
    },
    "attributed": {"model": "last_touch", "in_words": "…", "conversions": 8, "revenue": 400.5},
    "messages": {
        "delivered": 88,
        "bounced": 2,
        "bounced_for_good": 1,
        "complained": 0,
        "unsubscribed": 1,
        "opened": 40,
        "opened_by_machines_only": 21,
        "clicked": 12,
        "clicked_by_machines_only": 3,
    },
    "winner": None,
    "triggers": 120,
    "decisions": {"sent": 90, "held_out": 10, "skipped": 20},
    "reasons": {"sent": 90, "holdout": 10, "no_consent": 20},
    "variants": {"welcome-back": {"sent": 90, "conversions": 9, "revenue": 450.5}},
    "holdout": {"held_out": 10, "conversions": 0, "revenue": 0},
    "sent": {"sent": 90, "conversions": 9, "revenue": 450.5},
}
PROGRESS: dict[str, Any] = {
    "campaign": "win-back",
    "status": "running",
    "taken": 4200,
    "audience": 4200,
    "expected": None,
    "remaining": 1300,
    "waiting": {"due": 284, "sending": 16, "local_time": 1000},
    "outcomes": {"sent": 2700, "skipped": 200},
    "reasons": {"sent": 2700, "no_consent": 200},
}
CONTROL_REPORT: dict[str, Any] = {
    "since": "2026-08-23T10:00:00Z",
    **{name: value for name, value in REPORT["effect"].items() if name not in ("held_out", "variants")},
    "control_group": REPORT["effect"]["held_out"],
}
PREVIEW: dict[str, Any] = {"profile_id": "0195f3a0-7f00-7000-8000-000000000003", "context": {"order_id": "42"}}
PREVIEW_SHOWN: dict[str, Any] = {
    "channel": "email",
    "version": 1,
    "locale": None,
    "subject": "Hello, Ada",
    "text": "Hi Ada!\n",
    "html": "<p>Hi Ada!</p>",
}
DECISION_OF: dict[str, Any] = {
    "profile_id": "0195f3a0-7f00-7000-8000-000000000003",
    "user_id": "ada",
    "decision": "skipped",
    "reason": "no_consent",
    "facts": {"purpose": "marketing", "consents": {"email": None}},
}
DRY_RUN: dict[str, Any] = {"limit": 1000}
DRY_RUN_SHOWN: dict[str, Any] = {
    "campaign": "win-back",
    "segment": "lapsed",
    "as_of": "2026-11-21T10:00:00Z",
    "looked_at": 2,
    "of": 2,
    "decisions": {"sent": 1, "skipped": 1},
    "reasons": {"sent": 1, "no_consent": 1},
    "items": [DECISION_OF],
    "next": None,
}
BACKTEST: dict[str, Any] = {"campaign": CAMPAIGN, "since": "P30D"}
BACKTEST_SHOWN: dict[str, Any] = {
    "campaign": "win-back",
    "since": "2026-11-20T10:00:00Z",
    "until": "2026-11-21T10:00:00Z",
    "complete": True,
    "triggers": 120,
    "decisions": {"sent": 90, "skipped": 20, "held_out": 10},
    "reasons": {"sent": 90, "no_consent": 20, "holdout": 10},
    "waited": {"quiet_hours": 31},
    "days": [
        {"day": "2026-11-20", "sent": 50, "held_out": 6, "not_sent": 12},
        {"day": "2026-11-21", "sent": 40, "held_out": 4, "not_sent": 8},
    ],
    "people": {"triggered": 110, "messaged": 85},
    "per_person": {"max": 2, "mean": 1.06, "histogram": {"1": 80, "2": 5}},
    "sample": [{**DECISION_OF, "at": "2026-11-20T12:00:00Z"}],
    "assumptions": ["The campaign ran all the time, and every message was taken by its provider at once."],
}
TEST: dict[str, Any] = PREVIEW | {"to": "me@shop.example"}
TEST_SHOWN: dict[str, Any] = {
    "id": "0195f3a0-7f00-7000-8000-000000000006",
    "channel": "email",
    "version": 1,
    "locale": None,
    "to": "me@shop.example",
    "provider": "smtp",
    "status": "sent",
    "answer": "2.0.0 OK",
}
CHECK: dict[str, Any] = {"segment": "vip", "context": {"order_id": "42"}, "limit": 1000}
CHECK_SHOWN: dict[str, Any] = {
    "segment": "vip",
    "channel": "email",
    "version": 1,
    "looked_at": 1000,
    "of": 4200,
    "people": 1,
    "missing": {"profile.traits.city": 1},
    "items": [
        {
            "profile_id": "0195f3a0-7f00-7000-8000-000000000003",
            "user_id": "ada",
            "locale": None,
            "missing": ["profile.traits.city"],
            "error": None,
        }
    ],
}


def body(example: dict[str, Any], required: tuple[str, ...] = ()) -> dict[str, Any]:
    """`openapi_extra` of a route with this JSON body."""
    schema = {"type": "object", "required": list(required), "example": example}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def answers(example: Any, *, status: int = 200, also: dict[int, str] | None = None) -> dict[int | str, dict[str, Any]]:
    """`responses` of a route: the good answer by example, and its refusals (problem+json)."""
    good: dict[int | str, dict[str, Any]] = {
        status: {"description": "Done", "content": {"application/json": {"example": example}}}
    }
    for code, description in (also or {}).items():
        good[code] = {"description": description, "content": {"application/problem+json": {}}}
    return good


def items(example: dict[str, Any], *, also: dict[int, str] | None = None) -> dict[int | str, dict[str, Any]]:
    """`responses` of a list."""
    return answers({"items": [example], "next": None}, also=also)
