"""procrastinate, used as its own documentation shows: a task queue on the same PostgreSQL."""

from __future__ import annotations

import asyncio
import time
import uuid
from datetime import timedelta
from importlib.util import find_spec
from typing import Any

import psycopg
import sqlalchemy as sa

from benchmarks.jobs.bare_dbos import WORKERS, Timings

MISSING = "procrastinate is not installed: uv sync --inexact --group bench"


def installed() -> bool:
    """Whether procrastinate can be measured here."""
    return find_spec("procrastinate") is not None


async def measure(url: str, *, runs: int, singles: int, pause: timedelta) -> Timings:
    """One queue of tasks: ``runs`` at once, then ``singles`` one by one. It has no steps to record.

    Args:
        url: a PostgreSQL database; its tables go to a schema of their own.
    """
    from procrastinate import App, PsycopgConnector

    schema = f"procrastinate_{uuid.uuid4().hex[:8]}"
    plain = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    async with await psycopg.AsyncConnection.connect(plain, autocommit=True) as connection:
        await connection.execute(f'CREATE SCHEMA "{schema}"')
    address = psycopg.conninfo.make_conninfo(plain, options=f"-csearch_path={schema}")
    app = App(connector=PsycopgConnector(conninfo=address, max_size=20))
    begun: dict[str, float] = {}
    ended = asyncio.Semaphore(0)

    @app.task(queue="bench", name="bench.run")
    async def run(name: str) -> int:
        begun[name] = time.perf_counter()
        ended.release()
        return 1

    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        worker = asyncio.create_task(
            app.run_worker_async(queues=["bench"], concurrency=WORKERS, install_signal_handlers=False)
        )
        try:
            await asyncio.sleep(1)
            timings = Timings()
            asked = time.perf_counter()
            for number in range(runs):
                await run.defer_async(name=f"full-{number}")
            for _ in range(runs):
                await ended.acquire()
            await _all_ended(app)
            timings.rate = runs / (time.perf_counter() - asked)
            for number in range(singles):
                await asyncio.sleep(pause.total_seconds())
                name = f"single-{number}"
                asked = time.perf_counter()
                await run.defer_async(name=name)
                await ended.acquire()
                timings.delays.append(begun[name] - asked)
            return timings
        finally:
            worker.cancel()
            await asyncio.gather(worker, return_exceptions=True)


async def _all_ended(app: Any) -> None:
    query = "SELECT count(*) AS left FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"
    while (await app.connector.execute_query_one_async(query))["left"]:  # noqa: ASYNC110 - a rival is asked
        await asyncio.sleep(0.01)
