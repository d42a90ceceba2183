"""One account's browser context with its page, and the lease under which a task uses it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import IntEnum
from typing import TYPE_CHECKING, cast

from playwright.async_api import BrowserContext, CDPSession, Error, Page

from stonechat.browser.failure_artifacts import NetworkErrors
from stonechat.browser.sessions import Session, renewed
from stonechat.core.errors import SessionTrouble
from stonechat.core.states import SessionState

if TYPE_CHECKING:
    from playwright.async_api import Browser, StorageState

UNWANTED = ["*.mp4", "*.m3u8", "*.m4s", "*.woff", "*.woff2", "*.ttf", "*.gif"]
CLOSE_LIMIT = 3.0
TIDY_EVERY, PAGE_USES = 8, 40
"""Uses of a context between two collections of its page's garbage, and between two pages."""


class LeasePriority(IntEnum):
    """What an operation is for; the smaller number goes first."""

    POST = 0
    REPLY = 1
    METRICS = 2
    HARVEST = 3


@dataclass(eq=False, slots=True)
class AccountContext:
    """An open context with one page, logged in as one account.

    Attributes:
        generation: of the browser it lives in.
        control: speaks to the page's process directly.
        opened, last_used: monotonic real seconds.
        crashed: the page's process died; Playwright does not say so by ``is_closed``.
    """

    account_id: str
    context: BrowserContext
    page: Page
    control: CDPSession
    errors: NetworkErrors
    session: Session | None
    generation: int
    opened: float
    last_used: float
    checked: float
    on_crash: Callable[[AccountContext], None]
    uses: int = 0
    crashed: bool = False

    def worn(self, now: float, age: timedelta, uses: int) -> bool:
        """Whether it should be replaced before its next use."""
        return self.crashed or self.uses >= uses or now - self.opened >= age.total_seconds()

    @property
    def untidy(self) -> bool:
        """Whether it is time to :meth:`tidy` up."""
        return self.uses % TIDY_EVERY == 0

    async def tidy(self) -> None:
        """Free the memory that past operations left, between two operations.

        What the page's script has dropped is collected every ``TIDY_EVERY`` uses: left to itself the
        page's process collects rarely and grows by a third of a megabyte an operation. After ``PAGE_USES``
        the page is replaced, and with it all requests and answers that the driver keeps until their page
        is closed.

        Raises:
            Error, TimeoutError: it does not answer.
        """
        async with asyncio.timeout(CLOSE_LIMIT):
            if self.uses % PAGE_USES:
                await self.control.send("HeapProfiler.collectGarbage")
                return
            await self.page.close()  # before the next one is open: two take the memory of two
            self.page, self.control = await _open_page(self.context)
            self.errors = NetworkErrors(self.page)
            self.watch()

    def watch(self) -> None:
        """Notice a crash of the page, and answer its dialogs: one would stop it until somebody does."""
        page = self.page

        def crashed(_: Page) -> None:
            if self.page is page:
                self.crashed = True
                self.on_crash(self)

        page.on("crash", crashed)
        page.on("dialog", lambda dialog: asyncio.ensure_future(_accept(dialog.accept())))

    async def renewed(self) -> Session | None:
        """The session with renewed cookies; None where they are as they were."""
        if self.session is None:
            return None
        async with asyncio.timeout(CLOSE_LIMIT):
            cookies = await self.context.cookies()
        return renewed(self.session, [dict(cookie) for cookie in cookies])

    async def close(self) -> bool:
        """Close it; False where the browser did not do so in time."""
        try:
            async with asyncio.timeout(CLOSE_LIMIT):
                await self.context.close()
        except TimeoutError:
            return False
        except Error:
            return True  # the browser is gone, and the context with it
        return True


async def open_context(
    browser: Browser,
    account_id: str,
    session: Session | None,
    *,
    generation: int,
    now: float,
    call_timeout: timedelta,
    on_crash: Callable[[AccountContext], None],
) -> AccountContext:
    """A new context, logged in with ``session``, whose every call ends by ``call_timeout``.

    Raises:
        SessionTrouble: the browser works, and does not take this session.
        Error: the browser does not work.
    """
    context = await _logged_in(browser, session)
    context.set_default_timeout(call_timeout.total_seconds() * 1000)
    try:
        page, control = await _open_page(context)
    except BaseException:  # cancelled or cut short: nobody would ever know of it again
        with contextlib.suppress(Error, TimeoutError):
            async with asyncio.timeout(CLOSE_LIMIT):
                await context.close()
        raise
    errors = NetworkErrors(page)
    slot = AccountContext(
        account_id, context, page, control, errors, session, generation, now, now, now, on_crash
    )
    slot.watch()
    return slot


async def _logged_in(browser: Browser, session: Session | None) -> BrowserContext:
    """A context with the session in it.

    Where the browser refuses, it is asked for one without: if it gives that, it is the session that is at
    fault, and one account's session must not look like a browser that fails (its breaker stops all accounts).
    """
    try:
        return await _new_context(browser, session)
    except (Error, ValueError) as refusal:
        if session is None:
            raise
        await (await _new_context(browser, None)).close()
        raise SessionTrouble(
            SessionState.EXPIRED,
            "The browser does not take the saved session.",
            meaning="Nothing is read or published in the account's name; other accounts go on.",
            remedy="Log in again: stonechat login",
        ) from refusal


async def _new_context(browser: Browser, session: Session | None) -> BrowserContext:
    return await browser.new_context(
        storage_state=cast("StorageState", session.state()) if session is not None else None,
        locale="en-US",
        viewport={"width": 1280, "height": 720},
        service_workers="block",
    )


async def _open_page(context: BrowserContext) -> tuple[Page, CDPSession]:
    page = await context.new_page()
    control = await context.new_cdp_session(page)
    await control.send("Network.enable", {"maxTotalBufferSize": 0, "maxResourceBufferSize": 0})
    await control.send("Network.setBlockedURLs", {"urls": UNWANTED})
    return page, control


async def _accept(answer: object) -> None:
    with contextlib.suppress(Error):
        await answer  # type: ignore[misc]


@dataclass(eq=False, slots=True)
class PageLease:
    """The right to use one account's page, alone, from ``since`` to ``ends`` (monotonic real seconds)."""

    account_id: str
    priority: LeasePriority
    task: str
    since: float
    ends: float
    waited: float = 0.0
    slot: AccountContext | None = None
    timer: asyncio.Timeout | None = field(default=None, repr=False)
    cut_short: str = ""

    @property
    def page(self) -> Page:
        """The account's page, as the last operation left it."""
        assert self.slot is not None  # noqa: S101 - a lease is handed out only once its page is open
        return self.slot.page

    def cut(self, why: str) -> None:
        """End the work under this lease now."""
        self.cut_short = self.cut_short or why
        if self.timer is not None:
            with contextlib.suppress(RuntimeError):  # it is ending already
                self.timer.reschedule(0.0)
