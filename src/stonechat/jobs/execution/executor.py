"""Executing a run: its tries, its time limit, its outcome.

No run fails silently: whatever happens in a job's body ends in the run's recorded outcome and in one
:class:`~stonechat.core.events.RunEnded`, unless another process holds the run by then, which records its own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog

from stonechat.core.clock import Clock
from stonechat.core.errors import Transient
from stonechat.core.events import EventStream, RunEnded, RunStarted
from stonechat.core.ids import trace_of
from stonechat.core.states import RunState
from stonechat.database.connection.database import Database
from stonechat.database.connection.permits import doing
from stonechat.database.repositories import wakeups
from stonechat.database.repositories.job_progress import JobRun
from stonechat.jobs.execution.durable_runs import LOST, ClaimedRun
from stonechat.jobs.execution.failover import Heartbeat
from stonechat.jobs.execution.outcome_writer import OutcomeWriter
from stonechat.jobs.execution.run_at_work import RunAtWork, RunContext
from stonechat.jobs.execution.run_records import output_of
from stonechat.jobs.execution.run_request import RunOutcome, RunRequest, describe, pause
from stonechat.jobs.job import IsDown, Job, Json, Resource, Work

log = structlog.get_logger()

STOP_LIMIT = timedelta(seconds=5)
"""How long a body that was told to stop may take to clean up before it is left behind (real time)."""

ELSEWHERE = timedelta(seconds=2)
"""How long a run that this host cannot do is kept before it is given back to the queue (real time)."""

AGAIN = timedelta(seconds=1)
"""Between two looks whether what a run waits for is back (real time)."""


class Executor:
    """Executes the runs that this process has claimed.

    Args:
        wake: asks for one more run of a job at a moment (account time), for an account.
        ended: called when a run that this process held has come to its end, whatever it was.
    """

    def __init__(
        self,
        *,
        jobs: Mapping[str, Job],
        database: Database,
        outcomes: OutcomeWriter,
        heartbeat: Heartbeat,
        clock: Clock,
        events: EventStream,
        is_down: IsDown,
        wake: Callable[[str, datetime, str | None], None],
        ended: Callable[[RunRequest], None],
    ) -> None:
        self._jobs = jobs
        self._database = database
        self._outcomes = outcomes
        self._heartbeat = heartbeat
        self._clock = clock
        self._events = events
        self._is_down = is_down
        self._wake = wake
        self._ended = ended
        self._at_work: dict[str, RunAtWork] = {}
        self._closing = False

    @property
    def at_work(self) -> frozenset[str]:
        """The runs that this process holds."""
        return frozenset(self._at_work)

    async def execute(self, run: ClaimedRun, value: Json) -> Json:
        """Take up a run and bring it to an end. Called by the engine, which records what is returned."""
        request = RunRequest.from_json(value)
        if request is None or request.run_id != run.run_id:
            log.error("job.row_refused", run_id=run.run_id, why="its row is not of our form")
            return {
                "state": RunState.FAILED.value,
                "error": "its row is not of our form; nothing in it was run",
            }
        at_work = self._take_up(run, request)
        structlog.contextvars.bind_contextvars(  # for logs and evidence
            job=request.job,
            run_id=run.run_id,
            trace_id=trace_of(run.run_id),
            **({"account_id": request.account_id} if request.account_id else {}),
        )
        try:
            ended = await self._from_start_to_end(at_work)
        except asyncio.CancelledError:
            if at_work.cancelled:
                self._say_end(at_work, RunOutcome(RunState.SKIPPED, Work(note=at_work.cancelled)))
            raise
        finally:
            if self._at_work.get(run.run_id) is at_work:
                del self._at_work[run.run_id]
        return output_of(ended)

    def _take_up(self, run: ClaimedRun, request: RunRequest) -> RunAtWork:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a run needs a task")
        before = self._at_work.get(run.run_id)
        if before is not None:  # others took this process for dead, and it has claimed the run again
            before.task.cancel()
        task.add_done_callback(lambda _: self._ended(request))  # once the engine, too, knows of the end
        self._at_work[run.run_id] = at_work = RunAtWork(
            request,
            run,
            task,
            clock=self._clock,
            heartbeat=self._heartbeat,
            closing=lambda: self._closing,
        )
        return at_work

    async def _from_start_to_end(self, at_work: RunAtWork) -> JobRun:
        request = at_work.request
        await at_work.refuse_if_lost()
        outcome = await self._wait_for_dependencies(at_work)
        if outcome is None:
            late = self._clock.now() - request.tick
            self._events.emit(
                RunStarted(job=request.job, account_id=request.account_id, run_id=request.run_id, late=late)
            )
            outcome = await self._bring_to_end(at_work)
        await at_work.refuse_if_lost()
        if at_work.wakeups:  # before the engine records the end: a run that is resumed asks for them again
            await at_work.patiently(lambda: self._keep_wakeups(at_work))
        ended = self._ended_run(at_work, outcome)
        self._outcomes.note(ended)
        self._say_end(at_work, outcome)
        return ended

    async def _wait_for_dependencies(self, at_work: RunAtWork) -> RunOutcome | None:
        """Return once the run can be done here; what the schedule asked for does not wait, but is skipped."""
        job = self._jobs.get(at_work.request.job)
        if job is None:
            return RunOutcome(RunState.FAILED, error=f"no job is called {at_work.request.job}")
        noted = ""
        while True:
            if self._belongs_elsewhere(job):
                await self._give_back(at_work)
            down = next((why for need in sorted(job.needs) if (why := self._is_down(need))), None)
            if down is None:
                if noted:
                    await at_work.note(waits=None)
                return None
            if not at_work.request.trigger.startswith("manual"):
                return RunOutcome(RunState.SKIPPED, Work(note=down))
            if down != noted:
                noted = down
                await at_work.note(waits=noted)
            await self._clock.sleep_real(AGAIN)

    def _belongs_elsewhere(self, job: Job) -> bool:
        """A host without a browser leaves to others, if there are any, what needs one; publishing too."""
        in_browser = job.resource is Resource.BROWSER
        return in_browser and self._is_down("browser") is not None and self._heartbeat.hosts > 1

    async def _give_back(self, at_work: RunAtWork) -> None:
        """Let another host claim the run. It rests here before, so that it does not come straight back."""
        await self._clock.sleep_real(ELSEWHERE)
        held = await at_work.patiently(at_work.run.held)
        await at_work.patiently(lambda: at_work.run.execution.store.resume(held))
        raise at_work.run.lost()

    async def stop_lost(self) -> None:
        """Stop the runs that this process holds no longer: they were taken over, or cancelled.

        Raises:
            Transient: the database is away.
        """
        mine = dict(self._at_work)
        if not mine:
            return
        store = next(iter(mine.values())).run.execution.store
        held = {one.run_id for one in await store.held(self._heartbeat.executor_id, list(mine))}
        for run_id, at_work in mine.items():
            if run_id not in held and self._at_work.get(run_id) is at_work and not at_work.cancelled:
                row = await store.find(run_id)
                if row is not None and row.state is RunState.SKIPPED:
                    at_work.cancelled = row.note
                if row is None or row.state is not RunState.SUCCEEDED:
                    at_work.task.cancel()

    async def close(self, limit: timedelta) -> bool:
        """Let the held runs end within ``limit`` (real time), then stop them.

        Returns whether runs were left behind; they go on at the next start, or on another host.
        """
        waiting = {at_work.task for at_work in self._at_work.values()}
        if waiting:
            await asyncio.wait(waiting, timeout=limit.total_seconds())
        self._closing = True
        left = [at_work for at_work in self._at_work.values() if not at_work.task.done()]
        for at_work in left:
            at_work.task.cancel()
        if left:
            await asyncio.wait({one.task for one in left}, timeout=STOP_LIMIT.total_seconds())
        for at_work in left:
            with contextlib.suppress(Transient):
                note = "its process stopped; it goes on at the next start"
                await at_work.run.execution.store.note(at_work.run.run_id, left=note)
        return bool(left)

    async def _bring_to_end(self, at_work: RunAtWork) -> RunOutcome:
        job = self._jobs[at_work.request.job]
        deadline = self._clock.monotonic() + job.timeout.total_seconds()
        tries = 0
        while True:
            tries += 1
            outcome = await self._try(at_work, job, deadline)
            if isinstance(outcome, RunOutcome):
                return outcome
            wait = pause(job.retry, tries, outcome)
            if wait is None or self._clock.monotonic() + wait.total_seconds() >= deadline:
                return RunOutcome(RunState.FAILED, error=describe(outcome), kind=type(outcome).__name__)
            at_work.attempt += 1
            await at_work.note(tries=at_work.attempt, error=describe(outcome))
            await self._clock.sleep_real(wait)

    async def _try(self, at_work: RunAtWork, job: Job, deadline: float) -> RunOutcome | Exception:
        with doing(at_work.run.run_id):  # whoever holds a database connection for long is named with its run
            body = asyncio.ensure_future(job.run(RunContext(at_work, self._wake)))
        left = timedelta(seconds=max(0.0, deadline - self._clock.monotonic()))
        timer = asyncio.ensure_future(self._clock.sleep_real(left))
        try:
            await asyncio.wait({body, timer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            expired = not body.done()
            if expired:
                await _stop(body)
                at_work.stopped = True
        if expired:
            step = at_work.current_step or "before its first step"
            return RunOutcome(
                RunState.TIMED_OUT,
                error=f"{at_work.run.run_id} was killed after {job.timeout.total_seconds():g} s, in: {step}",
                kind="TimedOut",
            )
        if body.cancelled():
            return RuntimeError("the body cancelled itself")
        error = body.exception()
        if error is None:
            return RunOutcome(RunState.SUCCEEDED, body.result() or Work())
        if isinstance(error, Exception) and not isinstance(error, LOST):
            return error
        raise error  # another process holds the run now, or the interpreter is going down

    async def _keep_wakeups(self, at_work: RunAtWork) -> None:
        async with self._database.begin("jobs.wakeups") as connection:
            await wakeups.add(connection, at_work.wakeups)

    def _ended_run(self, at_work: RunAtWork, outcome: RunOutcome) -> JobRun:
        request, work = at_work.request, outcome.work
        ended, took = self._clock.wall(), at_work.took
        return JobRun(
            run_id=request.run_id,
            job=request.job,
            account_id=request.account_id,
            tick=request.tick,
            trigger=request.trigger,
            state=outcome.state,
            host=self._heartbeat.executor_id,
            attempt=at_work.attempt,
            started_at=ended - took,
            ended_at=ended,
            took_s=round(took.total_seconds(), 6),
            done=work.done,
            due=work.due,
            note=work.note,
            error=outcome.error,
        )

    def _say_end(self, at_work: RunAtWork, outcome: RunOutcome) -> None:
        self._events.emit(
            RunEnded(
                job=at_work.request.job,
                account_id=at_work.request.account_id,
                run_id=at_work.run.run_id,
                state=outcome.state,
                took=at_work.took,
                done=outcome.work.done,
                due=outcome.work.due,
                error=outcome.error,
                error_kind=outcome.kind,
            )
        )


async def _stop(body: asyncio.Future[Any]) -> None:
    body.cancel()
    await asyncio.wait({body}, timeout=STOP_LIMIT.total_seconds())
    # a body that fails while, or long after, it is being stopped was stopped: that is no news
    body.add_done_callback(lambda done: done.cancelled() or done.exception())
