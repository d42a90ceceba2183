"""Getting to a page and knowing which page it is: the one asked for, or one of the walls before it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Error, Page
from playwright.async_api import TimeoutError as PlaywrightTimeout

from stonechat.core.errors import PageChanged, Permanent, SessionTrouble, Transient
from stonechat.core.states import SessionState
from stonechat.networks.x_web.dom_parser import PageKind, page_kind
from stonechat.networks.x_web.selectors import Selector
from stonechat.networks.x_web.wire_errors import trouble

GLANCE = 0.7
"""Real seconds before the first look at why something does not appear; each next look waits twice as long."""

_WALLS = {
    PageKind.LOGIN: (SessionState.EXPIRED, "The site asks to log in."),
    PageKind.CHALLENGE: (SessionState.CHALLENGED, "The site asks for a proof that only the owner can give."),
    PageKind.LOCKED: (SessionState.LOCKED, "The account is locked."),
    PageKind.SUSPENDED: (SessionState.SUSPENDED, "The account is suspended."),
}

TOPMOST = """(one) => {
  const box = one.getBoundingClientRect();
  const hit = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  return hit !== null && one.contains(hit);
}"""
"""A function of an element for the page: whether its middle is in view and nothing lies over it."""

_FACTS = f"""([profile, newPost, textbox, dialog, mask, consent]) => {{
  const one = (selector) => document.querySelector(selector);
  const topmost = {TOPMOST};
  return {{
    handle: one(profile)?.getAttribute("href") ?? null,
    new_post: one(newPost) !== null && topmost(one(newPost)),
    textbox: one(textbox) !== null,
    dialog: one(dialog) !== null,
    consent: one(mask) !== null || one(consent) !== null,
  }};
}}"""
_REFUSE = """([mask, consent]) => {
  const buttons = [...document.querySelectorAll(consent + " button")];
  const refuse = buttons.find((one) => /refuse|reject|necessary|essential/i.test(one.textContent));
  if (refuse) refuse.click();
  return refuse !== undefined && document.querySelector(mask) === null;
}"""


@dataclass(frozen=True, slots=True)
class Facts:
    """What stands on a page of a logged-in account.

    Attributes:
        handle: who is logged in, "" where unknown.
        new_post: the button for a new post is in view, with nothing over it.
    """

    handle: str
    new_post: bool
    textbox: bool
    dialog: bool
    consent: bool


async def facts(page: Page) -> Facts:
    """Look at the page as it is now."""
    selectors = (
        Selector.PROFILE_LINK,
        Selector.NEW_POST,
        Selector.TEXTBOX,
        Selector.DIALOG,
        Selector.CONSENT_MASK,
        Selector.CONSENT,
    )
    found: dict[str, Any] = await page.evaluate(_FACTS, [selector.value for selector in selectors])
    handle = str(found.pop("handle") or "").strip("/")
    return Facts(handle=handle, **found)


async def go(page: Page, address: str) -> None:
    """Open ``address``.

    Raises:
        SessionTrouble: a log-in page, a challenge, a locked or suspended account came instead.
        Permanent: there is no such page.
        Transient: the site cannot be reached, or answered with an error.
    """
    try:
        response = await page.goto(address, wait_until="domcontentloaded")
    except Error as exc:
        raise _unreachable(address, exc) from exc
    refuse_walls_by_address(page)
    status = response.status if response is not None else 200
    if status == 429:
        raise Transient("The site says that it is asked too often (HTTP 429).", retry_after=_wait(response))
    if status == 404:
        raise Permanent("The page does not exist.", meaning="Nothing was done.")
    if status >= 500:
        raise Transient(
            f"The site answered HTTP {status}.", meaning="Nothing was done.", remedy="Tried again later."
        )


def _wait(response: Any) -> timedelta:
    given = response.headers.get("retry-after", "") if response is not None else ""
    return timedelta(seconds=int(given)) if given.isdigit() else timedelta(minutes=15)


def _unreachable(address: str, exc: Error) -> Transient:
    first = str(exc).splitlines()[0] if str(exc) else type(exc).__name__
    site = urlsplit(address).netloc
    return Transient(
        f"{site} cannot be reached: {first[:200]}", meaning="Nothing was done.", remedy="Tried again later."
    )


def refuse_walls_by_address(page: Page) -> None:
    """Raise where the page's address alone says that it is a log-in page."""
    kind = page_kind("", page.url)
    if kind is PageKind.LOGIN:
        raise trouble(*_WALLS[kind])


async def wait_for(
    page: Page,
    selector: str,
    within: float,
    *,
    missing: str,
    what: str,
    meanwhile: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Wait until ``selector`` is visible, looking now and then whether a wall stands in its place.

    Args:
        within: real seconds.
        missing, what: for the error where the page is there, but ``selector`` is not.
        meanwhile: looked at with each glance; raises where it knows why it will never come.

    Raises:
        SessionTrouble, Transient, PageChanged: why it is not there.
    """
    loop = asyncio.get_running_loop()
    end, glance = loop.time() + within, GLANCE
    while True:
        left = end - loop.time()
        try:
            await page.wait_for_selector(
                selector, state="visible", timeout=max(50.0, min(glance, left) * 1000)
            )
            return
        except PlaywrightTimeout:
            if meanwhile is not None:
                await meanwhile()
            problem = await explain(page, missing, what)
            if not isinstance(problem, PageChanged) or loop.time() >= end:
                raise problem from None
            glance *= 2


async def explain(page: Page, missing: str, what: str) -> Exception:
    """Why something expected is not on the page: a wall, a page that failed, or a page that changed."""
    kind = page_kind(await page.content(), page.url, await page.title())
    if kind in _WALLS:
        return trouble(*_WALLS[kind])
    if kind is PageKind.FAILED:
        return Transient(
            "The page says that something went wrong.",
            meaning="Nothing was done.",
            remedy="Tried again later.",
        )
    if kind is PageKind.CONSENT:
        return _consent_needed()
    return PageChanged(
        missing,
        what,
        meaning="The site changed its page; nothing was done.",
        remedy="Update Stonechat; `stonechat jobs run scraping.selectors --wait 120` names all "
        "that has moved.",
    )


async def pass_consent(page: Page) -> None:
    """Answer a layer that asks about cookies, with the least that it offers.

    Raises:
        SessionTrouble: it is not one that can be answered that way.
    """
    if not await page.evaluate(_REFUSE, [Selector.CONSENT_MASK.value, Selector.CONSENT.value]):
        raise _consent_needed()


def _consent_needed() -> SessionTrouble:
    return SessionTrouble(
        SessionState.CHALLENGED,
        "The site asks for consent in a way that only the owner can answer.",
        meaning="Nothing was done.",
        remedy="Open the site once as this account and answer it.",
    )


async def make_sure_of_owner(page: Page, handle: str, within: float) -> Facts:
    """What stands on the page, once it says that ``handle`` is logged in; it may draw that last.

    Args:
        within: real seconds.

    Raises:
        SessionTrouble: another account is logged in. PageChanged: the page does not say who.
    """
    found = await facts(page)
    if not found.handle:
        what = "The page does not say who is logged in."
        missing = Selector.PROFILE_LINK
        await wait_for(page, missing.value, within, missing=missing.name, what=what)
        found = await facts(page)
        if not found.handle:
            raise await explain(page, missing.name, what)
    check_owner(found, handle)
    return found


def check_owner(found: Facts, handle: str) -> None:
    """Refuse a session that belongs to somebody else.

    Raises:
        SessionTrouble: another account is logged in.
    """
    if found.handle and found.handle.casefold() != handle.casefold():
        raise SessionTrouble(
            SessionState.EXPIRED,
            f"The saved session is @{found.handle}'s, not @{handle}'s.",
            meaning="Nothing is done in somebody else's name.",
            remedy=f"Save a session while logged in as @{handle}.",
        )
