"""Schema migrations by Alembic, applied at start under a lock, the same on both engines."""

from __future__ import annotations

from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine

NEWEST = "0018"
"""The version that this Stonechat writes."""
VERSION_TABLE = "alembic_version"
LOCK = 727266041  # any constant: the advisory lock's key


async def migrate(engine: AsyncEngine) -> None:
    """Bring the schema to this version; hosts that start together wait for each other.

    Raises:
        ConfigError: the database was migrated by a newer Stonechat.
    """
    async with engine.connect() as connection:
        await connection.execution_options(stonechat_limit=None)  # an index on a large table takes long
        if engine.dialect.name == "sqlite":
            await connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            # a transaction's lock and limits: they work through poolers, which keep no session state
            await connection.exec_driver_sql("BEGIN; SET LOCAL lock_timeout = '60s'")
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        await connection.run_sync(_upgrade)
        await connection.commit()


def _upgrade(connection: Connection) -> None:
    if current(connection) == NEWEST:
        return
    # Loaded only where there is something to do: Alembic takes 8 MB.
    from stonechat.database.schema.migrations.upgrading import upgrade  # noqa: PLC0415

    upgrade(connection)


def current(connection: Connection) -> str | None:
    """The schema's version; None where there is none yet."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalar_one_or_none()  # noqa: S608 - a constant
    return None if found is None else str(found)
