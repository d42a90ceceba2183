"""The daily look at every selector and wire path that we read: what moved is named before a post needs it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from stonechat.core.errors import PageChanged, Permanent
from stonechat.core.model import Account
from stonechat.core.states import SessionState
from stonechat.database import Database
from stonechat.database.repositories import accounts
from stonechat.jobs import Job, JobContext, JobPriority, Resource, Work

SELECTORS = "scraping.selectors"

CheckSelectors = Callable[[Account], Awaitable[tuple[str, ...]]]
"""Looks at the live page and what it asks for, and names what has moved; empty where nothing has."""


def selectors_job(database: Database, networks: dict[str, CheckSelectors]) -> Job:
    """The declaration of ``scraping.selectors``.

    Args:
        networks: the check of each network that is read from pages, by ``Account.network``.
    """

    async def run(ctx: JobContext) -> Work:
        async with database.read("scraping.account") as connection:
            account = await accounts.find(connection, ctx.account_id or "")
            if account is None:
                raise Permanent(f"There is no account {ctx.account_id!r}.")
            session = await accounts.session(connection, account.id)
        check = networks.get(account.network)
        if check is None:
            return Work(note="this network is not read from pages")
        if session.state is not SessionState.VALID:
            return Work(note=f"the session is {session.state.value}")
        missing = await check(account)
        if missing:
            raise PageChanged(
                ", ".join(missing),
                f"No longer where it belongs: {', '.join(missing)}.",
                meaning="Posting or reading may fail where these are needed; each has an alert of its own.",
                remedy="Update Stonechat; until then the queue is kept.",
            )
        return Work(done=1, due=1, note="every selector and wire path is where it belongs")

    return Job(
        name=SELECTORS,
        run=run,
        every=timedelta(days=1),
        stagger=timedelta(hours=4, minutes=40),
        spread=timedelta(hours=1),
        needs=frozenset({"database", "browser"}),
        resource=Resource.BROWSER,
        priority=JobPriority.BACKGROUND,
        useful="every selector and wire path was looked for on the live page",
    )
