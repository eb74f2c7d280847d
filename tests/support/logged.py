"""What is logged meanwhile, as text."""

import io
from collections.abc import Iterator
from contextlib import contextmanager

import structlog


@contextmanager
def logged() -> Iterator[io.StringIO]:
    """Enter it when the service has started, which says where its log goes."""
    said = io.StringIO()
    before = structlog.get_config()["logger_factory"]
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(file=said))
    try:
        yield said
    finally:
        structlog.configure(logger_factory=before)
