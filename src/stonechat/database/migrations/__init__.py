"""Schema migrations by Alembic, applied at start under a lock, the same on both engines."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from stonechat.core.errors import ConfigError, ConfigFault
from stonechat.database.connecting import LIMIT

_LOCK = 727266041  # any constant: the advisory lock's key


def configuration() -> Config:
    """Alembic's settings, with the scripts of this package."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config


async def migrate(engine: AsyncEngine) -> None:
    """Bring the schema to this version; hosts that start together wait for each other.

    Raises:
        ConfigError: the database was migrated by a newer Stonechat.
    """
    async with engine.connect() as connection:
        await connection.execution_options(**{LIMIT: None})  # an index on a large table takes long
        if engine.dialect.name == "sqlite":
            await connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            # a transaction's lock and limits: they work through poolers, which keep no session state
            await connection.exec_driver_sql("BEGIN; SET LOCAL lock_timeout = '60s'")
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        await connection.run_sync(_upgrade)
        await connection.commit()


def _upgrade(connection: Connection) -> None:
    config = configuration()
    scripts = ScriptDirectory.from_config(config)
    current = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in scripts.walk_revisions()}
    if current is not None and current not in known:
        raise ConfigError(
            (
                ConfigFault(
                    "DATABASE_URL",
                    f"names a database whose schema ({current}) is newer than this version of Stonechat",
                    "a database of this version or older; update Stonechat to use this one",
                ),
            )
        )
    if current == scripts.get_current_head():
        return
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
