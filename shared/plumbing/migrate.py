"""Migrations: one Alembic tree and one schema per service."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alembic import command, context
from alembic.config import Config
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from shared.plumbing.lanes import LANES
from shared.plumbing.tables import feed_table, lane_tables

LOCK = 7_463_201


def alembic_config(*, service: str, url: str, directory: Path) -> Config:
    """Alembic's settings for one service; `directory` holds `env.py` and `versions/`."""
    config = Config()
    config.set_main_option("script_location", str(directory).replace("%", "%%"))
    config.set_main_option("version_path_separator", "os")
    config.attributes["service"] = service
    config.attributes["url"] = url
    return config


def upgrade(*, service: str, url: str, directory: Path, revision: str = "head") -> None:
    """Bring the service's schema to `revision`. Several at once wait for each other."""
    command.upgrade(alembic_config(service=service, url=url, directory=directory), revision)


def run_environment(metadata: MetaData) -> None:
    """What each service's `migrations/env.py` calls."""
    asyncio.run(_run(metadata))


async def _run(metadata: MetaData) -> None:
    attributes = context.config.attributes
    url = re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql+asyncpg://", attributes["url"])
    settings = {"search_path": attributes["service"], "lock_timeout": "5s"}
    engine = create_async_engine(url, poolclass=NullPool, connect_args={"server_settings": settings})
    async with engine.connect() as connection:
        await connection.run_sync(_migrate, metadata, attributes["service"])
        await connection.commit()
    await engine.dispose()


def _migrate(connection: Connection, metadata: MetaData, schema: str) -> None:
    connection.execute(text("SET lock_timeout = 0"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
    connection.execute(text("SET LOCAL lock_timeout = '5s'"))
    connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{schema}"'))
    context.configure(connection=connection, target_metadata=metadata, compare_type=True, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()


def create_tables(op: Any, *describe: Callable[[MetaData], None]) -> None:
    """Make tables that several services have, as `shared.plumbing.tables` describes them.

    For tables as they are first made: once released, a description changes together with a migration that names the change.
    """
    metadata = MetaData()
    for tables in describe:
        tables(metadata)
    metadata.create_all(op.get_bind(), checkfirst=False)


def begin(op: Any, *works: str, feed: bool = True) -> None:
    """What every first migration begins with: the lanes' tables, spread, with the lanes of each kind of work. `feed`: also the
    feed, where the service does not keep it in a table of its own form."""
    create_tables(op, lane_tables, *([feed_table] if feed else []))
    seed_lane_heads(op)
    for work in works:
        seed_work(op, work)
    distribute(op, "lane_heads")
    for table in ("work_lanes", "feed_readers", "parked", *(["feed"] if feed else [])):
        distribute(op, table, colocate_with="lane_heads")


def seed_lane_heads(op: Any) -> None:
    """Start the counters of the service's feed."""
    op.execute(f"INSERT INTO lane_heads (lane, seq) SELECT lane, 0 FROM generate_series(0, {LANES - 1}) AS lane")


def seed_work(op: Any, work: str) -> None:
    """Make the lanes of one kind of work, to be leased."""
    op.execute(
        f"""INSERT INTO work_lanes (lane, work, epoch, cursor)
            SELECT lane, '{work}', 0, 0 FROM generate_series(0, {LANES - 1}) AS lane"""
    )


def distribute(op: Any, table: str, *, colocate_with: str | None = None) -> None:
    """On Citus, spread a hot table by its lane; on plain PostgreSQL, nothing."""
    with_table = f", colocate_with => '{colocate_with}'" if colocate_with else ""
    op.execute(
        f"""DO $$ BEGIN
              IF EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') THEN
                EXECUTE 'SELECT create_distributed_table(''{table}'', ''lane'''
                  || '{with_table.replace("'", "''")}' || ')';
              END IF;
            END $$"""
    )
