"""Bare DBOS, used as its own documentation shows: what the benchmark compares us with."""

from __future__ import annotations

import asyncio
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta

from dbos import DBOS, DBOSClient, DBOSConfig, Serializer, SetEnqueueOptions

from stonechat.jobs.execution.durable_runs import FAST, SCHEMA, JsonSerializer
from stonechat.jobs.service import POLL

WORKERS = 8
"""Runs at once, the same for everybody who is measured."""

OPEN = ["ENQUEUED", "PENDING"]


@dataclass
class Timings:
    """``rate``: runs a second with a full queue; ``delays``: seconds from asking to the body's first line."""

    rate: float = 0.0
    delays: list[float] = field(default_factory=list)


async def measure(url: str, *, runs: int, singles: int, pause: timedelta) -> Timings:
    """One queue of workflows with one step each: ``runs`` at once, then ``singles`` one by one.

    Its queue makes the same promise as ours: of one partition, one run at a time. It is looked into as often:
    with a backlog every ``FAST``, else every ``POLL``.
    Who watches does not slow it down: bodies are counted here, and outcomes asked for when all have ended.
    """
    schema = f"bare_{uuid.uuid4().hex[:8]}"
    config: DBOSConfig = {
        "name": "bare-dbos",
        "system_database_url": url,
        "dbos_system_schema": schema,
        "application_version": "1",
        "log_level": "ERROR",
        "serializer": JsonSerializer(),
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
        queue = await DBOS.register_queue_async(
            "bare",
            worker_concurrency=WORKERS,
            partition_concurrency=1,
            polling_interval_sec=FAST.total_seconds(),
        )
        await asyncio.sleep(2)  # its queue threads look for new queues once a second
        timings = Timings()
        asked = time.perf_counter()
        for number in range(runs):
            with SetEnqueueOptions(queue_partition_key=f"full-{number}"):
                await DBOS.enqueue_workflow_async("bare", run, f"full-{number}")
        for _ in range(runs):
            await ended.acquire()
        await all_ended(url, schema)
        timings.rate = runs / (time.perf_counter() - asked)
        await queue.set_polling_interval_sec_async(POLL.total_seconds())
        for number in range(singles):
            await asyncio.sleep(pause.total_seconds())
            name = f"single-{number}"
            asked = time.perf_counter()
            with SetEnqueueOptions(queue_partition_key=name):
                await DBOS.enqueue_workflow_async("bare", run, name)
            await ended.acquire()
            timings.delays.append(begun[name] - asked)
        return timings
    finally:
        await _destroy()


async def all_ended(url: str, schema: str = SCHEMA, serializer: Serializer | None = None) -> None:
    """Return when no run waits or is at work in the engine's database."""
    client = DBOSClient(
        system_database_url=url, dbos_system_schema=schema, serializer=serializer or JsonSerializer()
    )
    try:
        while await client.list_workflows_async(status=OPEN, limit=1):  # noqa: ASYNC110 - a database
            await asyncio.sleep(0.01)
    finally:
        client.destroy()


async def _destroy() -> None:
    """Shut DBOS down from a thread of its own: its threads may wait for this loop while they stop."""
    loop = asyncio.get_running_loop()
    threads = ThreadPoolExecutor(thread_name_prefix="asyncio")
    loop.set_default_executor(threads)
    with ThreadPoolExecutor(1, "bare-close") as own:
        await loop.run_in_executor(own, lambda: DBOS.destroy(destroy_registry=True))
    loop.set_default_executor(threads)
