"""Figures of a segment: parts of a whole, averages, and the instants of a curve."""

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal

from shared.language.exact import Number, as_decimal, normal

_PLACES = Decimal("0.000001")
_ROUNDED = Context(prec=200, rounding=ROUND_HALF_EVEN)
DAY = timedelta(days=1)


def ratio(part: Number, whole: int) -> Number | None:
    """`part / whole`, rounded to six decimals, half to even; None of nothing."""
    if whole == 0:
        return None
    return normal(_ROUNDED.divide(as_decimal(part), Decimal(whole)).quantize(_PLACES, context=_ROUNDED))


def midnights(until: datetime, days: int) -> list[datetime]:
    """The last `days` midnights (UTC) up to an instant, and before them the one from which the first day counts."""
    last = until.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return [last - day * DAY for day in range(days, -1, -1)]
