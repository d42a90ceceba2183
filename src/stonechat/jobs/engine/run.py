"""A run as its body sees it: steps that are recorded, and whether this process still holds it."""

from __future__ import annotations

import asyncio
import contextvars
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from dbos import DBOS
from dbos._error import DBOSWorkflowCancelledError, DBOSWorkflowConflictIDError

from stonechat.jobs.declaration import Json

T = TypeVar("T")

LOST = (DBOSWorkflowConflictIDError, DBOSWorkflowCancelledError)
"""Raised inside a run that another process holds now, or that was cancelled. Let them pass."""


class Holders(Protocol):
    """Who knows which claim of a run is the newest, and keeps its steps."""

    def owner(self, run_id: str) -> str | None:
        """The token of the newest claim of a run (blocking)."""

    def keep(self, run_id: str, owner: str, step: Recorded, number: int) -> None:
        """Keep a finished step, if ``owner`` is the newest claim (blocking)."""

    async def cancel(self, run_id: str) -> None:
        """The run will not be taken up, and cannot record another step."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A finished step: its name, its result, and when it ran (real time)."""

    name: str
    result: Json
    started: datetime
    ended: datetime


@dataclass(slots=True)
class EngineRun:
    """A run as its body sees it. ``owner`` is the token of the claim by which this process holds it.

    Steps are kept by their number. Which of them earlier holders have finished is read once
    (:meth:`recorded`), not asked again before each step.
    """

    run_id: str
    owner: str
    _engine: Holders
    _steps: int = 0

    async def step(self, name: str, run: Callable[[], Awaitable[T]]) -> T:
        """Run and record the JSON-able result under ``name``.

        Raises:
            one of ``LOST``: another process holds the run; the result is not recorded.
        """
        began = datetime.now(UTC)
        result: T = json.loads(json.dumps(await run()))
        self._steps += 1
        step = Recorded(name, result, began, datetime.now(UTC))
        await asyncio.to_thread(self._engine.keep, self.run_id, self.owner, step, self._steps)
        return result

    async def recorded(self) -> list[Recorded]:
        """The steps finished by earlier holders, in order; later steps are numbered after them."""
        steps = await outside(DBOS.list_workflow_steps_async(self.run_id))
        self._steps = max((step["function_id"] for step in steps), default=0)
        return [
            Recorded(
                step["function_name"],
                step["output"],
                _moment(step["started_at_epoch_ms"]),
                _moment(step["completed_at_epoch_ms"]),
            )
            for step in steps
            if step["error"] is None
        ]

    async def cancel(self) -> None:
        """Nobody will go on with it."""
        await self._engine.cancel(self.run_id)

    async def held(self) -> bool:
        """Whether this process still holds the run."""
        return await asyncio.to_thread(self._engine.owner, self.run_id) == self.owner

    def lost(self) -> BaseException:
        """What to raise when it does not."""
        return DBOSWorkflowConflictIDError(self.run_id)


async def outside(call: Awaitable[T]) -> T:
    """Await outside any run, so that the engine does not take the call for a step of it."""

    async def run() -> T:
        return await call

    return await asyncio.get_running_loop().create_task(run(), context=contextvars.Context())


def _moment(milliseconds: int | None) -> datetime:
    return datetime.fromtimestamp((milliseconds or 0) / 1000, UTC)
