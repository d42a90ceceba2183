"""Bare DBOS, used as its own documentation shows: what the benchmark compares us with."""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import dataclass, field
from datetime import timedelta

from dbos import DBOS, DBOSConfig

from stonechat.jobs.engine.adapter import destroy_dbos

WORKERS = 8


@dataclass
class Timings:
    """``rate``: runs a second with a full queue; ``delays``: seconds from asking to the body's first line."""

    rate: float = 0.0
    delays: list[float] = field(default_factory=list)


async def measure(url: str, *, runs: int, singles: int, poll: timedelta, pause: timedelta) -> Timings:
    """One queue of workflows with one step each: ``runs`` at once, then ``singles`` one by one."""
    config: DBOSConfig = {
        "name": "bare-dbos",
        "system_database_url": url,
        "dbos_system_schema": f"bare_{uuid.uuid4().hex[:8]}",
        "application_version": "1",
        "log_level": "ERROR",
    }
    begun: dict[str, float] = {}
    DBOS(config=config)

    async def work() -> int:
        return 1

    @DBOS.workflow(name="bare.run")
    async def run(name: str) -> int:
        begun[name] = time.perf_counter()
        return await DBOS.run_step_async({"name": "work"}, work)

    try:
        DBOS.launch()
        await DBOS.register_queue_async(
            "bare", worker_concurrency=WORKERS, polling_interval_sec=poll.total_seconds()
        )
        await asyncio.sleep(2)  # its queue threads look for new queues once a second
        timings = Timings()
        asked = time.perf_counter()
        handles = [await DBOS.enqueue_workflow_async("bare", run, f"full-{number}") for number in range(runs)]
        await asyncio.gather(*(handle.get_result(polling_interval_sec=0.05) for handle in handles))
        timings.rate = runs / (time.perf_counter() - asked)
        for number in range(singles):
            name = f"single-{number}"
            asked = time.perf_counter()
            handle = await DBOS.enqueue_workflow_async("bare", run, name)
            await handle.get_result(polling_interval_sec=0.05)
            timings.delays.append(begun[name] - asked)
            await asyncio.sleep(pause.total_seconds())
        return timings
    finally:
        await destroy_dbos()
