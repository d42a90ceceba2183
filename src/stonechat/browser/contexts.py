"""The open browser contexts, one for each account: reused, recycled, renewed cookies written back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection

from playwright.async_api import BrowserContext, Error

from stonechat.browser.account_context import CLOSE_LIMIT, AccountContext, open_context
from stonechat.browser.errors import BrowserBusy, BrowserDown
from stonechat.browser.sessions import Session, SessionStore
from stonechat.browser.supervisor import BrowserSupervisor
from stonechat.config.settings import BrowserSettings
from stonechat.core.clock import Clock
from stonechat.core.errors import StonechatError

SAVE_EVERY = 60.0
"""Real seconds between two looks at whether the site renewed an account's cookies."""


class Contexts:
    """Opens, keeps and closes contexts; never more than ``settings.contexts``.

    Args:
        on_crash: told when a page's process dies.
    """

    def __init__(
        self,
        settings: BrowserSettings,
        clock: Clock,
        supervisor: BrowserSupervisor,
        sessions: SessionStore | None,
        on_crash: Callable[[AccountContext], None],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._keeper = supervisor
        self._sessions = sessions
        self._on_crash = on_crash
        self._opening = 0
        self._strays: set[BrowserContext] = set()
        self.open: dict[str, AccountContext] = {}

    async def ready(self, account_id: str, in_use: Collection[str]) -> AccountContext:
        """The account's context, opened where there is none that can still be used.

        Args:
            in_use: accounts whose contexts must not be closed to make room.

        Raises:
            BrowserDown: there is no browser.
            BrowserBusy: others fill the pool; Playwright's own errors pass through.
        """
        session = await self._sessions.load(account_id) if self._sessions is not None else None
        now = self._clock.monotonic()
        slot = self.open.get(account_id)
        if slot is not None and not self._usable(slot, session, now):
            await self.close(slot)
            slot = None
        if slot is None:
            # Contexts being opened count too, or two accounts could pass this check at the same moment.
            while len(self.open) + self._opening >= self._settings.contexts:
                idle = [slot for account, slot in self.open.items() if account not in in_use]
                if not idle:
                    raise BrowserBusy("No context is free.", meaning="The operation was not started.")
                # Least recently used first: an account that posts often keeps its warm page.
                await self.close(min(idle, key=lambda one: one.last_used))
            self._opening += 1
            try:
                slot = await self._open(account_id, session, now)
            finally:
                self._opening -= 1
        return slot

    async def close(self, slot: AccountContext) -> None:
        """Close one, keeping what its site renewed."""
        # A newer context may stand under this account already; only our own entry is removed.
        if self.open.get(slot.account_id) is slot:
            del self.open[slot.account_id]
        if slot.generation == self._keeper.chromium.generation:
            await self.save(slot)
            if not await slot.close():
                self._keeper.suspect()

    async def close_idle(self, in_use: Collection[str], limit: float) -> None:
        """Close what was not used for ``limit`` real seconds."""
        now = self._clock.monotonic()
        for account, slot in tuple(self.open.items()):
            if account not in in_use and now - slot.last_used > limit:
                await self.close(slot)

    async def close_strays(self) -> None:
        """Close contexts that nobody knows of: the caller was cancelled while the browser opened one.

        Only what is seen by two looks in a row, so that one under way is never taken for a stray.
        """
        browser = self._keeper.chromium.browser
        seen: set[BrowserContext] = set()
        if browser is not None and not self._opening and not self._keeper.chromium.proving:
            seen = set(browser.contexts) - {slot.context for slot in self.open.values()}
        strays, self._strays = seen & self._strays, seen
        for context in strays:
            with contextlib.suppress(Error, TimeoutError):
                async with asyncio.timeout(CLOSE_LIMIT):
                    await context.close()

    async def tidy(self, slot: AccountContext) -> None:
        """Between two operations: write renewed cookies back now and then, and keep its memory small."""
        if self._clock.monotonic() - slot.checked >= SAVE_EVERY:
            await self.save(slot)
        if slot.untidy and not slot.crashed and self._keeper.up:
            try:
                await slot.tidy()
            except (Error, TimeoutError):
                slot.crashed = True  # nobody knows what state it is in: a fresh one is next
                self._keeper.suspect()

    def needs_tidying(self, slot: AccountContext) -> bool:
        """Whether :meth:`tidy` would do anything now."""
        return slot.untidy or self._clock.monotonic() - slot.checked >= SAVE_EVERY

    async def save(self, slot: AccountContext) -> None:
        """Write renewed cookies back."""
        slot.checked = self._clock.monotonic()
        if self._sessions is None or slot.session is None or slot.crashed or not self._keeper.up:
            return
        with contextlib.suppress(Error, TimeoutError, OSError, StonechatError):
            new = await slot.renewed()
            if new is None:
                return
            # A session that the owner gave meanwhile is newer than what this context renewed.
            held = await self._sessions.load(slot.account_id)
            if held is not None and held.fingerprint() == slot.session.fingerprint():
                await self._sessions.save(slot.account_id, new)
            slot.session = new

    async def save_all(self) -> None:
        """Write every account's renewed cookies back."""
        await asyncio.gather(*(self.save(slot) for slot in self.open.values()))

    def _usable(self, slot: AccountContext, session: Session | None, now: float) -> bool:
        if slot.generation != self._keeper.chromium.generation or slot.page.is_closed():
            return False
        if slot.worn(now, self._settings.context_age, self._settings.context_uses):
            return False
        known = slot.session.fingerprint() if slot.session is not None else None
        return known == (session.fingerprint() if session is not None else None)

    async def _open(self, account_id: str, session: Session | None, now: float) -> AccountContext:
        browser = self._keeper.chromium.browser
        if browser is None:
            raise BrowserDown("The browser went away.", meaning="The operation was not started.")
        async with asyncio.timeout(self._settings.call_timeout.total_seconds()):
            slot = await open_context(
                browser,
                account_id,
                session,
                generation=self._keeper.chromium.generation,
                now=now,
                call_timeout=self._settings.call_timeout,
                on_crash=self._on_crash,
            )
        self.open[account_id] = slot
        return slot
