"""``stonechat metrics`` and ``stonechat harvest``: what was read; also while nothing runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stonechat.cli.context import open_for_cli, read_stored, run_async
from stonechat.cli.output import AsJson, print_json, print_rows, say, spoken

if TYPE_CHECKING:
    from stonechat.core.clock import Clock
    from stonechat.core.model import Account
    from stonechat.database import Database

_AccountId = Annotated[str | None, typer.Option("--account", help="Only this account.")]
_NOBODY = "No account yet; `stonechat run` makes it."


@spoken
def metrics(
    days: Annotated[int, typer.Option(min=1, max=3650, help="Of what was posted so many days back.")] = 30,
    account: _AccountId = None,
    as_json: AsJson = False,
) -> None:
    """What the posts brought by day, hour, topic and format, how the account grew, and who answered it."""
    found = run_async(_metrics(days, account))
    if as_json:
        print_json(found)
        return
    for one in found:
        say(f"{one.account_id}: {one.answered} of {one.replies} replies were answered by their addressee.")
        columns = ("day", "dimension", "value", "posts", "read", "engagement", "views")
        print_rows(one.rows, columns, title="Posts by day", empty=f"No post within {days} days.")
        print_rows(one.growth, ("day", "followers", "more"), title="Growth", empty="Not read yet.")
    if not found:
        say(_NOBODY)


async def _metrics(days: int, named: str | None) -> list[Any]:
    from stonechat.scraping.analytics import read_analytics

    async with _opened(named) as (database, clock, accounts):
        return [await read_analytics(database, clock, one, timedelta(days=days)) for one in accounts]


@spoken
def harvest(account: _AccountId = None, as_json: AsJson = False) -> None:
    """The pool of posts to answer by source and age, what each search finds, and the pages that were read."""
    found = run_async(_harvest(account))
    if as_json:
        print_json(found)
        return
    for one in found:
        title = f"Pool of {one['account_id']}, {one['muted']} authors are never answered"
        print_rows(one["pool"], ("source", "age", "open"), title=title, empty="The pool is empty.")
        columns = ("source", "query", "asked_at", "asked", "found", "dry")
        print_rows(one["searches"], columns, title="Searches", empty="None was made yet.")
        print_rows(one["loads"], ("purpose", "pages"), title="Pages read within 24 h", empty="None.")
    if not found:
        say(_NOBODY)


async def _harvest(named: str | None) -> list[dict[str, Any]]:
    from stonechat.harvesting.summary import read_summary
    from stonechat.monitoring.figures import pool_of

    async with _opened(named) as (database, clock, accounts):
        rows = []
        for one in accounts:
            summary = await read_summary(database, clock, one)
            pool = await pool_of(database, clock, one.id)
            rows.append(
                {
                    "account_id": one.id,
                    "pool": [{"source": source, "age": age, "open": n} for (source, age), n in pool.items()],
                    "searches": summary.searches,
                    "muted": summary.muted,
                    "loads": [{"purpose": name, "pages": n} for name, n in summary.loads.items()],
                }
            )
        return rows


@asynccontextmanager
async def _opened(named: str | None) -> AsyncIterator[tuple[Database, Clock, list[Account]]]:
    from stonechat.database.repositories import accounts
    from stonechat.owner.naming import chosen

    async with open_for_cli(read_stored()) as (database, clock):
        async with database.read("cli.accounts") as connection:
            every = await accounts.every(connection)
        yield database, clock, list(every) if named is None else [chosen(every, named)]


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    for command in (metrics, harvest):
        name = command.__name__
        app.command(name, rich_help_panel="Look", epilog=f"Example: stonechat {name} --json")(command)
