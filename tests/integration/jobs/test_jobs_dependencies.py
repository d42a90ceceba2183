"""L2.5: what a job needs is down. It waits, a row says why, and the owner hears of one incident."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from stonechat.alerting import Alerting
from stonechat.alerting.state_machine import Timing
from stonechat.config.settings import DatabaseSettings, JobsSettings
from stonechat.core.clock import SystemClock
from stonechat.core.events import EventStream
from stonechat.core.ports import AlertMessage
from stonechat.core.states import LayerState, RunState
from stonechat.database.connection.database import open_database
from stonechat.database.repositories.job_progress import JobRun
from stonechat.jobs.job import Job, JobContext, Resource, Work
from stonechat.jobs.service import JobService, open_jobs, runs_url_beside
from stonechat.monitoring import HealthBoard, ProbeResult, down, ok
from stonechat.startup.health_checks import DatabaseAnswers, check_jobs
from tests.support.clock import ManualClock
from tests.support.job_runs import run_now
from tests.support.job_workers import Workers
from tests.support.processes import Reaper, wait_until
from tests.support.waiting import eventually

WHY = "Chromium does not start"
NAMES = ("scraping.metrics", "scraping.analytics", "harvesting.search", "harvesting.viral", "posting.session")


@dataclass
class Told:
    """A channel that remembers what it was given."""

    name: str = "told"
    messages: list[AlertMessage] = field(default_factory=list)

    async def send(self, message: AlertMessage) -> None:
        self.messages.append(message)


async def _one(_: JobContext) -> Work:
    return Work(done=1, due=1)


def _jobs() -> Sequence[Job]:
    every, needs = timedelta(seconds=1), frozenset({"database", "browser"})
    return [
        Job(name, _one, every=every, needs=needs, resource=Resource.BROWSER, grace=timedelta(seconds=2))
        for name in NAMES
    ]


async def _notes(runner: JobService, name: str) -> list[str]:
    return [run.note for run in await runner.operations.history(name) if run.state is RunState.SKIPPED]


async def test_jobs_without_their_browser_wait_with_the_cause_and_are_one_incident(sqlite_url: str) -> None:
    clock = SystemClock()
    events = EventStream(clock)
    board, told = HealthBoard(clock, events), Told()
    answer: ProbeResult = down(WHY)

    async def browser() -> ProbeResult:
        return answer

    board.register("browser", browser)
    await board.check("browser")
    minutes = ManualClock()
    alerting = Alerting([told], Timing(), minutes, events, board)
    async with (
        open_database(sqlite_url, DatabaseSettings(), clock) as database,
        open_jobs(
            JobsSettings(),
            database,
            clock,
            events,
            jobs=_jobs(),
            accounts=lambda: ["ann"],
            is_down=board.is_down,
            runs_url=runs_url_beside(sqlite_url),
            close_limit=timedelta(seconds=1),
        ) as runner,
    ):
        check_jobs(board, runner, DatabaseAnswers())
        alerting.connect(database=database, jobs=runner.status)

        async def all_wait() -> bool:
            return all([await _notes(runner, name) == [WHY] for name in NAMES])

        await eventually(all_wait)
        for _ in range(24):  # two minutes of looks, in which nothing else may turn up
            await board.check_all()
            await alerting.look()
            await alerting.deliver_all()
            await minutes.advance(seconds=5)
        assert [await _notes(runner, name) for name in NAMES] == [[WHY]] * len(NAMES), "said again and again"
        states = {one.name: one.state for one in await runner.status()}
        assert set(states.values()) == {"unknown"}, "a job that waits was called late or failing"
        assert board.layer("scraping").state is not LayerState.DOWN
        (message,) = told.messages
        assert "browser" in message.title.lower() and WHY in message.body

        answer = ok("back")
        await board.check("browser")

        async def all_ran() -> bool:
            return all(one.last is not None for one in await runner.status())

        await eventually(all_ran)


async def test_what_was_asked_for_by_hand_waits_with_the_cause_and_runs_when_the_browser_is_back(
    sqlite_url: str,
) -> None:
    clock = SystemClock()
    causes = {"browser": WHY}
    async with (
        open_database(sqlite_url, DatabaseSettings(), clock) as database,
        open_jobs(
            JobsSettings(),
            database,
            clock,
            EventStream(clock),
            jobs=[replace(job, every=timedelta(days=365)) for job in _jobs()],
            accounts=lambda: ["ann"],
            is_down=causes.get,
            runs_url=runs_url_beside(sqlite_url),
            close_limit=timedelta(seconds=1),
        ) as runner,
    ):
        run_id = await run_now(runner, database, NAMES[0], "ann")

        async def row() -> JobRun | None:
            found = await runner.operations.show(run_id)
            return found[0] if found is not None else None

        async def says_why() -> bool:
            run = await row()
            return run is not None and (run.state, run.note) == (RunState.SCHEDULED, f"waits: {WHY}")

        await eventually(says_why)
        causes.clear()

        async def has_run() -> bool:
            run = await row()
            return run is not None and run.state is RunState.SUCCEEDED

        await eventually(has_run)


async def test_a_host_without_a_browser_leaves_to_others_what_they_can_do(
    postgres_url: str, tmp_path: Path, reaper: Reaper
) -> None:
    workers = Workers(postgres_url, tmp_path, reaper)
    able = workers.start("browser").pid
    without = workers.start("browser", down="Chromium does not start").pid
    try:
        wait_until(
            lambda: sum("@" in one for one in workers.said_by(able)) >= 6, "runs of the other host", 90
        )
        assert not [one for one in workers.said_by(without) if "@" in one]
    finally:
        workers.stop()


def test_alone_a_host_without_a_browser_goes_on_sweeping(
    sqlite_url: str, tmp_path: Path, reaper: Reaper
) -> None:
    """The sweep itself says why posts wait."""
    workers = Workers(sqlite_url, tmp_path, reaper)
    try:
        workers.start("browser", down="Chromium does not start")
        wait_until(lambda: any(one.startswith("test.post@") for one in workers.said()), "a sweep", 60)
        assert not [one for one in workers.said() if one.startswith("test.metrics@")]
    finally:
        workers.stop()
