"""Logs: one JSON object a line, about the machinery. Personal data never reaches a log: pass ids, counts, slugs."""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog


def _error_without_values(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace an exception by its type and place: its message may quote what a customer sent."""
    exc_info = event.pop("exc_info", None)
    error = exc_info if isinstance(exc_info, BaseException) else sys.exc_info()[1] if exc_info else None
    if error is not None:
        frames = traceback.extract_tb(error.__traceback__)[-6:]
        event["error"] = type(error).__name__
        event["where"] = [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}:{frame.name}" for frame in frames]
    return event


class _WithoutValues(logging.Formatter):
    """Libraries' records, too, name an exception by its type and place only."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 (the name is logging's)
        frames = traceback.extract_tb(ei[2])[-6:]
        return f"{ei[0].__name__} at " + " ".join(
            f"{f.filename.rsplit('/', 1)[-1]}:{f.lineno}:{f.name}" for f in frames
        )


def configure_logging(*, service: str, level: str = "INFO") -> None:
    """Send everything, also of libraries, to standard error as JSON lines."""
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_WithoutValues("%(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler])
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _error_without_values,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
    structlog.contextvars.bind_contextvars(service=service)


def get_logger() -> Any:
    """A structured logger: `log.info("event_name", key=value)`."""
    return structlog.get_logger()
