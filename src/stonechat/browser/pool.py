"""The browser pool: leases an account's page to one task at a time, and cleans up after each use.

A failed lease only reports a suspicion; whether the browser still works is decided by its supervisor
(:mod:`stonechat.browser.supervisor`). Meanwhile callers wait in :mod:`stonechat.browser.lease_queue`,
by priority, for a bounded time; after five failures in a row the breaker refuses them at once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Coroutine
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from playwright.async_api import Error

from stonechat.browser.account_context import AccountContext, LeasePriority, PageLease
from stonechat.browser.chromium import Chromium, driver_died
from stonechat.browser.contexts import Contexts
from stonechat.browser.errors import broken, judge, late
from stonechat.browser.failure_artifacts import FailureArtifactFolder
from stonechat.browser.health import LeaseView, PoolHealth, waits_of
from stonechat.browser.lease_queue import LeaseQueue
from stonechat.browser.sessions import SessionStore
from stonechat.browser.supervisor import BrowserSupervisor
from stonechat.config.settings import BrowserSettings
from stonechat.core.clock import Clock
from stonechat.core.errors import StonechatError
from stonechat.core.events import BrowserOperated, EventStream
from stonechat.resilience import BROWSER_POLICY, Breaker

POOL_POLICY = replace(BROWSER_POLICY, slow_rate=1.1)
"""Five failures; never because operations take long, which includes their wait and has its own deadline."""
OVERDUE = 5.0
"""Real seconds after its end at which a lease that was not given back is taken away."""
STALLED = 30.0
"""Real seconds without a turn for anybody, though somebody waits, after which the pool calls itself exhausted
(half of the longest wait where that is less)."""
RUNAWAY = 2
"""Times the memory limit at which the browser is replaced even while it is in use."""
MEGABYTE = 1024 * 1024


class BrowserPool:
    """Leases pages of one browser to operations. Made by :func:`stonechat.browser.open_browser_pool`."""

    def __init__(
        self,
        settings: BrowserSettings,
        clock: Clock,
        events: EventStream,
        *,
        chromium: Chromium,
        sessions: SessionStore | None,
        evidence: FailureArtifactFolder | None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._events = events
        self._operations: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._tasks: set[asyncio.Task[None]] = set()
        self._last_evidence: Path | None = None
        self._draining = ""
        self._breaker: Breaker | None = None
        self.evidence = evidence
        self.supervisor = BrowserSupervisor(
            chromium, clock, events, lost=self._browser_lost, ready=self._browser_ready, tend=self.tend
        )
        self.line = LeaseQueue(settings, clock, self._shut)
        self.contexts = Contexts(settings, clock, self.supervisor, sessions, self._crashed)

    def guard(self, breaker: Breaker) -> None:
        """From now on leases pass this breaker (policy :data:`POOL_POLICY`, probe :meth:`prove`)."""
        self._breaker = breaker

    async def prove(self) -> None:
        """The breaker's probe: a page of its own, beside the pool's contexts, opens and answers.

        Raises:
            Transient: it does not.
        """
        await self.supervisor.prove()

    @contextlib.asynccontextmanager
    async def lease(
        self,
        account_id: str,
        *,
        priority: LeasePriority = LeasePriority.HARVEST,
        task: str = "",
        deadline: timedelta | None = None,
    ) -> AsyncIterator[PageLease]:
        """Use the account's page, alone, for at most ``deadline`` of real time.

        The page is the account's own and stays open between leases. Whatever goes wrong inside ends in
        a fresh page for the next one: Playwright's errors and the deadline come out as ``BrowserFailed``;
        errors of ours pass through.

        Raises:
            BrowserFailed: the operation failed for a reason of the browser's.
            NotTried: the queue is full, the turn did not come in time, the browser is down, or its breaker
                is open.
        """
        guarded = self._breaker.call(judge) if self._breaker is not None else contextlib.nullcontext()
        async with guarded:
            lease = await self.line.turn(account_id, priority, task)
            limit = deadline or self._settings.lease_limit
            # From the grant, not from the request: time in the queue is not the operation's.
            lease.ends = lease.since + limit.total_seconds()
            async with self._used(lease, limit):
                yield lease

    def health(self) -> PoolHealth:
        """How the pool is; cheap, from what it knows."""
        now = self._clock.monotonic()
        supervisor, line = self.supervisor, self.line
        browser = supervisor.chromium.browser
        return PoolHealth(
            up=supervisor.up,
            why=supervisor.why,
            version=browser.version if browser is not None else "",
            since=supervisor.since,
            contexts=len(self.contexts.open),
            limit=self._settings.contexts,
            leases=tuple(
                LeaseView(one.account_id, one.task, timedelta(seconds=now - one.since))
                for one in line.leases.values()
            ),
            queued=Counter(waiter.task or "other" for waiter in line.waiting),
            longest_wait=timedelta(seconds=max((now - one.since for one in line.waiting), default=0.0)),
            exhausted=self._exhausted(),
            waits=waits_of(list(line.waits)),
            operations={task: dict(outcomes) for task, outcomes in self._operations.items()},
            memory_bytes=supervisor.usage.browser,
            memory_peak_bytes=supervisor.usage.peak,
            own_bytes=supervisor.usage.own,
            processes=supervisor.usage.processes,
            browser_pid=supervisor.chromium.browser_pid,
            driver_pid=supervisor.chromium.driver_pid,
            restarts=supervisor.restarts,
            breaker=self._breaker.status() if self._breaker is not None else None,
            evidence=self._last_evidence,
        )

    async def tend(self) -> str:
        """Take back overdue leases, close idle contexts, watch memory. Called by the supervisor, once a tick.

        Returns:
            Why the browser should be replaced now, or "".
        """
        now = self._clock.monotonic()
        for lease in tuple(self.line.leases.values()):
            if now > lease.ends + OVERDUE:
                lease.cut("it was not given back in time")
                self._in_background(self._discard(lease))
        # Before measuring: a stray context is memory that nobody will ever give back.
        await self.contexts.close_strays()
        used = (self.supervisor.usage.browser or 0) / MEGABYTE
        crowded = used > 0.8 * self._settings.memory_limit_mb
        idle_limit = 0.0 if crowded else self._settings.idle_limit.total_seconds()
        await self.contexts.close_idle(self.line.leases, idle_limit)
        if used > self._settings.memory_limit_mb:
            self._draining = f"the browser took {used:.0f} MB, more than {self._settings.memory_limit_mb} MB"
        # Normally the browser is replaced when nobody uses it; far above the limit it is replaced at once.
        if used > RUNAWAY * self._settings.memory_limit_mb:
            return self._draining  # before it takes the machine with it; what is under way is reconciled
        return self._draining if not self.line.leases else ""

    async def close(self) -> None:
        """Write renewed sessions back and end everything; leases still in use are cut short."""
        self._draining = "the browser pool closes"
        self.line.close("The browser pool closes.")
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.supervisor.up:
            await self.contexts.save_all()
        self.contexts.open.clear()

    # --- one use ----------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _used(self, lease: PageLease, limit: timedelta) -> AsyncIterator[None]:
        outcome, kept = "cancelled", None
        try:
            try:
                async with asyncio.timeout(limit.total_seconds()) as lease.timer:
                    lease.slot = await self.contexts.ready(lease.account_id, self.line.leases)
                    yield
                outcome = "ok"
            except TimeoutError as exc:
                outcome = "lost" if lease.cut_short else "timed_out"
                raise late(lease.task, lease.cut_short, limit) from exc
            except Exception as exc:
                if not isinstance(exc, Error) and not driver_died(exc):
                    raise
                outcome = "lost" if lease.cut_short else "failed"
                raise broken(lease.task, lease.cut_short, exc) from exc
        except StonechatError as exc:
            # An error of ours raised inside the block: the site refused, the browser works.
            outcome = "refused" if outcome == "cancelled" else outcome
            kept = await self._keep_evidence(lease, outcome, exc)
            raise
        finally:
            lease.timer = None
            self._ended(lease, outcome, kept)

    async def _keep_evidence(self, lease: PageLease, outcome: str, exc: StonechatError) -> Path | None:
        slot = lease.slot
        if slot is None or self.evidence is None:
            return None
        path = await self.evidence.keep(
            slot.page,
            slot.errors,
            at=self._clock.wall(),
            account_id=lease.account_id,
            task=lease.task,
            reason=f"{outcome}: {exc}",
            picture=outcome in {"failed", "refused", "timed_out"} and self.supervisor.up and not slot.crashed,
        )
        self._last_evidence = path or self._last_evidence
        return path

    def _ended(self, lease: PageLease, outcome: str, kept: Path | None) -> None:
        now = self._clock.monotonic()
        task = lease.task or "other"
        self._operations[task][outcome] += 1
        slot = lease.slot
        if slot is not None:
            slot.uses, slot.last_used = slot.uses + 1, now
        if outcome not in {"ok", "refused"}:
            self.supervisor.suspect()
            self._in_background(self._discard(lease))
        elif slot is not None and self.contexts.needs_tidying(slot):
            self._in_background(self._tidy_then_release(lease, slot))
        else:
            self._release(lease)
        self._events.emit(
            BrowserOperated(
                account_id=lease.account_id,
                task=task,
                outcome=outcome,
                waited=timedelta(seconds=lease.waited),
                took=timedelta(seconds=now - lease.since),
                evidence=str(kept or ""),
            )
        )

    async def _discard(self, lease: PageLease) -> None:
        try:
            slot = lease.slot
            if slot is not None:
                slot.crashed = True  # nobody knows what state it is in: no cookies of it are kept
                await self.contexts.close(slot)
        finally:
            self._release(lease)

    async def _tidy_then_release(self, lease: PageLease, slot: AccountContext) -> None:
        try:
            await self.contexts.tidy(slot)
        finally:
            self._release(lease)

    def _release(self, lease: PageLease) -> None:
        self.line.release(lease)
        if self._draining and not self.line.leases:
            self.supervisor.suspect()

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _exhausted(self) -> str:
        stalled = self.line.stalled()
        limit = min(STALLED, self._settings.queue_wait.total_seconds() / 2)
        if not self.supervisor.up or stalled <= limit:
            return ""
        return f"{len(self.line.waiting)} wait and none was served for {stalled:.0f} s; {self.line.holders()}"

    # --- what the browser does --------------------------------------------------------------------

    def _shut(self) -> str:
        return self._draining if self.supervisor.up else f"the browser is down: {self.supervisor.why}"

    def _crashed(self, slot: AccountContext) -> None:
        lease = self.line.leases.get(slot.account_id)
        if lease is not None and lease.slot is slot:
            lease.cut("its page crashed")

    def _browser_lost(self, why: str) -> None:
        """Everything opened in the browser is worthless: end the leases, forget the contexts."""
        self.contexts.open.clear()
        for lease in tuple(self.line.leases.values()):
            lease.cut(why)

    def _browser_ready(self) -> None:
        self._draining = ""
        self.line.grant()
