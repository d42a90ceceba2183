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
from dbos._context import get_local_dbos_context
from dbos._error import DBOSWorkflowCancelledError, DBOSWorkflowConflictIDError

from stonechat.jobs.declaration import Json

T = TypeVar("T")

LOST = (DBOSWorkflowConflictIDError, DBOSWorkflowCancelledError)
"""Raised inside a run that another process holds now, or that was cancelled. Let them pass."""


class Holders(Protocol):
    """Who knows which claim of a run is the newest."""

    def owner(self, run_id: str) -> str | None:
        """The token of the newest claim of a run (blocking)."""

    async def cancel(self, run_id: str) -> None:
        """The run will not be taken up, and cannot record another step."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A finished step: its name, its result, and when it ran (real time)."""

    name: str
    result: Json
    started: datetime
    ended: datetime


@dataclass(frozen=True, slots=True)
class EngineRun:
    """A run as its body sees it."""

    run_id: str
    _engine: Holders

    async def step(self, name: str, run: Callable[[], Awaitable[T]]) -> T:
        """Run and record the JSON-able result under ``name``, which must be new in this run.

        Raises:
            one of ``LOST``: another process holds the run; the result is not recorded.
        """

        async def body() -> Json:
            return json.loads(json.dumps(await run()))

        result: T = await DBOS.run_step_async({"name": name}, body)
        return result

    async def recorded(self) -> list[Recorded]:
        """The steps finished by earlier holders, in order; later steps are numbered after them."""
        steps = await outside(DBOS.list_workflow_steps_async(self.run_id))
        context = get_local_dbos_context()
        if steps and context is not None:
            context.function_id = max(step["function_id"] for step in steps)
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
        context = get_local_dbos_context()
        owner = await asyncio.to_thread(self._engine.owner, self.run_id)
        return context is not None and owner == context.owner_xid

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
