"""Schema versions of a database, for restore and transfer, which upgrade within their own transaction."""

from __future__ import annotations

from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.errors import Permanent
from stonechat.database.schema.migrations import LOCK, NEWEST, VERSION_TABLE, current
from stonechat.database.schema.migrations.upgrading import is_known
from stonechat.database.schema.tables import metadata


def drop_everything(connection: Connection) -> None:
    """Every table of ours, also those that a former version made; commits nothing."""
    known = {*metadata.tables, VERSION_TABLE}
    for name in inspect(connection).get_table_names():
        if name in known:
            connection.exec_driver_sql(f"DROP TABLE {name}")


def refuse_newer(connection: Connection, what: str) -> None:
    """Raise where the schema is of a version that we do not know.

    Raises:
        Permanent: it is.
    """
    found = current(connection)
    if found is not None and not is_known(found):
        raise Permanent(
            f"{what} has a schema ({found}) that is newer than this Stonechat's ({NEWEST}).",
            meaning="Nothing was read or changed.",
            remedy="Update Stonechat, and do it again.",
        )


async def have_alone(connection: AsyncConnection) -> None:
    """No time-outs for this long transaction; whoever wants to migrate meanwhile waits for its end."""
    await unhurried(connection)
    if connection.dialect.name == "postgresql":
        await connection.execute(text("SET LOCAL lock_timeout = '60s'"))
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})


async def unhurried(connection: AsyncConnection) -> None:
    """Lift the statement time-out for this transaction."""
    await connection.execution_options(stonechat_limit=None)
    if connection.dialect.name == "postgresql":
        await connection.execute(text("SET LOCAL statement_timeout = 0"))
        await connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
