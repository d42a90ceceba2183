"""A process that runs jobs, to be killed and frozen: ``python -m tests.support.job_worker``.

It takes one JSON argument and appends to ``out`` a line for everything that its jobs do. That file is the
outside world of these tests: what stands in it twice was done twice.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from stonechat.config.settings import DatabaseSettings, JobsSettings
from stonechat.core.clock import SystemClock
from stonechat.core.events import EventStream
from stonechat.database.connection.database import open_database
from stonechat.jobs.job import Job, JobContext, JobPriority, Missed, Resource, Retry, Work
from stonechat.jobs.service import open_jobs, runs_url_beside
from stonechat.monitoring.logs import EventLog, set_up

HOUR = timedelta(hours=1)


class World:
    """The outside world: lines in a file, and a gate that a test opens."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self.gate = out.with_suffix(".gate")

    def say(self, what: str) -> None:
        """Append one line in one write, with this process's id."""
        handle = os.open(self._out, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(handle, f"{what} {os.getpid()}\n".encode())
        os.close(handle)

    async def three_steps(self, ctx: JobContext) -> Work:
        """The second step waits for the gate."""
        await ctx.step("one", lambda: self._do("one"))
        await ctx.step("two", self._wait)
        await ctx.step("three", lambda: self._do("three"))
        return Work(done=3, due=3)

    async def tick(self, ctx: JobContext) -> Work:
        """Says its run's name from a step."""
        await ctx.step("say", lambda: self._do(ctx.run_id))
        return Work(done=1, due=1)

    async def slow_tick(self, ctx: JobContext) -> Work:
        """Says its run's name, works a while, and says that it is done."""
        await ctx.step("say", lambda: self._do(ctx.run_id))
        await ctx.step("work", lambda: asyncio.sleep(0.3))
        await ctx.step("done", lambda: self._do(f"{ctx.run_id}#done"))
        return Work(done=1, due=1)

    async def _do(self, what: str) -> str:
        self.say(what)
        return what

    async def _wait(self) -> str:
        self.say("two-begins")
        while not self.gate.exists():
            await asyncio.sleep(0.02)
        self.say("two-ends")
        return "two"


def jobs_of(world: World, kind: str) -> list[Job]:
    """The declarations of one kind of test."""
    if kind == "steps":
        return [Job("test.steps", world.three_steps, every=HOUR, per_account=False, retry=Retry(attempts=1))]
    if kind == "browser":
        own = {"every": timedelta(milliseconds=500), "per_account": False, "resource": Resource.BROWSER}
        needs = frozenset({"database", "browser"})
        return [
            Job("test.post", world.tick, priority=JobPriority.POST, **own),  # type: ignore[arg-type]
            Job("test.metrics", world.tick, needs=needs, **own),  # type: ignore[arg-type]
        ]
    every = timedelta(milliseconds=1000 if kind == "slow ticks" else 500)
    run = world.slow_tick if kind == "slow ticks" else world.tick
    return [
        Job(f"test.tick{number}", run, every=every, per_account=False, missed=Missed.ALL)
        for number in range(3)
    ]


async def main(arguments: Mapping[str, Any]) -> None:
    """Run until told to stop."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    clock = SystemClock()
    set_up(level="INFO", json=False, secrets=(), clock=clock)
    events = EventStream(clock)
    events.subscribe(EventLog().hear)
    world = World(Path(arguments["out"]))
    url: str = arguments["url"]
    settings = JobsSettings()
    async with (
        open_database(url, DatabaseSettings(), clock) as database,
        open_jobs(
            settings,
            database,
            clock,
            events,
            jobs=jobs_of(world, arguments["kind"]),
            accounts=list,
            is_down=lambda need: arguments["down"] if need == "browser" and arguments["down"] else None,
            runs_url=runs_url_beside(url),
            close_limit=timedelta(seconds=1),
        ) as runner,
    ):
        if "wake" in arguments:
            runner.wake("test.steps", datetime.fromisoformat(arguments["wake"]))
        world.say(f"ready {time.time():.3f}")
        await stop.wait()
    world.say("stopped")


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
