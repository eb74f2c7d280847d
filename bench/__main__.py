"""`make bench`: all benchmarks, or those named (ARGS="ingest loop"); figures go to docs/performance.md."""

import asyncio
import importlib
import sys

from bench import figures
from shared.plumbing.garbage import collect_seldom

ALL = ("startup", "engine", "worker", "passing", "build", "memory", "ingest", "loop", "idle", "sending", "audience")


def main(names: list[str]) -> None:
    """Measure, print, keep."""
    unknown = set(names) - set(ALL)
    if unknown:
        sys.exit(f"There is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(ALL)}.")
    collect_seldom()  # as the services do
    for name in names or ALL:
        print(f"{name} …", flush=True)
        measured = asyncio.run(importlib.import_module(f"bench.{name}").measure())
        figures.show(measured)
        figures.keep(name, measured)


if __name__ == "__main__":
    main(sys.argv[1:])
