"""Ready-made definitions about dates in people's lives."""

from services.segments.domain.templates_parameters import Days, Word
from services.segments.domain.templates_parts import around
from services.segments.domain.templates_shape import Template

_ANYBODY = "Whose date: self, partner, child or a word of yours; null: anybody's"


def _kind(default: str) -> Word:
    return Word("kind", "The kind of life event, as it is recorded with the profile", default)


def _days(before: str, after: str) -> tuple[Days, Days]:
    return Days("before", "From so long before the date", before), Days("after", "Until so long after it", after)


BIRTHDAY_WEEK = Template(
    "birthday-week",
    "Birthday week",
    "Whose birthday it is, or was a few days ago, or will be in a few days, by the date where they live. "
    "29 February is kept on 28 February in other years.",
    (Word("subject", _ANYBODY, "self", nullable=True), *_days("P3D", "P3D")),
    lambda subject, before, after: around("birthday", subject, before=before, after=after),
)
ANNIVERSARY = Template(
    "anniversary",
    "Anniversary",
    "A day that is kept every year, such as the one on which somebody became a customer, is near or just past. Record it as a "
    "life event that recurs yearly; the first day itself counts, too.",
    (_kind("customer_since"), Word("subject", _ANYBODY, None, nullable=True), *_days("P0D", "P6D")),
    lambda kind, subject, before, after: around(kind, subject, before=before, after=after),
)
NEW_BABY = Template(
    "new-baby",
    "New baby",
    "A child was born not long ago, or is about to be. Record the birth as a life event that does not recur.",
    (_kind("birth"), Word("subject", _ANYBODY, None, nullable=True), *_days("P0D", "P180D")),
    lambda kind, subject, before, after: around(kind, subject, before=before, after=after),
)
DEADLINE_SOON = Template(
    "deadline-soon",
    "Needs something by a date that is near",
    "A date by which somebody needs something (a renewal, an inspection, a wedding) comes up soon and has not passed. Record "
    "it as a life event.",
    (
        _kind("deadline"),
        Word("subject", _ANYBODY, None, nullable=True),
        Days("before", "From so long before the date until that day", "P14D"),
    ),
    lambda kind, subject, before: around(kind, subject, before=before, after=0),
)

DATES = (BIRTHDAY_WEEK, ANNIVERSARY, NEW_BABY, DEADLINE_SOON)
