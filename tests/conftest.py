"""What all tests share. The fixtures themselves are in tests/support/."""

from tests.support.postgres import (
    database_url,
    make_database,
    postgres_server,
    pytest_configure,
    pytest_unconfigure,
)

__all__ = ["database_url", "make_database", "postgres_server", "pytest_configure", "pytest_unconfigure"]
