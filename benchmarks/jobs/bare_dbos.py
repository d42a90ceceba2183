"""Bare DBOS, used as its own documentation shows: what the benchmark compares us with."""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import dataclass, field
from datetime import timedelta

import sqlalchemy as sa
from dbos import DBOS, DBOSConfig
from dbos._sys_db import WorkflowStatusString
from stonechat.jobs.engine.adapter import destroy_dbos
from stonechat.jobs.engine.books import SCHEMA

WORKERS = 8
"""Runs at once, the same for everybody who is measured."""

POLL = timedelta(milliseconds=20)
"""Bare DBOS looks into its queue this often; its default of one second would make it look worse."""

OPEN = (WorkflowStatusString.ENQUEUED.value, WorkflowStatusString.PENDING.value)


@dataclass
class Timings:
    """``rate``: runs a second with a full queue; ``delays``: seconds from asking to the body's first line."""

    rate: float = 0.0
    delays: list[float] = field(default_factory=list)


async def measure(url: str, *, runs: int, singles: int, pause: timedelta) -> Timings:
    """One queue of workflows with one step each: ``runs`` at once, then ``singles`` one by one.

    Who watches does not slow it down: bodies are counted here, and outcomes asked for when all have ended.
    """
    schema = f"bare_{uuid.uuid4().hex[:8]}"
    config: DBOSConfig = {
        "name": "bare-dbos",
        "system_database_url": url,
        "dbos_system_schema": schema,
        "application_version": "1",
        "log_level": "ERROR",
    }
    begun: dict[str, float] = {}
    ended = asyncio.Semaphore(0)
    DBOS(config=config)

    async def work() -> int:
        return 1

    @DBOS.workflow(name="bare.run")
    async def run(name: str) -> int:
        begun[name] = time.perf_counter()
        done = await DBOS.run_step_async({"name": "work"}, work)
        ended.release()
        return done

    try:
        DBOS.launch()
        await DBOS.register_queue_async(
            "bare", worker_concurrency=WORKERS, polling_interval_sec=POLL.total_seconds()
        )
        await asyncio.sleep(2)  # its queue threads look for new queues once a second
        timings = Timings()
        asked = time.perf_counter()
        for number in range(runs):
            await DBOS.enqueue_workflow_async("bare", run, f"full-{number}")
        for _ in range(runs):
            await ended.acquire()
        await all_ended(url, schema)
        timings.rate = runs / (time.perf_counter() - asked)
        for number in range(singles):
            await asyncio.sleep(pause.total_seconds())
            name = f"single-{number}"
            asked = time.perf_counter()
            await DBOS.enqueue_workflow_async("bare", run, name)
            await ended.acquire()
            timings.delays.append(begun[name] - asked)
        return timings
    finally:
        await destroy_dbos()


async def all_ended(url: str, schema: str = SCHEMA) -> None:
    """Return when no run waits or is at work in the engine's database."""
    address = sa.make_url(url)
    sqlite = address.drivername.startswith("sqlite")
    table = sa.table("workflow_status", sa.column("status"), schema=None if sqlite else schema)
    left = sa.select(sa.func.count()).select_from(table).where(table.c.status.in_(OPEN))
    engine = sa.create_engine(address.set(drivername="sqlite" if sqlite else "postgresql+psycopg"))

    def count() -> int:
        with engine.connect() as connection:
            return int(connection.execute(left).scalar_one())

    try:
        while await asyncio.to_thread(count):  # noqa: ASYNC110 - a database is asked
            await asyncio.sleep(0.01)
    finally:
        engine.dispose()
