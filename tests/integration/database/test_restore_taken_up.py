"""A database that was restored is taken up by what runs: nothing is sent twice, and the jobs go on."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from stonechat.config.settings import DatabaseSettings, JobsSettings
from stonechat.core.clock import Clock, SystemClock
from stonechat.core.events import EventStream
from stonechat.core.model import ContentKind, Opportunity
from stonechat.core.network import Publication
from stonechat.core.states import ContentState, OpportunityState, RunState
from stonechat.database import Database, open_database
from stonechat.database.maintenance.backup import back_up, restore
from stonechat.database.repositories import content, drafts, job_rows, opportunities
from stonechat.database.repositories.drafts import ReserveDraft
from stonechat.jobs.declaration import Job, Work
from stonechat.jobs.runner import engine_url_beside, open_jobs
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
        offered = await opportunities.find(connection, "o1")
        assert offered is not None
        assert offered.state is OpportunityState.EXPIRED


async def test_the_jobs_go_on_with_a_new_engine(
    any_database_url: str, sqlite_url: str, tmp_path: Path
) -> None:
    """The job engine's own records are not in a backup: a run starts with an empty one."""
    clock, ran = SystemClock(), []

    async def work(ctx: Any) -> Any:
        ran.append(ctx.run_id)
        return Work(1, 1)

    job = Job(name="test.tick", run=work, every=timedelta(seconds=1), per_account=False)
    here, there = any_database_url, f"sqlite:///{tmp_path / 'there.db'}"
    async with open_database(here, DatabaseSettings(), clock) as database:
        async with _jobs(database, here, [job], clock):
            await eventually(lambda: len(ran) >= 2)
        async with database.begin("test.cut_off") as connection:  # as a process that was killed leaves it
            last = (await job_rows.history(connection, job="test.tick", limit=1))[0]
            await connection.exec_driver_sql(
                f"UPDATE job_runs SET state = 'running' WHERE run_id = '{last.run_id}'"  # noqa: S608
            )
        await back_up(database, clock, tmp_path / "jobs.jsonl.gz")
    before = len(ran)
    async with open_database(there, DatabaseSettings(), clock, migrated=False) as database:
        report = await restore(database, clock, tmp_path / "jobs.jsonl.gz")
        assert report.doubts.runs == 1
        async with _jobs(database, there, [job], clock) as runner:
            await eventually(lambda: len(ran) >= before + 2)
            rows = await runner.history("test.tick", limit=50)
    assert len(set(ran)) == len(ran)
    by_id = {row.run_id: row.state for row in rows}
    assert by_id[last.run_id] is RunState.ABANDONED
    assert RunState.SUCCEEDED in by_id.values()


def _jobs(database: Database, url: str, jobs: Any, clock: Clock) -> Any:
    return open_jobs(
        JobsSettings(),
        database,
        clock,
        EventStream(clock),
        jobs=jobs,
        accounts=lambda: [],
        is_down=lambda _name: None,
        engine_url=engine_url_beside(url),
    )
