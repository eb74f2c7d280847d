"""What the purchase log does not say, made up from a fixed seed: names, addresses, birthdays, consents.

Every profile carries the trait `made_up` that lists these, so that nobody takes them for facts.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

SEED = 1997
FIRST_NAMES = (
    "Ada",
    "Ben",
    "Chloe",
    "Dev",
    "Emma",
    "Femi",
    "Grace",
    "Hugo",
    "Ines",
    "Jun",
    "Kofi",
    "Lena",
    "Mia",
    "Noor",
)
ZONES = ("Europe/Berlin", "America/New_York", "America/Los_Angeles", "Asia/Tokyo", "Europe/London")


@dataclass(frozen=True, slots=True)
class Person:
    """A customer with what was made up. `consent`: granted, denied, or None for never asked."""

    customer: str
    traits: dict[str, Any]
    consent: str | None


def make_people(customers: Iterable[str], *, today: date) -> list[Person]:
    """The same people for the same customers and day, every time."""
    return [_make_person(customer, today) for customer in sorted(set(customers))]


def _make_person(customer: str, today: date) -> Person:
    dice = random.Random(f"{SEED}:{customer}")
    born = date(today.year - 20, 1, 1) - timedelta(days=dice.randrange(45 * 365))
    traits: dict[str, Any] = {
        "first_name": dice.choice(FIRST_NAMES),
        "birthday": born.isoformat(),
        "timezone": dice.choice(ZONES),
        "made_up": ["first_name", "birthday", "timezone", "email", "consent"],
    }
    if dice.random() < 0.95:
        traits["email"] = f"{customer}@example.com"
    return Person(customer, traits, dice.choices(("granted", "denied", None), (70, 10, 20))[0])
