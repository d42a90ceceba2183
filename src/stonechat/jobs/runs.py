"""Running a run: its row, its steps, its tries, its time limit, its outcome.

No run fails silently: whatever happens in a job's body ends in the run's row and in one
:class:`~stonechat.core.events.RunEnded`, unless another process holds the run by then, which writes its
own.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.clock import Clock
from stonechat.core.errors import Transient
from stonechat.core.events import EventStream, RunEnded, RunStarted
from stonechat.core.states import RunState
from stonechat.database.connection.database import Database
from stonechat.database.connection.permits import doing
from stonechat.database.repositories import job_rows, job_writes
from stonechat.database.repositories import wakeups as wakeup_rows
from stonechat.database.repositories.job_rows import StepRow
from stonechat.database.repositories.job_writes import End, Start
from stonechat.database.repositories.wakeups import Wakeup
from stonechat.jobs.declaration import Job, Json, Work
from stonechat.jobs.engine import EngineRun
from stonechat.jobs.ledger import Ledger
from stonechat.jobs.requests import Outcome, Request, describe, pause
from stonechat.jobs.takeover import Lease

T = TypeVar("T")

STOP_LIMIT = timedelta(seconds=5)
"""How long a body that was told to stop may take to clean up before it is left behind (real time)."""

Wake = Callable[[str, datetime, str | None], None]
IsDown = Callable[[str], str | None]
"""Why a dependency is down; None while it is not known to be."""


@dataclass(slots=True)
class _Held:
    """A run that this process holds."""

    request: Request
    run: EngineRun
    outer: asyncio.Task[Any]
    attempt: int
    started: float
    steps: list[StepRow] = field(default_factory=list)
    results: dict[str, Json] = field(default_factory=dict)
    wakeups: list[Wakeup] = field(default_factory=list)
    cancelled: str = ""
    over: bool = False
    """Its body was stopped; one that does not heed that may begin no further step."""

    def took(self, clock: Clock) -> timedelta:
        return timedelta(seconds=clock.monotonic() - self.started)


class _Context:
    """What a body sees of its run; see :class:`~stonechat.jobs.declaration.JobContext`."""

    def __init__(self, runs: Runs, run: EngineRun, held: _Held, attempt: int) -> None:
        self._runs = runs
        self._run = run
        self._held = held
        self._used: dict[str, int] = {}
        self.attempt = attempt
        self.run_id = run.run_id
        self.account_id = held.request.account_id
        self.tick = held.request.tick
        self.clock = runs.clock

    async def step(self, name: str, run: Callable[[], Awaitable[T]]) -> T:
        """Run once and remember; a name used again in the same try is another step."""
        count = self._used[name] = self._used.get(name, 0) + 1
        key = name if count == 1 else f"{name} ({count})"
        if key not in self._held.results:
            self._held.results[key] = await self._runs.step(self._run, self._held, key, run)
        result: T = self._held.results[key]
        return result

    def wake(self, job: str, at: datetime, account_id: str | None = None) -> None:
        """Ask for one more run of ``job`` at account time ``at``; kept by the end of this one."""
        self._held.wakeups.append(Wakeup(job, account_id, at))
        self._runs.wake(job, at, account_id)


class Runs:
    """The runs that this process holds.

    Args:
        ended: called when a run that this process held has come to its end, whatever it was.
    """

    def __init__(
        self,
        *,
        jobs: Mapping[str, Job],
        database: Database,
        ledger: Ledger,
        clock: Clock,
        events: EventStream,
        lease: Lease,
        is_down: IsDown,
        wake: Wake,
        ended: Callable[[Request], None],
    ) -> None:
        self.clock = clock
        self.wake = wake
        self._jobs = jobs
        self._database = database
        self._ledger = ledger
        self._events = events
        self._lease = lease
        self._is_down = is_down
        self._ended = ended
        self._held: dict[str, _Held] = {}
        self._closing = False

    @property
    def held(self) -> Mapping[str, int]:
        """The number of the try of each run that this process holds."""
        return {run_id: held.attempt for run_id, held in self._held.items()}

    async def execute(self, run: EngineRun, value: Json) -> Json:
        """Take up a run and bring it to an end. Called by the engine."""
        request = Request.from_json(value)
        if not self._lease.fresh() and not await run.held():
            raise run.lost()
        attempt = await self._start(run.run_id, request)
        if attempt is None:
            return {"state": "ended before"}
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a run needs a task")
        task.add_done_callback(lambda _: self._ended(request))  # once the engine, too, knows of the end
        held = self._held[run.run_id] = _Held(request, run, task, attempt, self.clock.monotonic())
        structlog.contextvars.bind_contextvars(job=request.job, run_id=run.run_id)  # for logs and evidence
        try:
            if attempt > 1:
                for number, step in enumerate(await run.recorded(), 1):
                    held.results[step.name] = step.result
                    size = len(json.dumps(step.result))
                    held.steps.append(StepRow(number, step.name, step.started, step.ended, size, ""))
            outcome = await self._bring_to_end(run, held)
            await self._end(run.run_id, held, outcome)
        except asyncio.CancelledError:
            if held.cancelled:
                self._say_end(run.run_id, held, Outcome(RunState.SKIPPED, Work(note=held.cancelled)))
            raise
        finally:
            self._held.pop(run.run_id, None)
        return {"state": outcome.state.value, "done": outcome.work.done, "due": outcome.work.due}

    async def step(self, run: EngineRun, held: _Held, name: str, body: Callable[[], Awaitable[T]]) -> Json:
        """One step, timed and recorded by the engine."""
        if held.over:
            raise run.lost()
        if not self._lease.fresh() and not await run.held():
            raise run.lost()
        started = self.clock.wall()
        place = len(held.steps)
        number = place + 1
        held.steps.append(StepRow(number, name, started, None, 0, ""))
        result: Json = None
        error = ""
        try:
            result = await run.step(name, body)
        except BaseException as exc:
            error = describe(exc)
            raise
        finally:
            size = 0 if error else len(json.dumps(result))
            held.steps[place] = StepRow(number, name, started, self.clock.wall(), size, error)
        return result

    async def beat(self) -> None:
        """Store that the held runs are alive and where they stand; stop those that are no longer ours."""
        if not self._held:
            return
        mine = dict(self._held)
        tries = {run_id: held.attempt for run_id, held in mine.items()}

        async def store(connection: AsyncConnection) -> set[str]:
            ours = await job_rows.beat_runs(connection, tries, now=self.clock.wall())
            held = ((run_id, mine[run_id]) for run_id in ours)
            rows = [(run_id, one.request.account_id, one.steps) for run_id, one in held]
            await job_writes.put_steps(connection, rows)
            return ours

        ours = await self._ledger.write(store)
        for run_id, held in mine.items():
            if run_id not in ours and self._held.get(run_id) is held and not held.cancelled:
                await self._let_go(run_id, held)

    async def _let_go(self, run_id: str, held: _Held) -> None:
        """The row says that this process does not hold the run: it was taken over, or cancelled."""
        async with self._database.read("jobs.let_go") as connection:
            row = await job_rows.get(connection, run_id)
        if row is not None and row.state is RunState.SKIPPED:
            await held.run.cancel()
            held.cancelled = row.note
        held.outer.cancel()

    def cancel(self, run_id: str, why: str) -> None:
        """Stop a run that this process holds, if it does."""
        held = self._held.get(run_id)
        if held is not None:
            held.cancelled = why
            held.outer.cancel()

    async def close(self, limit: timedelta) -> bool:
        """Let the held runs end within ``limit`` (real time), then stop them.

        Returns whether runs were left behind; they go on at the next start, or on another host.
        """
        waiting = {held.outer for held in self._held.values()}
        if waiting:
            await asyncio.wait(waiting, timeout=limit.total_seconds())
        self._closing = True
        stopped = {run_id: held for run_id, held in self._held.items() if not held.outer.done()}
        for held in stopped.values():
            held.outer.cancel()
        if stopped:
            await asyncio.wait({held.outer for held in stopped.values()}, timeout=STOP_LIMIT.total_seconds())
            with contextlib.suppress(Transient):
                await self._ledger.write(lambda connection: self._abandon(connection, list(stopped)))
        return bool(stopped)

    async def _abandon(self, connection: AsyncConnection, run_ids: Sequence[str]) -> None:
        for run_id in run_ids:
            note = "its process stopped; it goes on at the next start"
            await job_rows.abandon(connection, run_id, note=note, now=self.clock.wall())

    async def _start(self, run_id: str, request: Request) -> int | None:
        start = Start(
            run_id=run_id,
            account_id=request.account_id,
            job=request.job,
            tick=request.tick,
            trigger=request.trigger,
            host=self._lease.executor_id,
            now=self.clock.wall(),
        )
        attempt = await self._patiently(lambda: self._ledger.start(start))
        if attempt is not None:
            late = self.clock.now() - request.tick
            self._events.emit(
                RunStarted(job=request.job, account_id=request.account_id, run_id=run_id, late=late)
            )
        return attempt

    async def _bring_to_end(self, run: EngineRun, held: _Held) -> Outcome:
        job = self._jobs.get(held.request.job)
        if job is None:
            return Outcome(RunState.FAILED, error=f"no job is called {held.request.job}")
        down = next((why for need in sorted(job.needs) if (why := self._is_down(need))), None)
        if down is not None:
            return Outcome(RunState.SKIPPED, Work(note=down))
        deadline = self.clock.monotonic() + job.timeout.total_seconds()
        tries = 0
        while True:
            tries += 1
            outcome = await self._try(run, held, job, deadline)
            if isinstance(outcome, Outcome):
                return outcome
            wait = pause(job.retry, tries, outcome)
            if wait is None or self.clock.monotonic() + wait.total_seconds() >= deadline:
                return Outcome(RunState.FAILED, error=describe(outcome))
            await self._next_try(run, held, describe(outcome))
            await self.clock.sleep_real(wait)

    async def _try(self, run: EngineRun, held: _Held, job: Job, deadline: float) -> Outcome | Exception:
        with doing(run.run_id):  # whoever holds a database connection for long is named with its run
            body = asyncio.ensure_future(job.run(_Context(self, run, held, held.attempt)))
        left = timedelta(seconds=max(0.0, deadline - self.clock.monotonic()))
        timer = asyncio.ensure_future(self.clock.sleep_real(left))
        try:
            await asyncio.wait({body, timer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            expired = not body.done()
            if expired:
                await _stop(body)
                held.over = True
        if expired:
            step = held.steps[-1].name if held.steps else "before its first step"
            return Outcome(
                RunState.TIMED_OUT,
                error=f"{run.run_id} was killed after {job.timeout.total_seconds():g} s, in: {step}",
            )
        if body.cancelled():
            return RuntimeError("the body cancelled itself")
        error = body.exception()
        if error is None:
            return Outcome(RunState.SUCCEEDED, body.result() or Work())
        if isinstance(error, Exception):
            return error
        raise error  # another process holds the run now, or the interpreter is going down

    async def _next_try(self, run: EngineRun, held: _Held, error: str) -> None:
        async def retry(connection: AsyncConnection) -> int | None:
            return await job_rows.retry(
                connection, run.run_id, held.attempt, error=error, now=self.clock.wall()
            )

        attempt = await self._patiently(lambda: self._ledger.write(retry))
        if attempt is None:
            raise run.lost()
        held.attempt = attempt

    async def _end(self, run_id: str, held: _Held, outcome: Outcome) -> None:
        if held.wakeups:  # kept before the end is: a run that is resumed asks for them again
            keep = partial(wakeup_rows.add, wakeups=held.wakeups)
            await self._patiently(lambda: self._ledger.write(keep))
        end = End(
            run_id=run_id,
            account_id=held.request.account_id,
            attempt=held.attempt,
            state=outcome.state,
            now=self.clock.wall(),
            took=held.took(self.clock),
            done=outcome.work.done,
            due=outcome.work.due,
            note=outcome.work.note,
            error=outcome.error,
            steps=tuple(held.steps),
        )
        if await self._patiently(lambda: self._ledger.end(end)):
            self._say_end(run_id, held, outcome)

    def _say_end(self, run_id: str, held: _Held, outcome: Outcome) -> None:
        self._events.emit(
            RunEnded(
                job=held.request.job,
                account_id=held.request.account_id,
                run_id=run_id,
                state=outcome.state,
                took=held.took(self.clock),
                done=outcome.work.done,
                due=outcome.work.due,
                error=outcome.error,
            )
        )

    async def _patiently(self, write: Callable[[], Awaitable[T]]) -> T:
        """Try until the database does it: an outage may not cost a run its outcome."""
        wait = 0.2
        while True:
            try:
                return await write()
            except Transient:
                if self._closing:
                    raise
            await self.clock.sleep_real(timedelta(seconds=wait))
            wait = min(2.0, wait * 2)


async def _stop(body: asyncio.Future[Any]) -> None:
    body.cancel()
    await asyncio.wait({body}, timeout=STOP_LIMIT.total_seconds())
    # a body that fails while, or long after, it is being stopped was stopped: that is no news
    body.add_done_callback(lambda done: done.cancelled() or done.exception())
