"""A database as it stands after years: everything published is kept, a few hundred pieces wait.

The rows are made inside the database, by one statement a table, so that a million of them take seconds.
"""

# ruff: noqa: S608 - the statements are made of our own numbers and names

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from stonechat.core.clock import Clock
from stonechat.core.model import Account, Approval, LatePolicy
from stonechat.database.connection.connections import LIMIT
from stonechat.database.connection.database import Database
from stonechat.database.repositories import accounts
from stonechat.database.schema import tables

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
"""Account time at which the queries are asked."""

MAIN = "net:ann"
"""The account that most rows belong to."""

OTHERS = 9
LIVE = 1_000
"""Pieces that wait, whatever the size: those that the queries are after."""

STEP = timedelta(minutes=20)
"""Between two published pieces."""

_FILLED = (
    tables.content_metadata,
    tables.post_attempts,
    tables.post_parts,
    tables.state_history,
    tables.metrics_snapshots,
    tables.reply_opportunities,
    tables.job_progress,
)

_STATES = (
    (400, "queued"),  # due by now
    (700, "queued"),  # due later
    (800, "queued"),  # due, and held back after a refusal
    (850, "posting"),
    (950, "awaiting_approval"),
    (LIVE, "unconfirmed"),
)


async def fill(database: Database, rows: int, clock: Clock) -> None:
    """Put ``rows`` pieces of content and what belongs to them into an empty, migrated database.

    Of the pieces 1,000 wait in some state, 85 in 100 of the rest are published, the others came to nothing.
    """
    async with database.begin("bench.fill") as connection:
        await connection.execution_options(**{LIMIT: None})
        dialect = _Dialect(connection.dialect.name)
        if dialect.name == "postgresql":
            await connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        for number in range(OTHERS + 1):
            name = MAIN if number == 0 else f"net:other{number}"
            account = Account(
                name, "net", name.partition(":")[2], "UTC", 8, Approval.REPLIES, LatePolicy.MOVE
            )
            await accounts.put(connection, account, clock.now())
        # to sort an index once is several times quicker than to keep it sorted while a million rows come
        await connection.run_sync(_drop_indexes)
        for statement in _statements(dialect, rows):
            await connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
        await connection.run_sync(_make_indexes)
    await _analyze(database)


async def _analyze(database: Database) -> None:
    """Let the planner know what is there, as autovacuum does on PostgreSQL."""
    async with database.begin("bench.analyze") as connection:
        await connection.execution_options(**{LIMIT: None})
        if connection.dialect.name == "postgresql":
            await connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            await connection.exec_driver_sql("ANALYZE")
        # SQLite plans without statistics, as at a user's, where nobody runs ANALYZE


def _drop_indexes(connection: Connection) -> None:
    for table in _FILLED:
        for index in table.indexes:
            index.drop(connection)


def _make_indexes(connection: Connection) -> None:
    for table in _FILLED:
        for index in table.indexes:
            index.create(connection)


class _Dialect:
    """How the two engines write what is needed here."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._postgresql = name == "postgresql"

    def series(self, rows: int) -> str:
        """A table ``s(n)`` with the numbers from 1."""
        if self._postgresql:
            return f"generate_series(1, {rows}) AS s(n)"
        return (
            f"(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {rows})"
            " SELECT n FROM c) AS s"
        )

    def time(self, seconds: str) -> str:
        """A moment, from Unix seconds."""
        if self._postgresql:
            return f"to_timestamp({seconds})"
        return f"strftime('%Y-%m-%dT%H:%M:%S', {seconds}, 'unixepoch') || '.000000+00:00'"

    def json(self, text: str) -> str:
        """A JSON value, from an expression that is its text."""
        return f"({text})::jsonb" if self._postgresql else text

    def boolean(self, value: bool) -> str:
        """A truth value."""
        return str(value).lower() if self._postgresql else str(int(value))


def _statements(dialect: _Dialect, rows: int) -> list[str]:
    now = int(NOW.timestamp())
    series, time, no = dialect.series(rows), dialect.time, dialect.boolean(False)
    age = f"(s.n - {LIVE}) * {int(STEP.total_seconds())}"
    state = "CASE " + " ".join(f"WHEN s.n <= {end} THEN '{name}'" for end, name in _STATES)
    state += " WHEN s.n % 100 < 85 THEN 'posted' WHEN s.n % 100 < 92 THEN 'rejected'"
    state += " WHEN s.n % 100 < 96 THEN 'missed' ELSE 'failed' END"
    due = f"CASE WHEN s.n <= 400 THEN {now} - s.n WHEN s.n <= 700 THEN {now} + (s.n - 400) * 60"
    due += f" WHEN s.n <= {LIVE} THEN {now} - s.n ELSE {now} - {age} END"
    account = f"CASE WHEN s.n <= {LIVE} OR s.n % 10 < 8 THEN '{MAIN}'"
    account += f" ELSE 'net:other' || CAST(1 + s.n / 10 % {OTHERS} AS TEXT) END"
    kind = "CASE WHEN s.n % 4 = 0 THEN 'reply' ELSE 'single' END"
    published = f"s.n > {LIVE} AND s.n % 100 < 85"
    text = "'[\"Note ' || s.n || ': write the first line before you read the news, then walk to the lake.\"]'"
    held_back = f"CASE WHEN s.n > 700 AND s.n <= 800 THEN {time(f'{now} + 600')} END"
    lease = f"CASE WHEN s.n > 800 AND s.n <= 850 THEN {time(f'{now} - 5')} END"
    posted_at = f"CASE WHEN {published} THEN {time(f'{now} - {age}')} END"
    arm = dialect.json('\'{"topic": "t\' || (s.n % 7) || \'", "format": "f\' || (s.n % 3) || \'"}\'')
    return [
        "INSERT INTO content_metadata (id, account_id, kind, state, state_since, parts, fingerprint, due_at,"
        " created_at, arm, holdout, model_version, prompt_version, writer_model, cost_usd, fence, attempts,"
        " why, post_id, posted_at, not_before, lease_until)"
        f" SELECT 'c' || s.n, {account}, {kind}, {state}, {time(f'{now} - 60 - s.n')}, {dialect.json(text)},"
        f" 'f' || s.n, {time(due)}, {time(f'{now} - 86400 - s.n * 600')}, {arm}, {no}, 1, 'p1', 'm1', 0.001,"
        f" 1, 1, '', CASE WHEN {published} THEN 'p' || s.n END, {posted_at}, {held_back}, {lease}"
        f" FROM {series}",
        "INSERT INTO post_attempts (id, content_id, account_id, number, fence, fingerprint, parts_from, host,"
        " started_at, started_wall, ended_at, ended_wall, outcome, detail)"
        f" SELECT 'a' || s.n, 'c' || s.n, {account}, 1, 1, 'f' || s.n, 0, 'host', {time(f'{now} - {age}')},"
        f" {time(f'{now} - {age}')}, {time(f'{now} - {age}')}, {time(f'{now} - {age}')},"
        f" CASE WHEN {published} THEN 'posted' ELSE 'refused' END, '' FROM {series} WHERE s.n > {LIVE}",
        "INSERT INTO post_parts (content_id, number, account_id, post_id, confirmed_at)"
        f" SELECT 'c' || s.n, 0, {account}, 'p' || s.n, {time(f'{now} - {age}')} FROM {series}"
        f" WHERE {published}",
        "INSERT INTO state_history (account_id, kind, entity_id, at, who, before, after, why)"
        f" SELECT {account}, 'content', 'c' || s.n, {time(f'{now} - {age}')}, 'bench', '', 'queued', ''"
        f" FROM {series}",
        "INSERT INTO metrics_snapshots (account_id, post_id, content_id, captured_at, likes, views, source)"
        f" SELECT {account}, 'p' || s.n, 'c' || s.n, {time(f'{now} - {age} + 3600')}, s.n % 90, s.n % 3000,"
        f" 'wire' FROM {series} WHERE {published}",
        "INSERT INTO reply_opportunities (id, account_id, post_id, author, text, url, posted_at, found_at,"
        " state, state_since, source, invited, score)"
        f" SELECT 'o' || s.n, '{MAIN}', 'q' || s.n, 'Author' || (s.n % 5000), 'How do you sleep?', 'u',"
        f" {time(f'{now} - s.n * 300')}, {time(f'{now} - s.n * 300')},"
        " CASE WHEN s.n <= 250 THEN 'found' WHEN s.n % 10 = 0 THEN 'replied' ELSE 'expired' END,"
        f" {time(f'{now} - s.n * 300')}, 'search', {no}, s.n % 100 / 100.0"
        f" FROM {dialect.series(max(1_000, rows // 10))}",
        "INSERT INTO job_progress (id, account_id, job, changed_at, run_id, tick, trigger, state, host,"
        " attempt, started_at, ended_at, took_s, done, due, note, error, ends)"
        f" SELECT 'job' || s.n, '{MAIN}', 'job' || (s.n % 14), {time(f'{now} - s.n * 30')}, 'r' || s.n,"
        f" {time(f'{now} - s.n * 30')}, 'schedule', 'succeeded', 'host', 1, {time(f'{now} - s.n * 30')},"
        f" {time(f'{now} - s.n * 30')}, 0.1, 1, 1, '', '', '[]' FROM {dialect.series(300)}",
    ]
