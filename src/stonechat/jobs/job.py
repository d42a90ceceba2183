"""What a job is: declared once, by the layer whose work it is. Schedule, execution and monitor follow."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.clock import Clock

Json = Any
"""A value that survives a round trip through JSON."""

T = TypeVar("T")

Upcoming = Callable[[AsyncConnection, Mapping[str, datetime]], Awaitable[Mapping[str, datetime]]]
"""By account: the first moment after the one given at which its rows hold work (account time), if any."""


IsDown = Callable[[str], str | None]
"""Why a dependency is down; None while it is not known to be."""


class Missed(StrEnum):
    """Which of the ticks that passed while nothing ran are made up for."""

    SKIP = "skip"
    LATEST = "latest"
    ALL = "all"


class Resource(StrEnum):
    """What a job mostly uses; each has its own bound on runs at once."""

    BROWSER = "browser"
    MODEL = "model"
    DATABASE = "database"


class JobPriority(StrEnum):
    """Who goes first where a resource is short."""

    POST = "post"
    REPLY = "reply"
    METRICS = "metrics"
    HARVEST = "harvest"
    BACKGROUND = "background"


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a failed run is tried again. Waits are real time, doubled each time up to ``cap``."""

    attempts: int = 3
    first: timedelta = timedelta(seconds=1)
    cap: timedelta = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Work:
    """What a run did: ``done`` of ``due`` units. Nothing done though work was due counts as failing."""

    done: int = 0
    due: int = 0
    note: str = ""


class JobContext(Protocol):
    """What a running job may use. Its steps are durable: a finished step is never run again."""

    @property
    def run_id(self) -> str:
        """The same for every attempt at this run; ``job/account@tick``."""

    @property
    def account_id(self) -> str | None:
        """The account this run is for; None for a job of the whole system."""

    @property
    def tick(self) -> datetime:
        """The account time that this run was due at."""

    @property
    def clock(self) -> Clock:
        """The clock passed in at the start."""

    @property
    def attempt(self) -> int:
        """1 for the first try."""

    async def step(self, name: str, run: Callable[[], Awaitable[T]], result: type[T] | None = None) -> T:
        """Run once and remember the result; after a crash the remembered result is returned.

        Args:
            name: of the step; used again in the same try, it is another step.
            result: the type of the result: anything that pydantic can write as JSON and validate again
                (dataclass, model, list of them …). Without it the result must be a plain JSON value.

        Raises:
            Permanent: what was remembered by an older version does not fit ``result`` any more.
        """

    def wake(self, job: str, at: datetime, account_id: str | None = None) -> None:
        """Ask for one more run of ``job`` at account time ``at``, besides its schedule."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job.

    Attributes:
        name: ``layer.verb``, for example ``posting.sweep``.
        run: the work; called with the context, returns what it did.
        every: interval between ticks, in account time. Ticks are aligned to the Unix epoch plus
            ``stagger``, so that every host computes the same ones.
        stagger: offset of the ticks: ``every`` of a day and three hours of it are 03:00 UTC.
        spread: each account's ticks come later by its own fixed share of it, drawn from the names of job and
            account, so that a thousand accounts do not fall due in the same second.
        jitter: each tick comes by up to so much later, by an amount drawn from its own name: the same on
            every host, another for each account. Shorter than the interval.
        upcoming: read from the rows every two seconds by every host; at that moment there is one run
            more than the schedule has, whoever wrote the row and whichever host has died since.
        per_account: one run for each account and tick, or one for the whole system.
        timeout: *real* time after which a run is killed and recorded as timed out, tries and waits included.
        retry: how often a run that fails is tried again before it counts as failed.
        missed: which ticks are made up for after nothing ran for a while.
        grace: account time after a tick within which its run must have started: after that the monitor
            calls the job late, and ``Missed.SKIP`` lets the tick go.
        resource: what a run mostly uses; each kind has a bound of its own on runs at once.
        priority: who goes first where a resource is short.
        needs: dependencies by name (``database``, ``browser``, ``model``, ``network``); while one is
            known to be down the run waits, and a row says so and why.
        critical: its failures page the owner at once; others only warn, after three in a row.
        useful: one sentence: what counts as useful work, for the pages and the monitor.
    """

    name: str
    run: Callable[[JobContext], Awaitable[Work]]
    every: timedelta
    stagger: timedelta = timedelta()
    spread: timedelta = timedelta()
    jitter: timedelta = timedelta()
    upcoming: Upcoming | None = None
    per_account: bool = True
    timeout: timedelta = timedelta(minutes=5)
    retry: Retry = field(default_factory=Retry)
    missed: Missed = Missed.LATEST
    grace: timedelta = timedelta(minutes=15)
    resource: Resource = Resource.DATABASE
    priority: JobPriority = JobPriority.BACKGROUND
    needs: frozenset[str] = frozenset({"database"})
    critical: bool = False
    useful: str = ""

    @property
    def queue(self) -> str:
        """The queue that bounds how many runs of this kind go on at once."""
        return POSTING if self.priority is JobPriority.POST else self.resource.value


POSTING = "posting"
"""Runs that publish have a queue to themselves, so that nothing else can hold them up."""
