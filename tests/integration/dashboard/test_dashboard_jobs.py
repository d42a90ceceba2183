"""The pages of jobs and runs over real HTTP: what ran and how, and the buttons that steer it."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

from stonechat.browser.failure_artifacts import FailureArtifactFolder
from stonechat.config.settings import DatabaseSettings, JobsSettings
from stonechat.database import open_database
from stonechat.database.repositories import audit
from stonechat.jobs.job import Job, JobContext, Retry, Work
from stonechat.jobs.service import JobService, open_jobs, runs_url_beside
from tests.integration.dashboard.test_dashboard import CLOCK, Site, site
from tests.support.job_runs import run_now
from tests.support.waiting import eventually

HOUR = timedelta(hours=1)
RECORD = "20260105T090000000000-read"


async def _works(ctx: JobContext) -> Work:
    async def look() -> int:
        return 3

    return Work(done=await ctx.step("look <b>around</b>", look), due=4)


async def _fails(ctx: JobContext) -> Work:
    async def read() -> None:
        raise ValueError("the page <i>has changed</i>")

    await ctx.step("read", read)
    return Work()


async def _hangs(_: JobContext) -> Work:
    await asyncio.Event().wait()
    return Work()


JOBS = [
    Job("a.works", _works, every=HOUR, per_account=False, useful="something was found"),
    Job("a.fails", _fails, every=HOUR, retry=Retry(attempts=1)),
    Job("a.hangs", _hangs, every=HOUR, per_account=False),
]


async def _end(runner: JobService, run_id: str) -> str:
    async def ended() -> bool:
        found = await runner.operations.show(run_id)
        return found is not None and found[0].ended_at is not None

    await eventually(ended)
    return run_id


def _keep_evidence(folder: Path, run_id: str) -> FailureArtifactFolder:
    record = {
        "name": RECORD,
        "at": CLOCK.now().isoformat(),
        "account_id": "ann",
        "task": "read",
        "reason": "failed: no profile",
        "address": "https://network.example/ann",
        "title": "",
        "network": [],
        "screenshot": f"{RECORD}.jpg",
        "run_id": run_id,
        "content_id": "",
    }
    (folder / f"{RECORD}.json").write_text(json.dumps(record))
    (folder / f"{RECORD}.jpg").write_bytes(b"a picture")
    return FailureArtifactFolder(folder)


async def test_jobs_and_runs_are_shown_and_steered(sqlite_url: str, tmp_path: Path) -> None:
    async with (
        open_database(sqlite_url, DatabaseSettings(), CLOCK) as database,
        site(database) as here,
        open_jobs(
            JobsSettings(),
            database,
            CLOCK,
            here.events,
            jobs=JOBS,
            accounts=lambda: ["ann"],
            is_down=lambda _: None,
            runs_url=runs_url_beside(sqlite_url),
            close_limit=timedelta(seconds=1),
        ) as runner,
    ):
        here.data.connect(runner=runner)
        worked = await _end(runner, await run_now(runner, database, "a.works"))
        failed = await _end(runner, await run_now(runner, database, "a.fails", "ann"))
        here.data.connect(evidence=_keep_evidence(tmp_path, failed))
        await _jobs_are_shown(here, worked)
        await _runs_are_shown(here, worked, failed)
        await _buttons_work(here, runner)
        async with database.read("test") as connection:
            actions = [line.action for line in await audit.newest(connection, limit=10)]
        assert {"jobs.run", "jobs.pause", "jobs.resume", "jobs.cancel"} <= set(actions)


async def _jobs_are_shown(here: Site, worked: str) -> None:
    page = (await here.get("/jobs")).text
    assert 'class="spark"' in page and "Pause" in page and "Run now" in page
    assert f"/runs/{quote(worked)}" in page
    page = (await here.get("/jobs/a.works")).text
    assert "something was found" in page and "manual: a test" in page and "3 of 4" in page
    assert (await here.get("/jobs/nothing")).status_code == 404
    (row,) = (await here.get("/api/jobs/a.works/runs")).json()
    assert (row["run_id"], row["state"]) == (worked, "succeeded")


async def _runs_are_shown(here: Site, worked: str, failed: str) -> None:
    page = (await here.get(f"/runs/{quote(worked)}")).text
    assert "look &lt;b&gt;around&lt;/b&gt;" in page and "Cancel" not in page
    page = (await here.get(f"/runs/{quote(failed)}")).text
    assert "the page &lt;i&gt;has changed&lt;/i&gt;" in page, "what the network says is markup"
    assert f"/evidence/{RECORD}.jpg" in page
    assert (await here.get(f"/evidence/{RECORD}.jpg")).content == b"a picture"
    said = (await here.get(f"/api/runs/{quote(failed)}")).json()
    assert said["steps"][0]["error"] == "ValueError: the page <i>has changed</i>"
    assert [one["name"] for one in said["evidence"]] == [RECORD]
    assert (await here.get("/runs/a.works@never")).status_code == 404
    assert (await here.get("/api/runs/a.works@never")).status_code == 404


async def _buttons_work(here: Site, runner: JobService) -> None:
    await here.do("jobs/pause", target="a.works", why="looking into it")

    async def shown() -> bool:
        return "looking into it" in (await here.get("/parts/jobs")).text

    async def gone() -> bool:
        return not await shown()

    await eventually(shown)
    await here.do("jobs/resume", target="a.works")
    await eventually(gone)
    await here.do("jobs/run", target="a.hangs")

    async def at_work() -> bool:
        return any(run.state.value == "running" for run in await runner.operations.history("a.hangs"))

    await eventually(at_work)
    (run,) = await runner.operations.history("a.hangs")
    assert "Cancel" in (await here.get(f"/runs/{quote(run.run_id)}")).text
    refused = await here.client.post(
        "/do/jobs/cancel", data={"target": run.run_id}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert refused.status_code == 403
    await here.do("jobs/cancel", target=run.run_id)
    await _end(runner, run.run_id)
    assert "cancelled by local owner" in (await here.get(f"/runs/{quote(run.run_id)}")).text
    again = await here.do("jobs/cancel", target=run.run_id)
    assert "has ended already" in again.text
