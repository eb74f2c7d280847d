"""The CDNOW purchase log: 6,919 real purchases of 2,357 real customers of a music shop, shifted so that it ends yesterday.

Source: P. S. Fader, B. G. S. Hardie, the 1/10 sample of the 1997-98 CDNOW cohort; read from the data file that the package
`lifetimes` ships (columns: id in the full set, id in the sample, date, number of CDs, dollars).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from importlib import metadata
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Purchase:
    """One order. `customer` is unique in the file; `amount` is in dollars."""

    customer: str
    order_id: str
    at: datetime
    items: int
    amount: Decimal


def sample_file() -> Path:
    """Where the installed package keeps the file; the package itself is not imported."""
    for path in metadata.files("lifetimes") or []:
        if path.name == "CDNOW_sample.txt":
            return Path(str(path.locate()))
    raise FileNotFoundError("The package `lifetimes` has no CDNOW_sample.txt; run `make setup` again.")


def read_purchases(file: Path, *, today: date) -> list[Purchase]:
    """All purchases in the order of the file's dates, moved by whole days so that the last is on the day before `today`.

    The file has days, no times; an order is put at noon UTC of its day, a second after the one before on that day.
    """
    rows = sorted(_rows(file), key=lambda row: row[1])
    shift = today - timedelta(days=1) - max(day for _, day, _, _ in rows)
    return [
        Purchase(
            customer=f"cdnow-{customer}",
            order_id=f"cdnow-order-{number:05d}",
            at=datetime.combine(day + shift, time(12), UTC) + timedelta(seconds=number % 3600),
            items=items,
            amount=amount,
        )
        for number, (customer, day, items, amount) in enumerate(rows)
    ]


def _rows(file: Path) -> Sequence[tuple[str, date, int, Decimal]]:
    fields = (line.split() for line in file.read_text().splitlines() if line.strip())
    return [
        (sample_id, datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC).date(), int(items), Decimal(amount))
        for _, sample_id, day, items, amount in fields
    ]
