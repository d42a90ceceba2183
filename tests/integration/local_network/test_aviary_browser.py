"""The local network's pages in a real Chromium: log in, post, reply, thread, read the counts."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest
from playwright.async_api import Browser, Page, StorageState, async_playwright, expect

from stonechat_aviary.opening import Aviary, open_aviary

HANDLE = "quietbuilder"
TEXT = "Why do you sleep late?\n\n- dim the lamp\n- close the tabs\n\nTry it “tonight” 🙂."


@pytest.fixture
async def network() -> AsyncIterator[Aviary]:
    async with open_aviary() as network:
        yield network


@pytest.fixture
async def chromium(chromium_path: Path | None) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path)
        yield browser
        await browser.close()


@pytest.fixture
async def page(network: Aviary, chromium: Browser) -> AsyncIterator[Page]:
    account = network.world.accounts[HANDLE]
    state = cast(StorageState, account.storage_state())
    context = await chromium.new_context(storage_state=state, base_url=network.url)
    page = await context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda problem: errors.append(str(problem)))
    yield page
    await context.close()
    assert errors == []


def texts(network: Aviary) -> list[str]:
    return [entry.text for entry in network.world.ledger]


async def sent(page: Page) -> str:
    """The address in the toast, once it is there; the toast is then taken away."""
    link = page.get_by_test_id("toast").locator('a[href*="/status/"]')
    address = await link.get_attribute("href")
    await page.get_by_test_id("toast").evaluate("node => node.remove()")
    return address or ""


async def test_a_stranger_meets_the_login_wall(network: Aviary, chromium: Browser) -> None:
    page = await chromium.new_page()
    await page.goto(f"{network.url}/{HANDLE}")
    assert "/i/flow/login" in page.url
    assert await page.title() == "Log in to X / X"


async def test_posts_replies_and_threads_go_out_as_typed(network: Aviary, page: Page) -> None:
    await page.goto("/home")
    await expect(page.get_by_test_id("SideNav_AccountSwitcher_Button")).to_be_visible()
    assert await page.get_by_test_id("AppTabBar_Profile_Link").get_attribute("href") == f"/{HANDLE}"
    await page.get_by_test_id("SideNav_NewTweet_Button").click()
    dialog = page.get_by_role("dialog")
    send, box = dialog.get_by_test_id("tweetButton"), dialog.get_by_test_id("tweetTextarea_0")
    await expect(send).to_be_disabled()
    await box.fill("x" * 281)
    await expect(send).to_have_attribute("aria-disabled", "true")
    await box.fill(TEXT)
    await expect(send).to_be_enabled()
    await send.click()
    address = await sent(page)
    await expect(dialog).to_have_count(0)

    for how in ("typed", "inserted"):
        await page.goto("/compose/post")
        await page.get_by_test_id("tweetTextarea_0").click()
        await (page.keyboard.type if how == "typed" else page.keyboard.insert_text)(f"{how} {TEXT}")
        await page.get_by_test_id("tweetButton").click()
        await sent(page)
    assert texts(network) == [TEXT, f"typed {TEXT}", f"inserted {TEXT}"]

    await page.goto(address)
    await page.get_by_test_id("tweetTextarea_0").fill("And one thing more.")
    await page.get_by_test_id("tweetButtonInline").click()
    await sent(page)
    await page.goto("/compose/post")
    await page.get_by_test_id("tweetTextarea_0").fill("First of three.")
    for number in (1, 2):
        await page.get_by_test_id("addButton").click()
        await page.get_by_test_id(f"tweetTextarea_{number}").fill(f"Part {number + 1}.")
    await expect(page.get_by_test_id("tweetButton")).to_have_text("Post all")
    await page.get_by_test_id("tweetButton").click()
    await sent(page)
    rows = list(network.world.ledger)
    assert rows[3].in_reply_to == rows[0].id
    assert [row.in_reply_to for row in rows[4:]] == [None, rows[4].id, rows[5].id]

    await page.goto("/compose/post")
    await page.get_by_test_id("tweetTextarea_0").fill("First of three.")
    await page.get_by_test_id("tweetButton").click()
    await expect(page.locator("[aria-live=assertive]")).to_have_text("Whoops! You already said that.")
    assert len(texts(network)) == 7


async def test_counts_on_the_page_are_the_counts_that_were_served(network: Aviary, page: Page) -> None:
    world = network.world
    network.panel.set({"promoted": False})
    made = [world.publish(HANDLE, f"{n} quiet minutes before bed.", None, {}) for n in range(2, 7)]
    world.clock.advance(86_400)
    await page.goto(f"/{HANDLE}")
    posts = page.get_by_test_id("tweet")
    await expect(posts).to_have_count(5)
    labels = [await posts.nth(n).locator("[role=group]").get_attribute("aria-label") for n in range(5)]
    for post, label in zip(reversed(made), labels, strict=True):
        served = world.ledger.served(post.id)[-1].as_json()  # type: ignore[union-attr]
        shown = dict.fromkeys(("replies", "reposts", "likes", "bookmarks", "views"), 0)
        for number, name in re.findall(r"(\d+) (repl|repost|like|bookmark|view)", label or ""):
            shown[next(key for key in shown if key.startswith(name))] = int(number)
        assert shown == {name: served[name] or 0 for name in shown}
        assert " 0 " not in f" {label}"
    link = posts.first.locator('a[href$="/analytics"]')
    assert re.fullmatch(r"\d+ views?\. View post analytics", await link.get_attribute("aria-label") or "")
    await posts.first.locator("time").click()
    await expect(page.get_by_test_id("tweetButtonInline")).to_be_visible()
    assert await page.get_by_test_id("tweet").first.locator('a[href$="/analytics"]').count() == 0


async def test_search_mentions_and_people_are_shown(network: Aviary, page: Page) -> None:
    network.world.clock.advance(7200)
    await page.goto("/search?q=sleep&src=typed_query&f=live")
    await expect(page.get_by_test_id("tweet").first).to_be_visible()
    await page.goto("/search?q=zzzzqqq&src=typed_query")
    await expect(page.get_by_test_id("empty_state_header_text")).to_contain_text("zzzzqqq")
    await page.goto("/notifications/mentions")
    await expect(page.get_by_test_id("tweet").first).to_contain_text(f"@{HANDLE}")
    await page.goto(f"/{HANDLE}/followers")
    await expect(page.get_by_test_id("UserCell").first).to_be_visible()
    await page.goto(f"/{HANDLE}")
    await expect(page.get_by_test_id("UserName")).to_contain_text(f"@{HANDLE}")
    await expect(page.locator(f'a[href="/{HANDLE}/verified_followers"]')).to_contain_text("Followers")


async def test_faults_are_seen_on_the_page(network: Aviary, page: Page) -> None:
    network.panel.set({"consent_wall": True})
    await page.goto("/home")
    await expect(page.get_by_test_id("twc-cc-mask")).to_be_visible()
    await page.get_by_text("Refuse non-essential cookies").click()
    await page.reload()
    await expect(page.get_by_test_id("tweet").first).to_be_visible()
    await expect(page.get_by_test_id("BottomBar")).to_have_count(0)
    network.panel.reset()
    network.panel.set({"search_broken": True, "page_changed": ["tweetButton"]})
    await page.goto("/search?q=sleep")
    await expect(page.get_by_text("Something went wrong")).to_be_visible()
    await page.goto("/compose/post")
    await expect(page.get_by_test_id("tweetTextarea_0")).to_be_visible()
    await expect(page.get_by_test_id("tweetButton")).to_have_count(0)
