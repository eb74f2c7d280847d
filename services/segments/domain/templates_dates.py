"""Ready-made definitions about dates and changes in people's lives."""

from services.segments.domain.templates_parameters import Days, Span, Word
from services.segments.domain.templates_parts import around, around_trait, changed
from services.segments.domain.templates_shape import Template

_ANYBODY = "Whose date: self, partner, child or a word of yours; null: anybody's"


def _kind(default: str) -> Word:
    return Word("kind", "The kind of life event, as it is recorded with the profile", default)


def _trait(default: str) -> Word:
    return Word("trait", "The trait with the date, such as 2026-03-31; a path", default)


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
CUSTOMER_ANNIVERSARY = Template(
    "customer-anniversary",
    "Anniversary of a date in a trait",
    "The day of the year on which somebody became a customer, kept in a trait, is near or just past. The first day itself counts, "
    "too.",
    (_trait("customer_since"), *_days("P0D", "P6D")),
    lambda trait, before, after: around_trait(trait, before=before, after=after, recurs="yearly"),
)
RENEWAL_SOON = Template(
    "renewal-soon",
    "Renewal soon",
    "A date kept in a trait, such as the end of a contract, comes up soon and has not passed.",
    (_trait("renews_on"), Days("before", "From so long before the date until that day", "P30D")),
    lambda trait, before: around_trait(trait, before=before, after=0),
)
MOVED = Template(
    "moved",
    "Moved",
    "Lives somewhere else since not long ago: the trait had a value and got another one.",
    (
        Word("trait", "Where they live; a path", "address.city"),
        Span("within", "The change is not longer ago", "P30D"),
        Word("moved_from", "Lived there before; null: anywhere", None, nullable=True),
        Word("moved_to", "Lives there now; null: anywhere", None, nullable=True),
    ),
    lambda trait, within, moved_from, moved_to: changed(trait, within, before=moved_from, after=moved_to),
)

DATES = (BIRTHDAY_WEEK, ANNIVERSARY, CUSTOMER_ANNIVERSARY, NEW_BABY, MOVED, DEADLINE_SOON, RENEWAL_SOON)
