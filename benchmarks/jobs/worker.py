"""A host of the takeover bench: ``python -m benchmarks.jobs.worker '{"url": …}'``.

It says on standard output what its jobs do, one line each: ``HOST begins STEP ACCOUNT``. A *victim* asks
for a run of its own and stays in that run's second step until it is killed; the *survivor* finishes it.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Mapping
from datetime import timedelta

from stonechat.config.settings import DatabaseSettings, JobsSettings
from stonechat.core.clock import SystemClock
from stonechat.core.events import EventStream
from stonechat.database.connection.database import open_database
from stonechat.jobs.job import Job, JobContext, Work
from stonechat.jobs.service import POLL, open_jobs

JOB = "bench.takeover"
NEVER = timedelta(hours=100_000)


def say(*words: str) -> None:
    """One line, at once."""
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


def job(host: str, *, stays: bool) -> Job:
    """Three steps; ``stays``: the second never ends."""

    async def run(ctx: JobContext) -> Work:
        account = str(ctx.account_id)

        async def step(name: str) -> str:
            say(host, "begins", name, account)
            if stays and name == "two":
                await asyncio.sleep(NEVER.total_seconds())
            return name

        for name in ("one", "two", "three"):
            await ctx.step(name, lambda name=name: step(name))  # type: ignore[misc]
        return Work(done=1, due=1)

    return Job(JOB, run, every=NEVER, timeout=timedelta(hours=1))


async def main(told: Mapping[str, str]) -> None:
    """Be a host until told to stop, or killed."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    clock = SystemClock()
    victim = told.get("account")
    async with (
        open_database(told["url"], DatabaseSettings(), clock) as database,
        open_jobs(
            JobsSettings() if victim is None else JobsSettings(takeover_after=NEVER),  # one takes over
            database,
            clock,
            EventStream(clock),
            jobs=[job(told["host"], stays=victim is not None)],
            accounts=lambda: (victim,) if victim is not None else (),
            is_down=lambda _: None,
            runs_url=told["url"],
            host=told["host"],
            close_limit=timedelta(seconds=1),
        ) as runner,
    ):
        say(told["host"], "ready")
        if victim is not None:
            await asyncio.sleep(POLL.total_seconds())  # now it is as likely to take the run as the survivor
            runner.wake(JOB, clock.now(), victim)
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
