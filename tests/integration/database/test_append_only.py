"""The past stays as it was, on both engines: the database itself refuses to rewrite it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import SystemClock
from stonechat.database import Database, open_database
from stonechat.database.repositories import state_history
from stonechat.database.schema import append_only
from stonechat.database.schema.migrations.upgrading import upgrade
from stonechat.database.schema.tables import metadata
from stonechat.database.schema.types import UtcTime
from tests.support.clock import ManualClock
from tests.support.network import Fault
from tests.support.posting import ACCOUNT, RunContext, desk_on, piece
from tests.support.stored import BEGAN, fill

CLOCK = SystemClock()
KEPT_FOR_EVER = sorted(append_only.NEVER_DELETED)
ONE_COLUMN = {
    "state_history": "why",
    "rewards": "refused",
    "post_parts": "post_id",
    "metrics_snapshots": "source",
    "account_metrics": "account_id",
    "audit": "why",
    "rejected_drafts": "why",
}


@pytest.fixture
async def database(any_database_url: str) -> AsyncIterator[Any]:
    async with open_database(any_database_url, DatabaseSettings(), CLOCK) as database:
        yield database


async def test_rows_that_are_appended_are_never_changed(database: Database) -> None:
    await fill(database, rows=2)
    assert set(ONE_COLUMN) == set(append_only.NEVER_CHANGED)
    for table, column in ONE_COLUMN.items():
        with pytest.raises(IntegrityError, match=f"{table} is append-only"):
            async with database.begin("test.rewrite") as connection:
                await connection.execute(sa.update(metadata.tables[table]).values({column: "other"}))


async def test_what_a_post_needs_is_never_deleted(database: Database) -> None:
    await fill(database, rows=2)
    async with database.begin("test.line") as connection:
        await _line(connection, "content")
    for table in KEPT_FOR_EVER:
        with pytest.raises(IntegrityError, match=f"{table} is append-only"):
            async with database.begin("test.delete") as connection:
                await connection.execute(sa.delete(metadata.tables[table]))


async def test_history_of_other_things_may_be_forgotten(database: Database) -> None:
    async with database.begin("test.lines") as connection:
        await _line(connection, "content")
        await _line(connection, "switch")
    async with database.begin("test.delete") as connection:
        await connection.execute(sa.text("DELETE FROM state_history WHERE kind <> 'content'"))
    async with database.read("test.count") as connection:
        kinds = (await connection.execute(sa.text("SELECT kind FROM state_history"))).scalars().all()
    assert kinds == ["content"]


async def _line(connection: AsyncConnection, kind: Any) -> None:
    await state_history.append(
        connection, kind=kind, entity_id="1", account_id="x:a", at=BEGAN, who="t", before="", after="queued"
    )


async def test_a_migration_finds_the_way_free_and_leaves_it_shut(any_database_url: str) -> None:
    """Triggers would stop a migration that fills a column; they are put back after it."""
    async with open_database(any_database_url, DatabaseSettings(), CLOCK, migrated=False) as database:
        async with database.begin("test.first") as connection:
            await connection.run_sync(upgrade, "0001")
        await fill(database, rows=2)
    async with (
        open_database(any_database_url, DatabaseSettings(), CLOCK) as database,
        database.read("test.triggers") as connection,
    ):
        found = await connection.run_sync(append_only.installed)
    assert {name.removesuffix("_as_it_is").removeprefix(append_only.PREFIX) for name in found} == {
        *append_only.NEVER_CHANGED,
        *append_only.NEVER_DELETED,
    }


async def test_every_table_carries_the_account_and_every_time_its_zone(database: Database) -> None:
    async with database.read("test.columns") as connection:
        columns = await connection.run_sync(
            lambda sync: {
                name: {column["name"]: column["type"] for column in sa.inspect(sync).get_columns(name)}
                for name in metadata.tables
            }
        )
    moments = [
        column for table in metadata.tables.values() for column in table.columns if _names_a_moment(column)
    ]
    assert len(moments) > 40
    assert all(isinstance(column.type, UtcTime) for column in moments), [
        str(column) for column in moments if not isinstance(column.type, UtcTime)
    ]
    assert len(columns) > 20
    for name, found in columns.items():
        assert "account_id" in found, name
        if database.dialect == "postgresql":
            for column, kind in found.items():
                if isinstance(kind, sa.DateTime):
                    assert kind.timezone, f"{name}.{column}"


def _names_a_moment(column: Any) -> Any:
    words = set(column.name.split("_"))
    return bool(
        words & {"at", "since", "until", "before", "wall", "tick", "expires"}
    ) and column.name not in {
        "before"  # a state, in the history
    }


async def test_every_time_is_stored_with_its_offset(sqlite_url: str) -> None:
    async with open_database(sqlite_url, DatabaseSettings(), CLOCK) as database:
        await fill(database, rows=2)
        async with database.read("test.raw") as connection:
            moments = [
                column
                for table in metadata.tables.values()
                for column in table.columns
                if isinstance(column.type, UtcTime)
            ]
            written = [
                value
                for column in moments
                for (value,) in await connection.execute(sa.select(sa.type_coerce(column, sa.String)))
                if value is not None
            ]
    assert len(written) > 20
    assert all(len(value) == 32 and value.endswith("+00:00") for value in written)


async def test_the_last_line_of_every_post_says_the_state_that_it_is_in(sqlite_url: str) -> None:
    """After posts that went well and posts that met every fault there is."""
    clock = ManualClock()
    async with open_database(sqlite_url, DatabaseSettings(), clock) as database:
        desk = desk_on(database, clock)
        await desk.add_account(ACCOUNT)
        desk.network.faults = list(Fault)
        names = [f"p{number}" for number in range(2 * len(Fault))]
        await desk.queue(*(piece(name, f"Post {name}.", due_at=clock.now()) for name in names))
        for _ in range(6):
            await desk.sweep().sweep(RunContext(clock))
            await desk.sweep().reconcile(RunContext(clock))
            await clock.advance(minutes=2)
        async with database.read("test.history") as connection:
            of_each = {name: await state_history.of(connection, "content", name) for name in names}
        assert sum(len(lines) for lines in of_each.values()) > len(names), "something has happened to them"
        for name, lines in of_each.items():
            assert lines[-1].after == (await desk.find(name)).state.value
            assert [before.after for before in lines[:-1]] == [after.before for after in lines[1:]]
            assert "" not in [line.who for line in lines]
