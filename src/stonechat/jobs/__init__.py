"""Layer 2: the job manager. Jobs are declared once; it runs them, and watches that they do their work.

async def sweep(ctx: JobContext) -> Work:
    posted = await ctx.step("publish", publish, Posted)
    return Work(done=1, due=1, note=posted.url)

jobs = [Job("posting.sweep", sweep, every=timedelta(minutes=5))]
async with open_jobs(settings, database, clock, events, jobs=jobs, …) as service:
    service.wake("posting.sweep", clock.now(), "ann")
"""

from stonechat.jobs.execution.durable_runs import open_store
from stonechat.jobs.execution.run_records import RunStep
from stonechat.jobs.job import (
    Job,
    JobContext,
    JobPriority,
    Json,
    Missed,
    Resource,
    Retry,
    Upcoming,
    Work,
)
from stonechat.jobs.operations import JobOperations, JobStatus
from stonechat.jobs.scheduling.watchdog import Health
from stonechat.jobs.service import JobService, open_jobs, runs_url_beside

__all__ = [
    "Health",
    "Job",
    "JobContext",
    "JobOperations",
    "JobPriority",
    "JobService",
    "JobStatus",
    "Json",
    "Missed",
    "Resource",
    "Retry",
    "RunStep",
    "Upcoming",
    "Work",
    "open_jobs",
    "open_store",
    "runs_url_beside",
]
