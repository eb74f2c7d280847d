"""The database of one service: a pool on its own schema, exact values, transactions that are retried when they must be."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import datetime
from types import SimpleNamespace
from typing import Any, ClassVar, Protocol, TypeAlias, TypeVar
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from shared.plumbing import json

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"
T = TypeVar("T")

TRY_AGAIN = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
"""Another transaction came first: do it all again."""

UNAVAILABLE = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InternalClientError,
    ConnectionError,
    OSError,
    TimeoutError,
)
"""The database is away, restarting or out of room: a hiccup, never the caller's fault."""

MAX_TRIES = 8

_open: ContextVar[bool] = ContextVar("a transaction is open in this task", default=False)


def array_of(values: Iterable[UUID | int | datetime | None]) -> str:
    """These as the text of an array, for parameters like `$1::text::uuid[]`.

    The driver takes one to two microseconds for each element of an array; this takes a tenth of it.
    """
    return f"{{{json.dumps_text(list(values))[1:-1]}}}"


def forbid_open_transaction() -> None:
    """Call before anything goes over the network: a transaction that waits for somebody else holds its locks meanwhile."""
    if _open.get():
        raise RuntimeError("A transaction is open; commit it before talking to anybody else.")


def is_unavailable(error: BaseException) -> bool:
    """Whether the database is away, as against a value or a statement that it will never take.

    asyncpg raises InterfaceError both for a closed connection and (as a ValueError too) for a value that can't be sent.
    """
    closed = isinstance(error, asyncpg.InterfaceError) and not isinstance(error, ValueError)
    return closed or isinstance(error, UNAVAILABLE)


FIRST_OF_OTHERS = 16_384
"""Types with smaller numbers are PostgreSQL's own, and the same in every database."""

_NO_STATEMENT = SimpleNamespace(name="none, so none was displaced")


async def _prepare(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    for name in ("jsonb", "json"):
        await connection.set_type_codec(
            name, schema="pg_catalog", encoder=json.dumps_text, decoder=json.loads, format="text"
        )


class _Learned(asyncpg.Connection):
    """Asks what PostgreSQL's own types are once a process, and not once a connection: that takes longer than most statements."""

    _known: ClassVar[dict[frozenset[int], Any]] = {}

    async def _introspect_types(self, typeoids: Collection[int], timeout: float | None) -> tuple[Any, Any]:
        asked = frozenset(typeoids)
        if asked not in self._known:
            found, statement = await super()._introspect_types(typeoids, timeout)  # type: ignore[misc]
            if max(asked) >= FIRST_OF_OTHERS:
                return found, statement
            self._known[asked] = found
        return self._known[asked], _NO_STATEMENT


async def _leave_as_it_is(_: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Nothing here changes a session, so what the driver would undo after each use costs a round trip for nothing."""


class Database:
    """A pool of connections to one service's schema."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", url: str, schema: str) -> None:
        self.pool = pool
        self.url = url
        self.schema = schema

    @classmethod
    async def open(cls, url: str, *, schema: str, size: int = 8, timeout: float = 30) -> "Database":
        """Connect lazily: no connection is made before it is needed, so a service starts while its database does."""
        pool = asyncpg.create_pool(
            url,
            min_size=0,
            max_size=size,
            connection_class=_Learned,
            init=_prepare,
            reset=_leave_as_it_is,
            command_timeout=timeout,
            max_inactive_connection_lifetime=600,
            server_settings={"search_path": schema, "application_name": f"regulars-{schema}", "jit": "off"},
        )
        await pool
        return cls(pool, url, schema)

    async def close(self) -> None:
        """Give the open transactions five seconds, then end them."""
        try:
            async with asyncio.timeout(5):
                await self.pool.close()
        except TimeoutError:
            self.pool.terminate()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """One transaction, READ COMMITTED. Committed when the block ends, rolled back when it raises."""
        async with self.pool.acquire() as connection, connection.transaction():
            marked = _open.set(True)
            try:
                yield connection
            finally:
                _open.reset(marked)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Connection]:
        """A read-only transaction in which every statement sees the same instant."""
        async with (
            self.pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield connection

    async def run(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """`work(transaction)`, done again when another transaction came first. It must have no effect but in the database."""
        for attempt in range(MAX_TRIES):
            try:
                async with self.transaction() as tx:
                    return await work(tx)
            except TRY_AGAIN:
                if attempt == MAX_TRIES - 1:
                    raise
                await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))
        raise AssertionError("unreachable")

    async def fetch(self, query: str, *args: Any) -> list[asyncpg.Record]:
        """All rows of one statement."""
        return await self.pool.fetch(query, *args)

    async def fetchrow(self, query: str, *args: Any) -> asyncpg.Record | None:
        """The first row, or None."""
        return await self.pool.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: Any) -> Any:
        """The first column of the first row."""
        return await self.pool.fetchval(query, *args)

    async def execute(self, query: str, *args: Any) -> str:
        """One statement in a transaction of its own."""
        return await self.pool.execute(query, *args)


class OpenDatabase(Protocol):
    """How a service comes by its database."""

    async def __call__(self, url: str, *, schema: str, size: int) -> Database: ...
