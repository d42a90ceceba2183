"""What the pool says of itself, and what is kept of a failure, on the pages, in the API and on the command line."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from structlog.contextvars import bound_contextvars

from benchmarks.browser.soak import light_site
from stonechat.browser import BrowserPool
from stonechat.browser.failure_artifacts import KEPT, FailureArtifactFolder, NetworkErrors
from stonechat.config.settings import DatabaseSettings, JobsSettings
from stonechat.core.errors import Permanent
from stonechat.core.events import EventStream
from stonechat.database import Database, open_database
from stonechat.database.repositories import content, receipts
from stonechat.jobs.job import Job, JobContext, Retry, Work
from stonechat.jobs.service import open_jobs, runs_url_beside
from tests.integration.browser.test_browser_pool import opened, works
from tests.integration.dashboard.test_dashboard import CLOCK, fill, site
from tests.support.job_runs import run_now
from tests.support.waiting import eventually

SECRET = "a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6e7f8"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(f"sqlite:///{tmp_path}/x.db", DatabaseSettings(), CLOCK) as database:
        await fill(database)
        yield database


async def fail(pool: BrowserPool, address: str) -> None:
    with bound_contextvars(run_id="run-1", content_id="c-posted"), pytest.raises(Permanent):
        async with pool.lease("a", task="publish") as lease:
            await lease.page.goto(f"{address}/compose?token={SECRET}")
            missing = "fetch('/cut?auth=" + SECRET + "').catch(() => 0)"
            await lease.page.evaluate(missing)
            raise Permanent(
                f"The button is gone: {address}/compose?token={SECRET}, owner@example.com, {SECRET}"
            )


async def test_a_failure_is_shown_with_its_post_its_page_and_its_picture_and_without_secrets(
    tmp_path: Path, database: Database
) -> None:
    async with opened(tmp_path) as pool, light_site() as address, site(database) as shown:
        shown.data.connect(pool=pool.health, evidence=pool.evidence)
        await works(pool)
        await fail(pool, address)

        [kept] = (await shown.get("/api/evidence?run_id=run-1")).json()
        assert (kept["content_id"], kept["task"], kept["account_id"]) == ("c-posted", "publish", "a")
        assert kept["address"] == f"{address}/compose?token=…"
        assert kept["title"].startswith("/compose")
        assert any("/cut?auth=…" in line for line in kept["network"])
        assert (await shown.get("/api/evidence?run_id=another")).json() == []
        post = await shown.get("/posts/c-posted")
        assert "The button is gone" in post.text
        picture = await shown.get(f"/evidence/{kept['screenshot']}")
        assert picture.headers["content-type"] == "image/jpeg"
        assert picture.content.startswith(b"\xff\xd8")
        assert (await shown.get("/evidence/..%2F..%2Fx.jpg")).status_code == 404
        for text in (json.dumps(kept), post.text, (await shown.get("/browser")).text):
            assert SECRET not in text
            assert "owner@example.com" not in text


async def test_where_another_host_made_the_try_that_host_is_named(database: Database) -> None:
    """Pictures stay on the host that made them."""
    async with database.begin("test.try") as connection:
        waiting = await content.find(connection, "c-ahead")
        assert waiting is not None
        now = CLOCK.now()
        claimed = await content.claim(connection, waiting, now=now, lease_until=now, who="far-away")
        tried = await receipts.begin(connection, claimed, parts_from=0, host="far-away", now=now, wall=now)
        await receipts.end(connection, tried, outcome="refused", detail="the button is gone", now=now)
    async with site(database) as shown:
        assert "look at the pages of far-away" in (await shown.get("/posts/c-ahead")).text
        assert "look at the pages of" not in (await shown.get("/posts/c-posted")).text


async def test_what_failed_inside_a_run_stands_on_the_page_of_that_run(tmp_path: Path) -> None:
    async with opened(tmp_path) as pool, light_site() as address:

        async def read(ctx: JobContext) -> Work:
            async def look() -> None:
                async with pool.lease("a", task="read") as lease:
                    await lease.page.goto(f"{address}/profile")
                    raise Permanent("The profile has changed.")

            await ctx.step("look", look)
            return Work()

        job = Job("a.reads", read, every=timedelta(hours=1), per_account=False, retry=Retry(attempts=1))
        url = f"sqlite:///{tmp_path}/jobs.db"
        async with (
            open_database(url, DatabaseSettings(), CLOCK) as database,
            open_jobs(
                JobsSettings(),
                database,
                CLOCK,
                EventStream(CLOCK),
                jobs=[job],
                accounts=lambda: [],
                is_down=lambda _: None,
                runs_url=runs_url_beside(url),
            ) as runner,
            site() as shown,
        ):
            shown.data.connect(database=database, runner=runner, pool=pool.health, evidence=pool.evidence)
            run_id = await run_now(runner, database, "a.reads")
            await eventually(lambda: bool(pool.evidence and pool.evidence.newest(run_id=run_id)))

            page = await shown.get(f"/runs/{quote(run_id)}")
            assert "The profile has changed." in page.text
            assert "/evidence/" in page.text


async def test_pictures_and_figures_need_the_log_in_where_there_is_one(tmp_path: Path) -> None:
    async with opened(tmp_path) as pool, light_site() as address:
        await fail(pool, address)
        async with site(password="correct horse battery") as shown:
            shown.data.connect(pool=pool.health, evidence=pool.evidence)
            [kept] = await shown.data.failures()
            for path in (f"/evidence/{kept.screenshot}", "/api/browser", "/api/evidence", "/browser"):
                assert (await shown.get(path)).status_code in {303, 401}, path


async def test_the_command_prints_what_the_pool_says(tmp_path: Path) -> None:
    async with opened(tmp_path) as pool, light_site() as address, site() as shown:
        shown.data.connect(pool=pool.health, evidence=pool.evidence)
        await fail(pool, address)

        said = json.loads(await command("--json", "--url", str(shown.client.base_url)))
        table = await command("--url", str(shown.client.base_url))

    assert said["up"] is True
    assert (said["contexts"], said["limit"], said["queue_depth"]) == (1, 3, 0)
    assert said["operations"] == {"publish": {"refused": 1}}
    assert said["waits"]["counted"] == 1
    assert said["failures"][0]["run_id"] == "run-1"
    assert str(tmp_path) not in json.dumps(said)
    assert "contexts  1 of 3" in table
    assert "Last failures" in table


async def command(*arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "stonechat.cli.main", "browser", *arguments, stdout=subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    return said.decode()


async def test_only_so_many_records_are_kept_and_a_broken_one_hides_nothing(tmp_path: Path) -> None:
    folder = FailureArtifactFolder(tmp_path / "evidence")
    async with opened(tmp_path) as pool, pool.lease("a") as lease:
        errors = NetworkErrors(lease.page)
        at = CLOCK.wall()
        for number in range(KEPT + 5):
            await folder.keep(
                lease.page,
                errors,
                at=at + timedelta(seconds=number),
                account_id="a",
                task=f"task {number}",
                reason="why",
                picture=False,
            )
    assert len(list(folder.path.iterdir())) == KEPT
    newest = folder.newest(limit=1)[0]
    assert newest.task == f"task {KEPT + 4}"
    (folder.path / "20990101T000000000000-x.json").write_text("{")
    assert folder.newest(limit=1) == [newest]
