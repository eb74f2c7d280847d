"""The words of our own pages, a file for each language; to add one is to add a language."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from services.messaging.domain.languages import nearest

DEFAULT = "en"


@dataclass(frozen=True, slots=True)
class Words:
    """What our pages say in one language. `locale`: what names in several languages are chosen by."""

    language: str
    locale: str
    texts: Mapping[str, str]

    def __call__(self, name: str, **values: str) -> str:
        return self.texts[name].format(**values)


@cache
def languages() -> Mapping[str, Mapping[str, str]]:
    """Every language there is, with its texts."""
    files = (file for file in resources.files(__name__).iterdir() if file.name.endswith(".toml"))
    return {file.name.removesuffix(".toml"): tomllib.loads(file.read_text(encoding="utf-8")) for file in files}


def words_for(*locales: object) -> Words:
    """In the first language that there is, by locales and their fallbacks, the most wanted first; else in English."""
    for locale in locales:
        for tag in nearest(locale):
            if tag in languages():
                return Words(tag, str(locale), languages()[tag])
    return Words(DEFAULT, DEFAULT, languages()[DEFAULT])


def accepted(header: str | None) -> Iterable[str]:
    """The languages of an Accept-Language header, the most wanted first (RFC 9110)."""
    wanted = []
    for position, part in enumerate((header or "")[:1000].split(",")):
        tag, _, quality = part.partition(";")
        weight = _weight(quality)
        if tag.strip() and weight > 0:
            wanted.append((-weight, position, tag.strip()))
    return [tag for _, _, tag in sorted(wanted)]


def _weight(quality: str) -> float:
    try:
        return float(quality.split("=", 1)[1]) if "=" in quality else 1.0
    except ValueError:
        return 0.0
