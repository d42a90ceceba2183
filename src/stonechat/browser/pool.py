"""The pool: who may use the browser when, and what becomes of a page after each use.

A lease that fails only says so; whether the browser still works is the keeper's business
(:mod:`stonechat.browser.keeper`). Meanwhile callers wait in the queue, by priority, for a bounded time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

from playwright.async_api import Error

from stonechat.browser import evidence
from stonechat.browser.chromium import Chromium
from stonechat.browser.executable import find_chromium
from stonechat.browser.health import LeaseView, PoolHealth
from stonechat.browser.keeper import Keeper
from stonechat.browser.processes import default_root, open_run_folder, sweep
from stonechat.browser.queue import Priority, Waiter, next_waiter, to_give_way
from stonechat.browser.sessions import Session, SessionStore
from stonechat.browser.slots import AccountContext, Lease, open_context
from stonechat.config.settings import BrowserSettings
from stonechat.core.clock import Clock
from stonechat.core.errors import StonechatError, Transient
from stonechat.core.events import BrowserOperated, EventStream

SAVE_EVERY = 60.0
"""Real seconds between two looks at whether the site renewed an account's cookies."""
OVERDUE = 5.0
"""Real seconds after its end at which a lease that was not given back is taken away."""
MEGABYTE = 1024 * 1024


class BrowserPool:
    """Leases pages of one browser to operations. Made by :func:`open_browser_pool`."""

    def __init__(
        self,
        settings: BrowserSettings,
        clock: Clock,
        events: EventStream,
        sessions: SessionStore | None,
        evidence_folder: Path | None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._events = events
        self._sessions = sessions
        self._evidence_folder = evidence_folder
        self._waiting: list[Waiter] = []
        self._leases: dict[str, Lease] = {}
        self._contexts: dict[str, AccountContext] = {}
        self._operations: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._tasks: set[asyncio.Task[None]] = set()
        self._last_evidence: Path | None = None
        self._draining = ""
        self._keeper: Keeper | None = None

    @property
    def keeper(self) -> Keeper:
        """The browser's watchman; there once the pool is open."""
        assert self._keeper is not None  # noqa: S101 - set by `open_browser_pool` before anybody sees the pool
        return self._keeper

    # --- using it ---------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def lease(
        self,
        account_id: str,
        *,
        priority: Priority = Priority.HARVEST,
        task: str = "",
        deadline: timedelta | None = None,
    ) -> AsyncIterator[Lease]:
        """Use the account's page, alone, for at most ``deadline`` of real time.

        The page is the account's own and stays open between leases. Whatever goes wrong inside ends in
        a fresh page for the next one: Playwright's errors and the deadline come out as ``Transient``;
        errors of ours pass through.

        Raises:
            Transient: the queue is full, the turn did not come in time, the browser is down, or the
                operation failed for a reason of the browser's.
        """
        lease = await self._turn(account_id, priority, task)
        limit = deadline or self._settings.lease_limit
        lease.ends = lease.since + limit.total_seconds()
        outcome, kept = "cancelled", None
        try:
            try:
                async with asyncio.timeout(limit.total_seconds()) as lease.timer:
                    lease.slot = await self._context(lease)
                    yield lease
                outcome = "ok"
            except TimeoutError as exc:
                outcome = "lost" if lease.cut_short else "timed_out"
                raise _late(lease, limit) from exc
            except Error as exc:
                outcome = "lost" if lease.cut_short else "failed"
                raise _broken(lease, exc) from exc
        except StonechatError as exc:
            outcome = "refused" if outcome == "cancelled" else outcome
            kept = await self._keep_evidence(lease, outcome, exc)
            raise
        finally:
            lease.timer = None
            self._ended(lease, outcome, kept)

    async def _turn(self, account_id: str, priority: Priority, task: str) -> Lease:
        granted: asyncio.Future[Lease] = asyncio.get_running_loop().create_future()
        waiter = Waiter(account_id, priority, task, self._clock.monotonic(), granted)
        self._enter(waiter)
        served = False
        try:
            async with asyncio.timeout(self._settings.queue_wait.total_seconds()):
                lease = await granted
                served = True
                return lease
        except TimeoutError as exc:
            raise self._not_served(waiter) from exc
        finally:
            if not served:
                self._withdraw(waiter)

    def _enter(self, waiter: Waiter) -> None:
        if len(self._waiting) >= self._settings.queue_limit:
            last = to_give_way(self._waiting, waiter.priority, waiter.since, self._ageing)
            if last is None:
                raise Transient(
                    f"The browser's queue is full ({self._settings.queue_limit} wait).",
                    meaning="This operation was not started.",
                    remedy="It is tried again later.",
                    retry_after=self._settings.queue_wait,
                )
            self._waiting.remove(last)
            last.granted.set_exception(
                Transient(
                    "Gave way in a full queue to something more urgent.", retry_after=timedelta(seconds=30)
                )
            )
        self._waiting.append(waiter)
        self._grant()

    def _withdraw(self, waiter: Waiter) -> None:
        if waiter in self._waiting:
            self._waiting.remove(waiter)
        elif not waiter.granted.cancelled() and waiter.granted.exception() is None:
            self._release(waiter.granted.result())

    def _grant(self) -> None:
        """Hand out what is free, in order."""
        self._waiting = [waiter for waiter in self._waiting if not waiter.granted.done()]
        while self.keeper.up and not self._draining and len(self._leases) < self._settings.contexts:
            now = self._clock.monotonic()
            waiter = next_waiter(self._waiting, self._leases, now, self._ageing)
            if waiter is None:
                return
            self._waiting.remove(waiter)
            limit = self._settings.lease_limit.total_seconds()
            lease = Lease(
                waiter.account_id, waiter.priority, waiter.task, now, now + limit, now - waiter.since
            )
            self._leases[waiter.account_id] = lease
            waiter.granted.set_result(lease)

    @property
    def _ageing(self) -> float:
        """Waiting this many real seconds is worth one step of priority."""
        return max(0.1, self._settings.queue_wait.total_seconds() / 6)

    def _not_served(self, waiter: Waiter) -> Transient:
        waited = f"{waiter.task or 'An operation'} waited {self._settings.queue_wait.total_seconds():g} s"
        if not self.keeper.up:
            return Transient(
                f"{waited}, but the browser is down: {self.keeper.why}", meaning="It was not started."
            )
        holders = ", ".join(f"{one.task or '?'} of {one.account_id}" for one in self._leases.values())
        return Transient(
            f"{waited} for a context; in use by: {holders or 'nobody (the browser is being replaced)'}.",
            meaning="It was not started.",
            remedy="Raise BROWSER_CONTEXTS if this happens often.",
        )

    # --- pages ------------------------------------------------------------------------------------

    async def _context(self, lease: Lease) -> AccountContext:
        """The account's context, opened where there is none that can still be used."""
        session = self._sessions.load(lease.account_id) if self._sessions is not None else None
        now = self._clock.monotonic()
        slot = self._contexts.get(lease.account_id)
        if slot is not None and not self._usable(slot, session, now):
            await self._close(slot)
            slot = None
        if slot is None:
            while len(self._contexts) >= self._settings.contexts:
                await self._close(self._least_used())
            slot = await self._open(lease.account_id, session, now)
        return slot

    def _usable(self, slot: AccountContext, session: Session | None, now: float) -> bool:
        if slot.generation != self.keeper.chromium.generation or slot.page.is_closed():
            return False
        if slot.worn(now, self._settings.context_age, self._settings.context_uses):
            return False
        known = slot.session.fingerprint() if slot.session is not None else None
        return known == (session.fingerprint() if session is not None else None)

    def _least_used(self) -> AccountContext:
        idle = [slot for account, slot in self._contexts.items() if account not in self._leases]
        return min(idle, key=lambda slot: slot.last_used)

    async def _open(self, account_id: str, session: Session | None, now: float) -> AccountContext:
        browser = self.keeper.chromium.browser
        if browser is None:
            raise Transient("The browser went away.", meaning="The operation was not started.")
        async with asyncio.timeout(self._settings.call_timeout.total_seconds()):
            slot = await open_context(
                browser,
                account_id,
                session,
                generation=self.keeper.chromium.generation,
                now=now,
                call_timeout=self._settings.call_timeout,
                on_crash=self._crashed,
            )
        self._contexts[account_id] = slot
        return slot

    def _crashed(self, slot: AccountContext) -> None:
        lease = self._leases.get(slot.account_id)
        if lease is not None and lease.slot is slot:
            lease.cut("its page crashed")

    async def _close(self, slot: AccountContext) -> None:
        if self._contexts.get(slot.account_id) is slot:
            del self._contexts[slot.account_id]
        if slot.generation == self.keeper.chromium.generation:
            await self._save(slot)
            if not await slot.close():
                self.keeper.suspect()

    async def _save(self, slot: AccountContext) -> None:
        """Write renewed cookies back."""
        slot.checked = self._clock.monotonic()
        if self._sessions is None or slot.crashed or not self.keeper.up:
            return
        with contextlib.suppress(Error, TimeoutError, OSError):
            new = await slot.renewed()
            if new is not None:
                # A session that the owner gave meanwhile is newer than what this context renewed.
                held = self._sessions.load(slot.account_id)
                if (
                    held is not None
                    and slot.session is not None
                    and held.fingerprint() == slot.session.fingerprint()
                ):
                    self._sessions.save(slot.account_id, new)
                slot.session = new

    # --- after use --------------------------------------------------------------------------------

    async def _keep_evidence(self, lease: Lease, outcome: str, exc: StonechatError) -> Path | None:
        slot = lease.slot
        if slot is None or self._evidence_folder is None:
            return None
        path = await evidence.keep(
            self._evidence_folder,
            slot.page,
            slot.errors,
            at=self._clock.wall(),
            account_id=lease.account_id,
            task=lease.task,
            reason=f"{outcome}: {exc}",
            picture=outcome in {"failed", "refused", "timed_out"} and self.keeper.up and not slot.crashed,
        )
        self._last_evidence = path or self._last_evidence
        return path

    def _ended(self, lease: Lease, outcome: str, kept: Path | None) -> None:
        now = self._clock.monotonic()
        task = lease.task or "other"
        self._operations[task][outcome] += 1
        slot = lease.slot
        if slot is not None:
            slot.uses, slot.last_used = slot.uses + 1, now
        if outcome not in {"ok", "refused"}:
            self.keeper.suspect()
            self._in_background(self._discard(lease))
        elif slot is not None and now - slot.checked >= SAVE_EVERY:
            self._in_background(self._save_then_release(lease, slot))
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

    async def _discard(self, lease: Lease) -> None:
        try:
            slot = lease.slot
            if slot is not None:
                slot.crashed = True  # nobody knows what state it is in: no cookies of it are kept
                await self._close(slot)
        finally:
            self._release(lease)

    async def _save_then_release(self, lease: Lease, slot: AccountContext) -> None:
        try:
            await self._save(slot)
        finally:
            self._release(lease)

    def _release(self, lease: Lease) -> None:
        if self._leases.get(lease.account_id) is lease:
            del self._leases[lease.account_id]
        if self._draining and not self._leases:
            self.keeper.suspect()
        self._grant()

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- called by the keeper ---------------------------------------------------------------------

    def browser_lost(self, why: str) -> None:
        """Everything opened in the browser is worthless: end the leases, forget the contexts."""
        self._contexts.clear()
        for lease in tuple(self._leases.values()):
            lease.cut(why)

    def browser_ready(self) -> None:
        """There is a browser again: serve who waits."""
        self._draining = ""
        self._grant()

    async def tend(self) -> str:
        """Take back overdue leases, close idle contexts, watch memory; why to replace the browser, or ""."""
        now = self._clock.monotonic()
        for lease in tuple(self._leases.values()):
            if now > lease.ends + OVERDUE:
                lease.cut("it was not given back in time")
                self._in_background(self._discard(lease))
        used = (self.keeper.memory_bytes or 0) / MEGABYTE
        crowded = used > 0.8 * self._settings.memory_limit_mb
        for account, slot in tuple(self._contexts.items()):
            idle = now - slot.last_used
            if account not in self._leases and (crowded or idle > self._settings.idle_limit.total_seconds()):
                await self._close(slot)
        if used > self._settings.memory_limit_mb:
            self._draining = f"it took {used:.0f} MB, more than {self._settings.memory_limit_mb} MB"
        return self._draining if not self._leases else ""

    # --- telling ----------------------------------------------------------------------------------

    def health(self) -> PoolHealth:
        """How the pool is; cheap, from what it knows."""
        now = self._clock.monotonic()
        keeper = self.keeper
        browser = keeper.chromium.browser
        return PoolHealth(
            up=keeper.up,
            why=keeper.why,
            version=browser.version if browser is not None else "",
            since=keeper.since,
            contexts=len(self._contexts),
            limit=self._settings.contexts,
            leases=tuple(
                LeaseView(one.account_id, one.task, timedelta(seconds=now - one.since))
                for one in self._leases.values()
            ),
            queued=Counter(waiter.task or "other" for waiter in self._waiting),
            longest_wait=timedelta(seconds=max((now - one.since for one in self._waiting), default=0.0)),
            operations={task: dict(outcomes) for task, outcomes in self._operations.items()},
            memory_bytes=keeper.memory_bytes,
            processes=keeper.processes,
            restarts=keeper.restarts,
            evidence=self._last_evidence,
        )

    async def close(self) -> None:
        """Write renewed sessions back and end everything; leases still in use are cut short."""
        self._draining = "the pool closes"
        for waiter in self._waiting:
            if not waiter.granted.done():
                waiter.granted.set_exception(
                    Transient("The browser pool closes.", meaning="Nothing was started.")
                )
        for lease in tuple(self._leases.values()):
            lease.cut("the pool closes")
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.keeper.up:
            await asyncio.gather(*(self._save(slot) for slot in self._contexts.values()))
        self._contexts.clear()


def _late(lease: Lease, limit: timedelta) -> Transient:
    task = lease.task or "The operation"
    if lease.cut_short:
        return Transient(
            f"{task} was cut short: {lease.cut_short}.", meaning="What it did is not known here."
        )
    return Transient(
        f"{task} did not end within {limit.total_seconds():g} s.",
        meaning="Its page was closed; a fresh one is next.",
    )


def _broken(lease: Lease, exc: Error) -> Transient:
    first = next((line.strip() for line in str(exc).splitlines() if line.strip()), type(exc).__name__)
    why = lease.cut_short or first[:300]
    return Transient(
        f"{lease.task or 'The operation'} failed in the browser: {why}", meaning="A fresh page is next."
    )


@contextlib.asynccontextmanager
async def open_browser_pool(
    settings: BrowserSettings,
    clock: Clock,
    events: EventStream,
    *,
    sessions: SessionStore | None = None,
    evidence_folder: Path | None = None,
    root: Path | None = None,
) -> AsyncIterator[BrowserPool]:
    """Open the pool, sweeping up first what killed runs left behind.

    The pool opens even where the browser does not start: it is degraded then (``health().up`` is
    False) and goes on trying, and operations wait in its queue.

    Args:
        sessions: where accounts' sessions come from and renewed cookies go to.
        evidence_folder: where records of failed operations are kept (at most 50); none are where None.
        root: where run folders stand; a folder of this user's in the system's temporary folder.

    Raises:
        ConfigError: ``BROWSER_EXECUTABLE`` names something that cannot be run.
    """
    executable = find_chromium(settings.executable)
    root = root or default_root()
    await asyncio.to_thread(sweep, root)
    folder = await asyncio.to_thread(open_run_folder, root)
    pool = BrowserPool(settings, clock, events, sessions, evidence_folder)
    chromium = Chromium(executable, folder, lambda why: keeper.gone(why))  # noqa: PLW0108 - the keeper comes next
    keeper = Keeper(chromium, clock, events, lost=pool.browser_lost, ready=pool.browser_ready, tend=pool.tend)
    pool._keeper = keeper
    await keeper.start()
    watch = asyncio.create_task(keeper.run(), name="browser keeper")
    try:
        yield pool
    finally:
        await pool.close()
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        await chromium.close()
        folder.remove()
