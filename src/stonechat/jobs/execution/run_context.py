"""A run at work in this process, and what its body sees of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from stonechat.core.clock import Clock
from stonechat.database.repositories.wakeups import Wakeup
from stonechat.jobs.execution.durable_runs import ClaimedRun
from stonechat.jobs.execution.run_request import RunRequest
from stonechat.jobs.execution.step_results import from_json
from stonechat.jobs.job import Json

T = TypeVar("T")


class StepExecutor(Protocol):
    """Who runs the steps of a run."""

    clock: Clock
    wake: Callable[[str, datetime, str | None], None]

    async def step(
        self, at_work: RunAtWork, name: str, body: Callable[[], Awaitable[Any]], result: Any
    ) -> Json:
        """Run a step and record its result."""


@dataclass(slots=True)
class RunAtWork:
    """A run that this process holds."""

    request: RunRequest
    run: ClaimedRun
    task: asyncio.Task[Any]
    started: float
    attempt: int = 1
    begun: bool = False
    step: str = ""
    results: dict[str, Json] = field(default_factory=dict)
    wakeups: list[Wakeup] = field(default_factory=list)
    cancelled: str = ""
    stopped: bool = False
    """Its body was stopped; one that does not heed that may begin no further step."""

    def took(self, clock: Clock) -> timedelta:
        return timedelta(seconds=clock.monotonic() - self.started)


class RunContext:
    """What a body sees of its run; see :class:`~stonechat.jobs.job.JobContext`."""

    def __init__(self, executor: StepExecutor, at_work: RunAtWork) -> None:
        self._executor = executor
        self._at_work = at_work
        self._used: dict[str, int] = {}
        self.attempt = at_work.attempt
        self.run_id = at_work.run.run_id
        self.account_id = at_work.request.account_id
        self.tick = at_work.request.tick
        self.clock = executor.clock

    async def step(self, name: str, run: Callable[[], Awaitable[T]], result: type[T] | None = None) -> T:
        """Run once and remember; a name used again in the same try is another step."""
        count = self._used[name] = self._used.get(name, 0) + 1
        key = name if count == 1 else f"{name} ({count})"
        known = self._at_work.results
        if key not in known:
            known[key] = await self._executor.step(self._at_work, key, run, result)
        value: T = from_json(key, known[key], result)
        return value

    def wake(self, job: str, at: datetime, account_id: str | None = None) -> None:
        """Ask for one more run of ``job`` at account time ``at``; kept by the end of this one."""
        self._at_work.wakeups.append(Wakeup(job, account_id, at))
        self._executor.wake(job, at, account_id)
