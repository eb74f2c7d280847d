"""Figures as a table: printed, and kept in docs/performance.md."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

PAGE = Path(__file__).resolve().parents[1] / "docs" / "performance.md"


@dataclass(frozen=True, slots=True)
class Figure:
    """One line: what, how much, the limit measured beside it, what was aimed at, and whether that was met."""

    what: str
    measured: str
    limit: str
    aim: str
    met: bool


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def show(figures: Sequence[Figure]) -> None:
    """Print the table."""
    table = Table("what", "measured", "limit, same run", "aim", "met")
    for f in figures:
        table.add_row(f.what, f.measured, f.limit, f.aim, "yes" if f.met else "no")
    Console().print(table)


def keep(name: str, figures: Sequence[Figure]) -> None:
    """Replace the section `name` of docs/performance.md, which is kept between two marks."""
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {datetime.now(UTC):%Y-%m-%d}"
    rows = [f"| {f.what} | {f.measured} | {f.limit} | {f.aim} | {'yes' if f.met else 'no'} |" for f in figures]
    lines = [start, f"`make bench ARGS={name}`, {machine}", "", "| what | measured | limit, same run | aim | met |"]
    section = "\n".join([*lines, "|---|---|---|---|---|", *rows, end])
    text = PAGE.read_text() if PAGE.exists() else "# Performance\n"
    if start in text:
        before, rest = text.split(start, 1)
        text = before + section + rest.split(end, 1)[1]
    else:
        text = f"{text.rstrip()}\n\n{section}\n"
    PAGE.write_text(text)
