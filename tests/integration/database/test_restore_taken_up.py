"""A database that was restored is taken up by what runs: nothing is sent twice, and the jobs go on."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from stonechat.cli import storage_reports
from stonechat.config.settings import DatabaseSettings, JobsSettings, Settings, StartupSettings
from stonechat.core.clock import Clock, SystemClock
from stonechat.core.events import EventStream
from stonechat.core.model import ContentKind, Opportunity
from stonechat.core.network import Publication
from stonechat.core.states import ContentState, OpportunityState, RunState
from stonechat.database import Database, open_database
from stonechat.database.maintenance.backup import back_up, restore
from stonechat.database.repositories import content, drafts, opportunities
from stonechat.database.repositories.drafts import ReserveDraft
from stonechat.jobs import open_store
from stonechat.jobs.execution.run_request import RunRequest
from stonechat.jobs.job import Job, Work
from stonechat.jobs.service import open_jobs, runs_url_beside
from tests.support.clock import ManualClock
from tests.support.posting import ACCOUNT, RunContext, desk_on, piece
from tests.support.waiting import eventually


@pytest.fixture
def clock() -> Any:
    return ManualClock()


@pytest.fixture
async def desk(any_database_url: str, clock: ManualClock) -> AsyncIterator[Any]:
    async with open_database(any_database_url, DatabaseSettings(), clock) as database:
        desk = desk_on(database, clock)
        await desk.add_account(ACCOUNT)
        yield desk


@pytest.fixture
async def sqlite_desk(sqlite_url: str, clock: ManualClock) -> AsyncIterator[Any]:
    async with open_database(sqlite_url, DatabaseSettings(), clock) as database:
        desk = desk_on(database, clock)
        await desk.add_account(ACCOUNT)
        yield desk


async def _sweep(desk: Any, clock: ManualClock, rounds: Any = 4) -> None:
    for _ in range(rounds):
        await desk.sweep().sweep(RunContext(clock))
        await desk.sweep().reconcile(RunContext(clock))
        await clock.advance(seconds=30)


async def _restored(desk: Any, clock: ManualClock, file: Any) -> Any:
    return await restore(desk.database, clock, file, replace=True, keep_in=file.parent / "kept")


async def test_a_post_that_went_out_after_the_backup_is_not_sent_again(
    desk: Any, clock: ManualClock, tmp_path: Path
) -> None:
    soon = clock.now() + timedelta(minutes=1)
    later = clock.now() + timedelta(hours=5)
    await desk.queue(
        piece("sent", "This one goes out after the backup.", due_at=soon),
        piece("thread", "One of two, after the backup.", "Two of two, after the backup.", due_at=soon),
        piece("unsent", "This one's turn comes while nothing runs.", due_at=soon + timedelta(minutes=30)),
        piece("later", "This one's time has not come.", due_at=later),
    )
    await back_up(desk.database, clock, tmp_path / "then.jsonl.gz")
    await clock.advance(minutes=2)
    await _sweep(desk, clock)
    assert len(desk.network.texts_of(ACCOUNT)) == 3
    await clock.advance(minutes=40)

    report = await _restored(desk, clock, tmp_path / "then.jsonl.gz")
    assert report.doubts.posts == 3
    assert (await desk.find("sent")).state is ContentState.UNCONFIRMED
    assert (await desk.find("later")).state is ContentState.QUEUED
    await _sweep(desk, clock)

    texts = desk.network.texts_of(ACCOUNT)
    assert len(texts) == len(set(texts)) == 4
    for content_id in ("sent", "thread", "unsent"):
        assert (await desk.find(content_id)).state is ContentState.POSTED
    found = await desk.find("sent")
    assert found.post_id is not None


async def test_a_post_that_was_at_the_click_is_looked_up_too(
    sqlite_desk: Any, clock: ManualClock, tmp_path: Path
) -> None:
    desk = sqlite_desk
    await desk.queue(piece("held", "Claimed when the backup was made, and sent after.", due_at=clock.now()))
    async with desk.database.begin("test.claim") as connection:
        held = await content.find(connection, "held")
        assert held is not None
        await content.claim(
            connection, held, now=clock.now(), lease_until=clock.wall() + timedelta(seconds=60), who="test"
        )
    await back_up(desk.database, clock, tmp_path / "then.jsonl.gz")
    await desk.network.publish(ACCOUNT, Publication(parts=held.parts))
    await _restored(desk, clock, tmp_path / "then.jsonl.gz")
    await clock.advance(minutes=3)
    await _sweep(desk, clock)
    assert (await desk.find("held")).state is ContentState.POSTED
    assert len(desk.network.texts_of(ACCOUNT)) == 1


async def test_what_may_have_been_used_since_is_not_used_again(
    sqlite_desk: Any, clock: ManualClock, tmp_path: Path
) -> None:
    desk = sqlite_desk
    now = clock.now()
    draft = ReserveDraft("r1", ACCOUNT.id, now, ("Kept for a bad day.",), ContentKind.SINGLE, {}, "", "", 0.0)
    found = Opportunity(
        "o1", ACCOUNT.id, "9", "ann", "How do you sleep?", "u", now, now, OpportunityState.FOUND, "search"
    )
    await desk.queue(
        piece("waits", "Waits for approval.", due_at=now, state=ContentState.AWAITING_APPROVAL),
    )
    async with desk.database.begin("test.stock") as connection:
        await drafts.stock(connection, draft)
        await opportunities.add(connection, [found])
    await back_up(desk.database, clock, tmp_path / "then.jsonl.gz")
    doubts = (await _restored(desk, clock, tmp_path / "then.jsonl.gz")).doubts
    assert (doubts.approvals, doubts.reserve, doubts.opportunities) == (1, 1, 1)
    assert (await desk.find("waits")).state is ContentState.MISSED
    async with desk.database.read("test.look") as connection:
        assert await drafts.reserve(connection, ACCOUNT.id) == []
        expired = await opportunities.find(connection, "o1")
        assert expired is not None and expired.state is OpportunityState.EXPIRED


async def test_the_jobs_go_on_from_the_restored_rows(any_database_url: str, tmp_path: Path) -> None:
    """The runs of jobs are not in a backup: those that there are belong to rows that are no more."""
    clock, ran = SystemClock(), []

    async def work(ctx: Any) -> Any:
        ran.append(ctx.run_id)
        return Work(1, 1)

    job = Job(name="test.tick", run=work, every=timedelta(seconds=1), per_account=False)
    url = any_database_url
    async with open_database(url, DatabaseSettings(), clock) as database:
        async with _jobs(database, url, [job], clock):
            await eventually(lambda: len(ran) >= 2)
        await back_up(database, clock, tmp_path / "jobs.jsonl.gz")
        async with _jobs(database, url, [job], clock):
            await eventually(lambda: len(ran) >= 4)
        async with open_store(runs_url_beside(url)) as store:
            late = RunRequest("test.tick", None, clock.now(), "manual: late")
            await store.enqueue([("database", late)])  # nobody has begun it
            settings = Settings(
                database=DatabaseSettings().model_copy(update={"url": url}),
                startup=StartupSettings().model_copy(update={"data_dir": tmp_path}),
            )
            _, given_up = await storage_reports.restore(
                settings, tmp_path / "jobs.jsonl.gz", True, lambda *_: None
            )
            assert given_up == 1
            assert await store.history() == []
        before = len(ran)
        async with _jobs(database, url, [job], clock) as service:
            await eventually(lambda: len(ran) >= before + 2)
            rows = await service.operations.history("test.tick")
    assert late.run_id not in {row.run_id for row in rows}
    assert RunState.SUCCEEDED in {row.state for row in rows}


def _jobs(database: Database, url: str, jobs: Any, clock: Clock) -> Any:
    return open_jobs(
        JobsSettings(),
        database,
        clock,
        EventStream(clock),
        jobs=jobs,
        accounts=lambda: [],
        is_down=lambda _name: None,
        runs_url=runs_url_beside(url),
    )
