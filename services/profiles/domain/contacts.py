"""Contact points in the one form in which they are looked up."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import phonenumbers

CONTACTS = ("email", "phone")
MAX_LENGTH = 512


def normalise(namespace: str, value: str, region: str = "") -> str:
    """E-mail addresses in lower case; phone numbers as E.164 where they can be read so, else without spaces."""
    return _phone(value, region) if namespace == "phone" else value.strip().lower()


@lru_cache(maxsize=4096)
def _phone(value: str, region: str) -> str:
    try:
        number = phonenumbers.parse(value, region or None)
    except phonenumbers.NumberParseException:
        return "".join(value.split())
    if not phonenumbers.is_possible_number(number):
        return "".join(value.split())
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def contacts_of(traits: Mapping[str, Any], region: str = "") -> frozenset[tuple[str, str]]:
    """The (namespace, value) pairs under which a person with these traits is found."""
    found = {(key, normalise(key, _text(traits.get(key)), region)) for key in CONTACTS}
    return frozenset(pair for pair in found if 0 < len(pair[1]) <= MAX_LENGTH)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return ""
    return str(value) if isinstance(value, (str, int)) else ""
