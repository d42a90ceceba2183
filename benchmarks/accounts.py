"""What many accounts cost: all of Stonechat, on a network that answers at once and counts for nothing.

Every size lives through the same account-hours in the same real time: ten accounts on a clock a hundred times
as fast as a thousand. What is due is then the same everywhere, and whatever differs follows from how many
accounts and jobs there are. The largest size lives at real speed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import sqlalchemy as sa

from benchmarks.jobs import Row, alone, own_database
from benchmarks.support.idling import Started, running
from benchmarks.support.memory_network import NAME, installed_in
from stonechat.cli.commands.demo import EPOCH, HANDLE
from stonechat.cli.demonstration.local_network import local_network
from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import SystemClock
from stonechat.core.errors import Transient
from stonechat.core.ids import stable_id
from stonechat.core.model import Account, Content, ContentKind
from stonechat.core.states import ContentState
from stonechat.database import Database, open_database
from stonechat.database.repositories import accounts, content
from stonechat.database.schema.tables import content_metadata, job_progress
from stonechat.networks.plugin import LocalSite
from stonechat.networks.registry import installed

SQLITE_MOST = 100
"""Accounts; beyond, PostgreSQL is for."""

POSTS_A_DAY = 8

FIRST, LAST = 8, 22
"""Hours (UTC) between which posts are due, as the planner's own are."""

PATIENCE = timedelta(minutes=10)
"""Real time within which every account has to have been looked after once."""

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Lived:
    """What one size was like.

    Attributes:
        cpu: seconds of processor time an account-hour.
        late: real seconds between a post's due time and its being published, in order.
        memory: megabytes of the process's own.
        ill: the layers that were not well at the end, and how they were.
    """

    accounts: int
    cpu: float
    late: Sequence[float]
    memory: float
    ill: Sequence[str]


async def bench_accounts(
    folder: Path, server: str, *, most: int = 1_000, seconds: float = 180.0
) -> list[Row]:
    """10, 100 … ``most`` accounts with 8 posts a day; on SQLite to 100, on PostgreSQL to the last.

    Args:
        server: the address of any database on a PostgreSQL server, as somebody who may make others.
        seconds: how long (real time) each size is measured, once all accounts have been looked after once.
    """
    sizes = [size for size in (10, 100, 1_000) if size < most] + [most]
    rows: list[Row] = []
    for kind in ("SQLite", "PostgreSQL"):
        lived = []
        for size in sizes:
            if kind == "SQLite" and size > SQLITE_MOST:
                continue
            async with AsyncExitStack() as stack:
                own = folder / f"{kind}-{size}"
                own.mkdir()
                url = f"sqlite:///{own}/stonechat.db"
                if kind != "SQLite":
                    url = await stack.enter_async_context(own_database(server))
                lived.append(await _live(url, own, size, speed=most / size, seconds=seconds))
        rows += _rows(kind, lived)
    return rows


async def _live(url: str, folder: Path, size: int, *, speed: float, seconds: float) -> Lived:
    """One size: planned for, then watched."""
    origin = SystemClock().wall().timestamp()
    network = local_network(
        handle=HANDLE, seed=7, speed=speed, epoch=EPOCH, origin=origin, state_dir=folder / "network"
    )
    async with network as models:
        entry = '[[accounts]]\nnetwork = "{}"\nhandle = "account{:04}"\n'
        written = "".join(entry.format(NAME, number) for number in range(size))
        (folder / "stonechat.toml").write_text(written)
        settings = {
            "PYTHONPATH": installed_in(folder / "site"),
            "DATABASE_URL": url,
            "DATA_DIR": str(folder),
            "MODE": "demo",  # the only one in which a clock may be fast
            "CLOCK_SPEED": str(speed),
            "CLOCK_EPOCH": EPOCH.isoformat(),
            "CLOCK_ORIGIN": repr(origin),
            **installed().settings_of_demo(LocalSite(models.url, {}, {})),
            "OPENAI_BASE_URL": models.model_url,
            "OPENAI_API_KEY": "local",
            "POSTS_PER_DAY": str(POSTS_A_DAY),
            "JOBS_BROWSER_WORKERS": "8",  # as the settings advise with many accounts
            "JOBS_MODEL_WORKERS": "8",
            "RESERVE_DAYS": "0",
            "BUDGET_DAY_USD": "1000000",
            "BUDGET_MONTH_USD": "1000000",
            "LOG_LEVEL": "WARNING",
            "SEED": "7",
            "PORT": "0",
        }
        async with open_database(url, DatabaseSettings(), SystemClock()) as database:
            await _fill(database, size)
            async with running(settings, folder) as started:
                await _looked_after(database, size)
                return await _watched(started, database, size, speed=speed, seconds=seconds)


async def _fill(database: Database, size: int) -> None:
    """Let every account have the posts of its first day, at times of its own, as if planned the day before.

    What is measured is a day like any other, and not that a thousand accounts are planned for at once.
    """
    gap = timedelta(hours=LAST - FIRST) / POSTS_A_DAY
    for number in range(size):
        account = Account(f"{NAME}:account{number:04}", NAME, f"account{number:04}")
        async with database.begin("bench.fill") as connection:
            await accounts.put(connection, account, EPOCH)
            for post in range(POSTS_A_DAY):
                due_at = EPOCH.replace(hour=FIRST) + gap * (post + number / size)
                text = f"Note {post} of {account.handle}: write the first line before you read the news."
                row = Content(
                    id=stable_id("bench", account.id, str(post)),
                    account_id=account.id,
                    kind=ContentKind.SINGLE,
                    state=ContentState.QUEUED,
                    parts=(text,),
                    due_at=due_at,
                    created_at=EPOCH,
                    state_since=EPOCH,
                )
                await content.add(connection, row, who="bench")


async def _looked_after(database: Database, size: int) -> None:
    """Return when the plan of every account, which is made at the start, has been made.

    Raises:
        Transient: it takes too long.
    """
    query = sa.select(sa.func.count()).where(job_progress.c.job == "content.plan")
    query = query.where(job_progress.c.ended_at.is_not(None))
    found = 0
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            while found < size:
                await asyncio.sleep(1)
                async with database.read("bench.looked_after") as connection:
                    found = (await connection.execute(query)).scalar_one()
    except TimeoutError as exc:
        raise Transient(f"Only {found} of {size} accounts were looked after in {PATIENCE}.") from exc


async def _watched(started: Started, database: Database, size: int, *, speed: float, seconds: float) -> Lived:
    process = psutil.Process(started.pid)
    begun, before = SystemClock().monotonic(), process.cpu_times()
    first = await _posted(database)
    await asyncio.sleep(seconds)
    after, took = process.cpu_times(), SystemClock().monotonic() - begun
    used = after.user + after.system - before.user - before.system
    late = [
        gap.total_seconds() / speed for name, gap in (await _posted(database)).items() if name not in first
    ]
    return Lived(
        accounts=size,
        cpu=used / (size * took * speed / 3600),
        late=sorted(late),
        memory=process.memory_full_info().uss / MEGABYTE,
        ill=await _ill(started.address),
    )


async def _posted(database: Database) -> dict[str, timedelta]:
    """How late each post went out, by its id (account time)."""
    table = content_metadata
    query = sa.select(table.c.id, table.c.due_at, table.c.posted_at).where(table.c.state == "posted")
    async with database.read("bench.posted") as connection:
        return {row.id: row.posted_at - row.due_at for row in await connection.execute(query)}


async def _ill(address: str) -> list[str]:
    async with httpx.AsyncClient(timeout=30) as client:
        said: dict[str, Any] = (await client.get(f"{address}/status")).json()
    return [f"{one['name']}: {one['cause']}" for one in said["layers"] if one["state"] != "ok"]


def _rows(kind: str, lived: Sequence[Lived]) -> list[Row]:
    least = lived[0]
    rows: list[Row] = []
    for one in lived:
        where = f"{kind}, {one.accounts} accounts"
        ratio = one.cpu / least.cpu
        rows.append(
            {
                "measure": f"{where}: CPU an account-hour, s; peer {least.accounts} accounts",
                "ours": round(one.cpu, 3),
                "peer": round(least.cpu, 3),
                "ratio": round(ratio, 2),
                "goal": "<= 1.5 of it",
                "met": ratio <= 1.5,
            }
        )
        late = one.late[min(len(one.late) - 1, len(one.late) * 99 // 100)] if one.late else float("inf")
        rows.append(alone(f"{where}: p99 of {len(one.late)} posts' lateness, s", late, 60.0))
        rows.append(alone(f"{where}: layers not well ({', '.join(one.ill) or 'none'})", len(one.ill), 0))
    most = lived[-1]
    if most is not least:
        more = (most.memory - least.memory) / (most.accounts - least.accounts)
        rows.append(
            alone(
                f"{kind}: memory, MB for each account more ({least.memory:.0f} to {most.memory:.0f})",
                more,
                1.0,
            )
        )
    return rows
