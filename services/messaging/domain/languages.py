"""Which language to speak: the nearest there is to the one that somebody reads."""

import re
from collections.abc import Iterator

TAG = re.compile(r"[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8}){0,7}")
"""A language tag as people write it: `de`, `de-AT`, `zh_Hant_TW`."""


def normal_tag(tag: str) -> str:
    """The same for all spellings of a tag."""
    return tag.lower().replace("_", "-")


def nearest(locale: object) -> Iterator[str]:
    """The tag of a locale and its fallbacks, normal, the nearest first (RFC 4647, lookup); none of what is no locale.

    `de_AT.UTF-8` and `de_AT@euro`, as computers name them, are `de-AT`.
    """
    if not isinstance(locale, str):
        return
    tag = re.split("[.@]", locale.strip(), maxsplit=1)[0]
    if not TAG.fullmatch(tag):
        return
    parts = normal_tag(tag).split("-")
    while parts:
        yield "-".join(parts)
        parts.pop()
        if parts and len(parts[-1]) == 1:  # `x`, `u` …: only say what the next part is
            parts.pop()
