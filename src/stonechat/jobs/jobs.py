"""The daily job that forgets what the policy lets go, so that nobody needs to call it."""

from __future__ import annotations

from datetime import timedelta

from stonechat.database.maintenance.retention import Retention
from stonechat.jobs.execution.durable_runs import open_store
from stonechat.jobs.job import Job, JobContext, JobPriority, Resource, Work

PRUNE = "jobs.prune"


def prune_job(retention: Retention, runs_url: str, keep_runs: timedelta) -> Job:
    """The declaration of ``jobs.prune``: every night, in small batches, behind everything else."""

    async def run(ctx: JobContext) -> Work:
        pruned = {one.family: one.rows for one in await retention.prune() if one.rows}
        async with open_store(runs_url) as store:
            forgotten = await store.forget(ctx.clock.wall() - keep_runs)
        if forgotten:
            pruned["runs of jobs and their steps"] = forgotten
        rows = sum(pruned.values())
        note = ", ".join(f"{count} {family}" for family, count in pruned.items()) or "nothing was old enough"
        return Work(done=rows, due=rows, note=note[:500])

    return Job(
        name=PRUNE,
        run=run,
        every=timedelta(days=1),
        stagger=timedelta(hours=3, minutes=20),
        per_account=False,
        timeout=timedelta(minutes=30),
        grace=timedelta(hours=12),
        resource=Resource.DATABASE,
        priority=JobPriority.BACKGROUND,
        useful="what is older than the policy keeps it was forgotten",
    )
