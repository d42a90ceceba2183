"""The boot: named steps in order, each timed and shown, and undone in reverse."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from stonechat.core.clock import Clock
from stonechat.core.events import EventStream, StepBooted, StepWaits

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BootStep:
    """One step: ``took`` is None while it is under way; ``detail`` says what it waits for or did."""

    name: str
    took: timedelta | None
    detail: str = ""


class Boot:
    """Runs the steps and remembers them for the start-up page."""

    def __init__(self, clock: Clock, events: EventStream) -> None:
        self._clock = clock
        self._events = events
        self._stack = AsyncExitStack()
        self._steps: list[BootStep] = []
        self._detail = ""
        self.ready = False

    @property
    def steps(self) -> tuple[BootStep, ...]:
        """Every step so far, the one under way last."""
        return tuple(self._steps)

    def wait(self, why: str) -> None:
        """The step under way waits for something."""
        if why != self._detail and self._steps:
            self._events.emit(StepWaits(step=self._steps[-1].name, why=why))
        self.say(why)

    def say(self, detail: str) -> None:
        """What the step under way waits for, or what it found."""
        self._detail = detail
        if self._steps and self._steps[-1].took is None:
            self._steps[-1] = BootStep(self._steps[-1].name, None, detail)

    @asynccontextmanager
    async def step(self, name: str) -> AsyncIterator[None]:
        """Time what happens inside as the step ``name``."""
        self._detail = ""
        started = self._clock.monotonic()
        self._steps.append(BootStep(name, None))
        yield
        took = timedelta(seconds=self._clock.monotonic() - started)
        self._steps[-1] = BootStep(name, took, self._detail)
        self._events.emit(StepBooted(step=name, took=took, detail=self._detail))

    async def enter(self, resource: AbstractAsyncContextManager[T]) -> T:
        """Open something that is to be closed, in reverse order, at the end."""
        return await self._stack.enter_async_context(resource)

    def on_close(self, undo: Callable[[], object]) -> None:
        """Call ``undo`` in its turn at the end."""
        self._stack.callback(undo)

    async def __aenter__(self) -> Boot:
        await self._stack.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.ready = False
        await self._stack.aclose()
