"""A day at the desk, in a real Chromium: what was written is moved in the calendar, a reply approved by keyboard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright

from stonechat.core.clock import SystemClock
from stonechat.core.states import ContentState
from stonechat.database.repositories import content
from tests.integration.dashboard.test_dashboard import Site
from tests.integration.dashboard.test_desk import desk, stored
from tests.support.browsers import find_chromium
from tests.support.desk import ROBIN
from tests.support.pictures import png

CLOCK = SystemClock()
TEXT = "A walk before breakfast, and the rest of the day is a bonus."
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


@asynccontextmanager
async def browsing(here: Site, size: dict[str, int]) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=find_chromium(), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        page = await browser.new_page(base_url=str(here.client.base_url), viewport=size)  # type: ignore[arg-type]
        try:
            yield page
        finally:
            await browser.close()


async def written_by_hand(here: Site) -> str:
    assert here.database is not None
    async with here.database.read("test.written") as connection:
        [found] = [
            row
            for row in await content.in_states(
                connection, [ContentState.QUEUED, ContentState.AWAITING_APPROVAL]
            )
            if row.parts == (TEXT,)
        ]
    return found.id


@pytest.mark.long
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
async def test_a_day_at_the_desk(tmp_path: Path, size: dict[str, int]) -> None:
    picture = tmp_path / "walk.png"
    picture.write_bytes(png(3))
    async with desk(tmp_path) as here, browsing(here, size) as page:
        await page.goto(f"/write?account={ROBIN.id}")
        await page.fill("#w-text", TEXT)
        await page.wait_for_selector("#preview .ours")
        assert f"{len(TEXT)} of 280" in await page.inner_text("#preview")
        await page.reload()
        assert await page.input_value("#w-text") == TEXT, "what was typed outlives the page"
        await page.set_input_files("#w-picture", picture)
        await page.fill("#w-alt", "A path in the morning")
        async with page.expect_navigation():
            await page.click("#composer button.main")
        assert not await page.locator("[data-refused]").count(), await page.inner_text("main")
        content_id = await written_by_hand(here)
        assert await page.input_value("#w-text") == "", "what was sent is not offered again"

        due = (await stored(here, content_id)).due_at
        day = (CLOCK.now() + timedelta(days=2)).date()
        await page.goto(f"/calendar?day={due.date()}")
        entry = page.locator(f"[data-id='{content_id}']")
        await entry.locator("summary").click()
        await entry.locator("input[type=datetime-local]").fill(f"{day}T11:15")
        async with page.expect_navigation():
            await entry.get_by_role("button", name="Move").click()
        assert (await stored(here, content_id)).due_at.date() == day

        await page.goto("/inbox")
        await page.keyboard.press("j")
        async with page.expect_navigation():
            await page.keyboard.press("a")
        assert (await stored(here, "robin-reply-lark")).state is ContentState.QUEUED

        for path in ("/", "/inbox", "/calendar", "/calendar?view=month", "/write", "/unposted", "/tokens"):
            await page.goto(path)
            wider = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert wider <= 0, f"{path} is wider than the screen"
