"""Logging in by hand: the owner types into the site's own page, and we wait for the cookies that follow.

No password is seen: nothing listens to the page, and what is read at the end are the cookies alone.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, cast

from playwright.async_api import BrowserContext, Error, Page

from stonechat.browser.sessions import Session, from_cookies
from stonechat.core.clock import Clock
from stonechat.core.errors import Permanent, SessionTrouble, Transient
from stonechat.core.states import SessionState
from stonechat.networks.x_web.navigation import facts, go, wait_for
from stonechat.networks.x_web.selectors import Selector
from stonechat.networks.x_web.session import SESSION

LOOK_EVERY = timedelta(milliseconds=500)


_CLOSED = "The window was closed before anybody had logged in."


async def log_in(
    context: BrowserContext, clock: Clock, site: str, handle: str, *, patience: timedelta
) -> Session:
    """Show the site's log-in page, wait until somebody has logged in, and make sure that it is ``handle``.

    Args:
        patience: real time that the owner has.

    Raises:
        Permanent: the window was closed, or nobody logged in in time.
        SessionTrouble: somebody else logged in, or the network asks for more.
        Transient: the site cannot be reached.
    """
    page = await context.new_page()
    try:
        await page.goto(f"{site}/i/flow/login", wait_until="domcontentloaded")
    except Error as exc:
        if page.is_closed():
            raise _nobody(_CLOSED) from exc
        raise Transient(
            f"{site} cannot be reached: {str(exc).splitlines()[0][:200]}",
            meaning="Nothing was changed.",
            remedy="Check the connection and try again.",
        ) from exc
    await _logged_in(context, page, clock, site, clock.monotonic() + patience.total_seconds())
    return await check(context, page, site, handle)


async def try_session(context: BrowserContext, site: str, handle: str, session: Session) -> Session:
    """Ask the network whose session this is; returns it with the cookies that the site renewed meanwhile.

    Raises:
        SessionTrouble: it is somebody else's, has ended, or the network asks for more.
        Transient: the site cannot be reached.
    """
    try:
        await context.add_cookies(cast("Any", [dict(cookie) for cookie in session.cookies]))
    except (Error, ValueError) as exc:
        raise SessionTrouble(
            SessionState.EXPIRED,
            "The browser does not take this session.",
            meaning="Nothing was saved.",
            remedy="Export it anew, or log in by hand: stonechat login",
        ) from exc
    return await check(context, await context.new_page(), site, handle)


async def check(context: BrowserContext, page: Page, site: str, handle: str, within: float = 15.0) -> Session:
    """The session that ``context`` holds, once the network has said that it is ``handle``'s.

    Args:
        within: real seconds that the page has to say who is logged in.

    Raises:
        SessionTrouble, Transient, PageChanged: it is not, or cannot be asked.
    """
    await go(page, f"{site}/home")
    missing = Selector.PROFILE_LINK.name
    await wait_for(
        page,
        Selector.PROFILE_LINK.value,
        within,
        missing=missing,
        what="The page does not say who is logged in.",
    )
    found = (await facts(page)).handle
    if found.casefold() != handle.casefold():
        raise SessionTrouble(
            SessionState.EXPIRED,
            f"@{found} is logged in there, not @{handle}.",
            meaning="Nothing was saved: nothing is ever done in somebody else's name.",
            remedy=f"Log out there, and log in as @{handle}; or name the account with --account {found}.",
        )
    cookies = [dict(cookie) for cookie in await context.cookies(site)]
    return from_cookies(cookies, SESSION)


async def _logged_in(context: BrowserContext, page: Page, clock: Clock, site: str, until: float) -> None:
    """Wait until the cookies of a log-in are there and the site has left its log-in page."""
    while True:
        try:
            held = {cookie.get("name") for cookie in await context.cookies(site) if cookie.get("value")}
        except Error:
            held = set()
        if page.is_closed():
            raise _nobody(_CLOSED)
        if held.issuperset(SESSION.needed) and "/i/flow/" not in page.url:
            return
        if clock.monotonic() >= until:
            raise _nobody("Nobody logged in in time.")
        await asyncio.sleep(LOOK_EVERY.total_seconds())


def _nobody(what: str) -> Permanent:
    return Permanent(what, meaning="Nothing was saved.", remedy="Run stonechat login again.")
