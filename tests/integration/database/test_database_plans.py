"""Every query of the posting path, the job manager and the dashboard reads along an index, on both engines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from benchmarks.storage import QUERIES, BenchQuery, fill
from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import SystemClock
from stonechat.database import Database, open_database

ROWS = 20_000
VISITED = 2_500
"""Rows that a query may look at; what it is after are 1,000 pieces that wait, or a few days or hundreds."""

EXPLAIN = "EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF)"

BIG = (
    "content_metadata",
    "post_attempts",
    "post_parts",
    "state_history",
    "metrics_snapshots",
    "reply_opportunities",
)


class Statements:
    """What is sent to the database, as it is sent."""

    def __init__(self, database: Database) -> None:
        self.sent: list[tuple[str, Any]] = []
        event.listen(database._engine.sync_engine, "before_cursor_execute", self._note)

    def _note(self, _c: Any, _cursor: Any, statement: str, parameters: Any, _x: Any, _many: bool) -> None:
        self.sent.append((statement, parameters))


class Undone(Exception):
    """Rolls a transaction back."""


async def plans_of(database: Database, statements: Statements, query: BenchQuery, explain: str) -> list[Any]:
    """What the database says about each statement of a query; what the query changed is undone."""
    found: list[Any] = []
    with pytest.raises(Undone):
        async with database.begin("test.plans") as connection:
            if (
                database.dialect == "postgresql"
            ):  # as on a solid-state disk; a table of this size fits in memory
                await connection.exec_driver_sql("SET LOCAL random_page_cost = 1.1")
            statements.sent.clear()
            await query.ask(connection)
            for statement, parameters in list(statements.sent):
                if statement.startswith(("SELECT", "UPDATE")):
                    rows = await connection.exec_driver_sql(f"{explain} {statement}", parameters)
                    found.append([tuple(row) for row in rows])
            raise Undone
    assert found, f"{query.name} asked nothing"
    return found


def visited(node: dict[str, Any]) -> int:
    """Rows that the scans of a PostgreSQL plan looked at, in all their loops."""
    below = sum(visited(child) for child in node.get("Plans", ()))
    if "Relation Name" not in node:
        return below
    looked_at = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    looked_at += node.get("Rows Removed by Index Recheck", 0)
    return int(below + round(looked_at * node["Actual Loops"]))


def scans(node: dict[str, Any]) -> list[str]:
    """The big tables that a PostgreSQL plan reads from their beginning."""
    found = [name for child in node.get("Plans", ()) for name in scans(child)]
    if node["Node Type"] == "Seq Scan" and node["Relation Name"] in BIG:
        found.append(node["Relation Name"])
    return found


async def test_no_query_reads_a_whole_table_on_postgresql(postgres_url: str) -> None:
    async with open_database(postgres_url, DatabaseSettings(), SystemClock()) as database:
        await fill(database, ROWS, SystemClock())
        statements = Statements(database)
        faults = []
        for query in QUERIES:
            for ((said,),) in await plans_of(database, statements, query, EXPLAIN):
                plan = said[0]["Plan"]
                if scanned := scans(plan):
                    faults.append(f"{query.name}: scans {', '.join(scanned)}")
                if (rows := visited(plan)) > VISITED:
                    faults.append(f"{query.name}: looks at {rows} rows")
        assert not faults, "\n".join(faults)

        async with database.begin("test.drop") as connection:
            await connection.exec_driver_sql("DROP INDEX ix_content_newest")
        query = next(query for query in QUERIES if query.name == "latest posts")
        [[(said,)]] = await plans_of(database, statements, query, EXPLAIN)
        assert visited(said[0]["Plan"]) > VISITED, "the check would not see a missing index"


class Steps:
    """Counts the steps of SQLite's machine, in hundreds."""

    def __init__(self) -> None:
        self.hundreds = 0

    def __call__(self) -> int:
        self.hundreds += 1
        return 0

    async def of(self, database: Database, query: BenchQuery) -> int:
        """The steps that a query takes; what it changed is undone."""
        with pytest.raises(Undone):
            async with database.begin("test.steps") as connection:
                driver: Any = (await connection.get_raw_connection()).driver_connection
                await driver.set_progress_handler(self, 100)
                self.hundreds = 0
                await query.ask(connection)
                raise Undone
        return self.hundreds * 100


async def test_no_query_does_more_where_there_is_more_on_sqlite(tmp_path: Path) -> None:
    """SQLite plans by the indexes alone. What counts is the work: the same at ten times the rows."""
    clock, steps = SystemClock(), Steps()
    settings = DatabaseSettings(pool_size=1)
    async with (
        open_database(f"sqlite:///{tmp_path / 'small.db'}", settings, clock) as small,
        open_database(f"sqlite:///{tmp_path / 'large.db'}", settings, clock) as large,
    ):
        await fill(small, ROWS // 10, clock)
        await fill(large, ROWS, clock)
        faults = []
        for query in QUERIES:
            few, many = await steps.of(small, query), await steps.of(large, query)
            if many > 2 * few + 2_000:
                faults.append(f"{query.name}: {few} steps, then {many}")
        assert not faults, "\n".join(faults)

        async with large.begin("test.drop") as connection:
            await connection.exec_driver_sql("DROP INDEX ix_content_newest")
        query = next(query for query in QUERIES if query.name == "latest posts")
        assert await steps.of(large, query) > 50_000, "the check would not see a missing index"
