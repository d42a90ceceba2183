"""A run at work in this process, its steps, and what its body sees of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from stonechat.core.clock import Clock
from stonechat.core.errors import Transient
from stonechat.database.repositories.wakeups import Wakeup
from stonechat.jobs.execution.durable_runs import ClaimedRun
from stonechat.jobs.execution.failover import Heartbeat
from stonechat.jobs.execution.run_request import RunRequest
from stonechat.jobs.execution.step_results import from_json, to_json
from stonechat.jobs.job import Json

T = TypeVar("T")


class RunAtWork:
    """A run that this process holds.

    Args:
        task: in which the engine runs it.
        closing: whether the process stops, so that no outage is waited out any more.
    """

    def __init__(
        self,
        request: RunRequest,
        run: ClaimedRun,
        task: asyncio.Task[Any],
        *,
        clock: Clock,
        heartbeat: Heartbeat,
        closing: Callable[[], bool],
    ) -> None:
        self.request = request
        self.run = run
        self.task = task
        self.clock = clock
        self.attempt = 1
        self.current_step = ""
        self.wakeups: list[Wakeup] = []
        self.cancelled = ""
        """Who has cancelled it, once somebody has."""
        self.stopped = False
        """Its body was stopped; one that does not heed that may begin no further step."""
        self._heartbeat = heartbeat
        self._closing = closing
        self._started = clock.monotonic()
        self._stepped = False
        self._results: dict[str, Json] = {}

    @property
    def took(self) -> timedelta:
        """For how long (real time) it has been at work here."""
        return timedelta(seconds=self.clock.monotonic() - self._started)

    async def step(self, name: str, body: Callable[[], Awaitable[Any]], result: Any) -> Any:
        """The remembered result of a step, which is run where there is none."""

        async def as_json() -> Json:
            return to_json(await body(), result)

        if name not in self._results:
            if self.stopped:
                raise self.run.lost()
            await self.refuse_if_lost()
            self.current_step = name
            took = self.run.step if self._stepped else self._first_step
            self._results[name] = await took(name, as_json)
        return from_json(name, self._results[name], result)

    async def _first_step(self, name: str, as_json: Callable[[], Awaitable[Json]]) -> Json:
        """The first step tells whether an earlier holder has finished any: the engine then does not run it.

        What was recorded is known by its name from then on, as a body that decides anew may take its steps in
        another order. Most runs are begun once, and are not asked about for this.
        """
        ran = False

        async def first() -> Json:
            nonlocal ran
            ran = True
            return await as_json()

        try:
            result = await self.run.step(name, first)
        except Exception:
            if ran:
                raise
        else:
            if ran:
                return result
        finally:
            self._stepped = True
        steps = await self.patiently(self.run.recorded)
        self._results.update((step.name, step.result) for step in steps if not step.error)
        return self._results[name] if name in self._results else await self.run.step(name, as_json)

    async def refuse_if_lost(self) -> None:
        """A process that stood still may have been taken for dead: it has to ask who holds its runs."""
        if not self._heartbeat.fresh() and not await self.patiently(self.run.held):
            raise self.run.lost()

    async def note(self, **attributes: Json) -> None:
        """See :meth:`RunStore.note`."""
        await self.patiently(lambda: self.run.execution.store.note(self.run.run_id, **attributes))

    async def patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Try until the database does it: an outage may not cost a run its outcome."""
        wait = 0.2
        while True:
            try:
                return await call()
            except Transient as exc:
                if self._closing():  # no outcome: the run goes on at the next start
                    raise asyncio.CancelledError from exc
            await self.clock.sleep_real(timedelta(seconds=wait))
            wait = min(2.0, wait * 2)


class RunContext:
    """What a body sees of one try at its run; see :class:`~stonechat.jobs.job.JobContext`."""

    def __init__(self, at_work: RunAtWork, wake: Callable[[str, datetime, str | None], None]) -> None:
        self._at_work = at_work
        self._wake = wake
        self._used: dict[str, int] = {}
        self.attempt = at_work.attempt
        self.run_id = at_work.run.run_id
        self.account_id = at_work.request.account_id
        self.tick = at_work.request.tick
        self.clock = at_work.clock

    async def step(self, name: str, run: Callable[[], Awaitable[T]], result: type[T] | None = None) -> T:
        """Run once and remember; a name used again in the same try is another step."""
        count = self._used[name] = self._used.get(name, 0) + 1
        value: T = await self._at_work.step(name if count == 1 else f"{name} ({count})", run, result)
        return value

    def wake(self, job: str, at: datetime, account_id: str | None = None) -> None:
        """Ask for one more run of ``job`` at account time ``at``; kept by the end of this one."""
        self._at_work.wakeups.append(Wakeup(job, account_id, at))
        self._wake(job, at, account_id)
