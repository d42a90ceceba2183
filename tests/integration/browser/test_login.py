"""Logging in by hand on the local network: real pages, the owner's hand played by a second client."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext

from stonechat.browser.login_window import open_window, whole_browser
from stonechat.browser.sessions import for_site
from stonechat.config.credentials import has_screen
from stonechat.core.clock import SystemClock
from stonechat.core.errors import Permanent, SessionTrouble
from stonechat.networks.x_web.login import log_in, try_session
from stonechat_aviary.opening import Aviary, open_aviary
from tests.integration.networks.x_web_support import CHROMIUM
from tests.support.networks import x_session, x_site

HANDLES = ("quietbuilder", "secondhand")


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def network() -> AsyncIterator[tuple[Aviary, Browser]]:
    async with open_aviary(handles=HANDLES) as aviary, open_window(CHROMIUM, visible=False) as window:
        assert window.browser is not None
        yield aviary, window.browser


@pytest_asyncio.fixture(loop_scope="module")
async def place(network: tuple[Aviary, Browser]) -> AsyncIterator[tuple[Aviary, BrowserContext]]:
    """A window of its own on the one browser."""
    window = await network[1].new_context()
    yield network[0], window
    await window.close()


async def owner_types(window: BrowserContext, handle: str, password: str) -> None:
    """What the owner does in the window."""
    while not window.pages:
        await asyncio.sleep(0.05)
    page = window.pages[0]
    await page.fill('input[name="text"]', handle)
    await page.get_by_text("Next").click()
    await page.fill('input[name="password"]', password)
    await page.click('[data-testid="LoginForm_Login_Button"]')


async def test_the_owner_logs_in_and_the_session_is_taken_and_checked(
    place: tuple[Aviary, BrowserContext],
) -> None:
    aviary, window = place
    typing = asyncio.create_task(
        owner_types(window, "quietbuilder", aviary.address.passwords["quietbuilder"])
    )
    session = await log_in(window, SystemClock(), aviary.url, "quietbuilder", patience=timedelta(seconds=30))
    await typing
    assert {"auth_token", "ct0"} <= {str(cookie["name"]) for cookie in session.cookies}
    assert aviary.address.passwords["quietbuilder"] not in json.dumps(session.state())
    assert window.browser is not None
    fresh = await window.browser.new_context()
    await try_session(fresh, aviary.url, "quietbuilder", session)
    await fresh.close()


async def test_somebody_else_s_log_in_is_not_taken(place: tuple[Aviary, BrowserContext]) -> None:
    aviary, window = place
    typing = asyncio.create_task(owner_types(window, "secondhand", aviary.address.passwords["secondhand"]))
    with pytest.raises(SessionTrouble) as caught:
        await log_in(window, SystemClock(), aviary.url, "quietbuilder", patience=timedelta(seconds=30))
    await typing
    assert "@secondhand" in caught.value.what


async def test_nobody_logs_in_in_time(place: tuple[Aviary, BrowserContext]) -> None:
    aviary, window = place
    with pytest.raises(Permanent, match="in time"):
        await log_in(window, SystemClock(), aviary.url, "quietbuilder", patience=timedelta(seconds=1))


async def test_a_window_that_is_closed_ends_the_wait(place: tuple[Aviary, BrowserContext]) -> None:
    aviary, window = place

    async def close() -> None:
        while not window.pages or "/i/flow/login" not in window.pages[0].url:
            await asyncio.sleep(0.05)
        await window.pages[0].close()

    closing = asyncio.create_task(close())
    with pytest.raises(Permanent, match="closed"):
        await log_in(window, SystemClock(), aviary.url, "quietbuilder", patience=timedelta(seconds=30))
    await closing


async def test_an_ended_session_of_a_file_is_refused(place: tuple[Aviary, BrowserContext]) -> None:
    aviary, window = place
    dead = [{"name": name, "value": "ended"} for name in ("auth_token", "ct0")]
    session = x_session(base64.b64encode(json.dumps(dead).encode()).decode())
    with pytest.raises(SessionTrouble):
        await try_session(window, aviary.url, "quietbuilder", for_site(session, x_site(aviary.url)))


async def test_a_screen_is_known_by_the_environment() -> None:
    assert not has_screen({}, "linux")
    assert has_screen({"DISPLAY": ":0"}, "linux")
    assert has_screen({}, "darwin")


async def test_a_headless_shell_shows_no_window(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="cannot show a window"):
        whole_browser(Path("/usr/bin/chromium-headless-shell"), search_path=str(tmp_path))
