"""What the demo sets up: segments, templates, campaigns."""

from typing import Any

TOTAL_100 = {"spend": "total", "op": ">=", "value": 100}
TOTAL_250 = {"spend": "total", "op": ">=", "value": 250}

SEGMENTS: tuple[dict[str, Any], ...] = (
    {"key": "demo-spent-100", "name": "Spent 100 or more", "condition": TOTAL_100},
    {"key": "demo-spent-250", "name": "Spent 250 or more", "condition": TOTAL_250},
    {
        "key": "demo-spent-50-in-90-days",
        "name": "Spent over 50 within 90 days",
        "condition": {"spend": "total", "within": "P90D", "op": ">", "value": 50},
    },
    {
        "key": "demo-lapsed",
        "name": "Lapsed: bought before, nothing for 180 days",
        "condition": {
            "all": [
                {"event": "Order Completed", "op": ">=", "value": 1},
                {"event": "Order Completed", "within": "P180D", "op": "=", "value": 0},
            ]
        },
    },
    {
        "key": "demo-birthday-week",
        "name": "Birthday within a week",
        "condition": {"life_event": "birthday", "subject": "self", "from": "-P6D", "until": "P0D"},
    },
)

TEMPLATES: tuple[dict[str, Any], ...] = (
    {
        "key": "demo-thanks",
        "channel": "email",
        "subject": "Thank you, {{ profile.traits.first_name | default: 'music lover' }}",
        "body": "<p>You have spent more than 100 dollars with us. Your next delivery is on us.</p>"
        '<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p>',
    },
    {
        "key": "demo-birthday",
        "channel": "email",
        "subject": "Happy birthday, {{ profile.traits.first_name | default: 'you' }}!",
        "body": '<p>A song for your day is waiting for you.</p><p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p>',
    },
)

CAMPAIGNS: tuple[dict[str, Any], ...] = (
    {
        "key": "demo-thanks-for-100",
        "trigger": {"segment": "demo-spent-100", "on": "entered"},
        "template": "demo-thanks",
        "channel": "email",
        "purpose": "marketing",
    },
    {
        "key": "demo-birthday-greeting",
        "trigger": {"segment": "demo-birthday-week", "on": "entered"},
        "template": "demo-birthday",
        "channel": "email",
        "purpose": "marketing",
    },
)
