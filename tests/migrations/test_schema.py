"""The databases that migrations make are those that models describe, and keep the rules of scaling out."""

import importlib
from collections.abc import AsyncIterator

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from tests.support.postgres import MakeDatabase
from tests.support.world import SERVICES, migrate_all

CATALOGUES = {
    "events": {"sources", "write_keys", "api_keys", "rejected", "event_schemas"},
    "profiles": {"erasures", "replays"},
    "segments": {
        "segments",
        "segment_versions",
        "catalogue",
        "builds",
        "removals",
        "list_uploads",
        "reconciliations",
        "rebuilds",
    },
    "messaging": {
        "templates",
        "template_versions",
        "campaigns",
        "settings",
        "broadcasts",
        "journeys",
        "journey_versions",
    },
}
"""Small tables that a scaled-out database copies to every node."""
EVERYWHERE = {"workers", "known_keys", "alembic_version"}


@pytest.fixture(scope="module")
async def url(make_database: MakeDatabase) -> str:
    return await make_database(migrate_all)


@pytest.fixture(scope="module")
async def connection(url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()


@pytest.mark.parametrize("service", SERVICES)
async def test_migrations_make_what_the_models_describe(url: str, service: str) -> None:
    metadata = importlib.import_module(f"services.{service}.models").metadata
    engine = create_async_engine(
        url.replace("postgresql://", "postgresql+asyncpg://"),
        poolclass=NullPool,
        connect_args={"server_settings": {"search_path": service}},
    )

    def difference(sync: Connection) -> list[object]:
        def ours(_: object, name: str | None, kind: str, __: bool, ___: object) -> bool:
            return not (kind == "table" and name is not None and name.startswith("log_"))

        context = MigrationContext.configure(sync, opts={"include_object": ours, "compare_type": True})
        return list(compare_metadata(context, metadata))

    async with engine.connect() as connected:
        assert await connected.run_sync(difference) == []
    await engine.dispose()


@pytest.mark.parametrize("service", SERVICES)
async def test_every_hot_table_has_lane_first_in_every_unique_index(
    connection: "asyncpg.Connection[asyncpg.Record]", service: str
) -> None:
    rows = await connection.fetch(
        """SELECT t.relname AS table, i.relname AS index, a.attname AS first
           FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
           JOIN pg_namespace n ON n.oid = t.relnamespace
           JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = x.indkey[0]
           WHERE x.indisunique AND n.nspname = $1""",
        service,
    )
    small = CATALOGUES[service] | EVERYWHERE
    wrong = [(row["table"], row["index"]) for row in rows if row["table"] not in small and row["first"] != "lane"]
    assert wrong == []


@pytest.mark.parametrize("service", SERVICES)
async def test_keys_refer_to_a_catalogue_or_within_a_lane(
    connection: "asyncpg.Connection[asyncpg.Record]", service: str
) -> None:
    rows = await connection.fetch(
        """SELECT k.conrelid::regclass::text AS table, b.relname AS target, pg_get_constraintdef(k.oid) AS key
           FROM pg_constraint k JOIN pg_class b ON b.oid = k.confrelid
           WHERE k.contype = 'f' AND b.relnamespace = $1::regnamespace""",
        service,
    )
    wrong = [tuple(row) for row in rows if row["target"] not in CATALOGUES[service] and "KEY (lane," not in row["key"]]
    assert wrong == []


async def test_no_table_has_triggers_or_defaults_that_draw_time_or_chance(
    connection: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    triggers = await connection.fetchval(
        """SELECT count(*) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE n.nspname = ANY($1::text[]) AND NOT t.tgisinternal""",
        list(SERVICES),
    )
    assert triggers == 0
    defaults = await connection.fetch(
        """SELECT table_schema, table_name, column_name, column_default FROM information_schema.columns
           WHERE table_schema = ANY($1::text[]) AND column_default ~* 'now|current_|random|uuid|nextval'""",
        list(SERVICES),
    )
    assert [tuple(row) for row in defaults] == []


async def test_no_key_refers_to_another_service(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    crossing = await connection.fetch(
        """SELECT conname FROM pg_constraint k JOIN pg_class a ON a.oid = k.conrelid JOIN pg_class b ON b.oid = k.confrelid
           WHERE k.contype = 'f' AND a.relnamespace <> b.relnamespace"""
    )
    assert crossing == []
