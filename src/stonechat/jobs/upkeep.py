"""The daily job that forgets what the policy lets go, so that nobody needs to call it."""

from __future__ import annotations

from datetime import timedelta

from stonechat.database.maintenance.retention import Retention
from stonechat.jobs.declaration import Job, JobContext, Missed, Priority, Resource, Work

PRUNE = "jobs.prune"


def prune_job(retention: Retention) -> Job:
    """The declaration of ``jobs.prune``: every night, in small batches, behind everything else."""

    async def run(_ctx: JobContext) -> Work:
        pruned = [one for one in await retention.prune() if one.rows]
        rows = sum(one.rows for one in pruned)
        note = ", ".join(f"{one.rows} {one.family}" for one in pruned) or "nothing was old enough"
        return Work(done=rows, due=rows, note=note[:500])

    return Job(
        name=PRUNE,
        run=run,
        cron="20 3 * * *",
        per_account=False,
        timeout=timedelta(minutes=30),
        missed=Missed.LATEST,
        grace=timedelta(hours=12),
        resource=Resource.DATABASE,
        priority=Priority.BACKGROUND,
        useful="what is older than the policy keeps it was forgotten",
    )
