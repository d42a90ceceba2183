"""A bare Playwright script: the page steps of the loop and nothing else. The yardstick of ``bench loop``
and ``bench posting``.

It logs in with the saved session, sends each text, and loads the own profile and a search as often as it
is told. It keeps nothing, checks nothing and recovers from nothing; what Stonechat costs more than this is
the price of everything that it does besides.

Run as ``python -m benchmarks.posting.bare_script`` with one JSON object on standard input: ``url``,
``handle``, ``session_b64``, ``executable``, ``texts``, ``profile_loads``, ``searches``, ``contexts``;
``sessions`` instead of ``session_b64`` logs each context in as an account of its own; ``stay`` opens the
composer in the page that is open, as Stonechat does, where it would load a page for each post.
Prints a JSON object: ``seconds`` in all, ``sent_seconds`` for each post.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, Page, async_playwright


async def run(order: dict[str, Any]) -> dict[str, Any]:
    """Do what the order says; times are real seconds."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=order["executable"])
        sessions = order.get("sessions") or [order["session_b64"]] * order["contexts"]
        contexts = [await _logged_in(await browser.new_context(), one, order["url"]) for one in sessions]
        pages = [await context.new_page() for context in contexts]
        started = time.monotonic()
        stay = bool(order.get("stay"))
        taken = await _share(pages, order["texts"], lambda page, text: _post(page, order["url"], text, stay))
        reads = [f"/{order['handle']}"] * order["profile_loads"]
        reads += ["/search?q=sleep&src=typed_query&f=live"] * order["searches"]
        await _share(pages, reads, lambda page, path: _read(page, order["url"] + path))
        seconds = time.monotonic() - started
        await browser.close()
    return {"seconds": seconds, "sent_seconds": taken}


async def _share(pages: list[Page], orders: list[str], do: Any) -> list[float]:
    """Let every page take the next order until none is left."""
    left = list(reversed(orders))
    taken: list[float] = []

    async def work(page: Page) -> None:
        while left:
            order = left.pop()
            started = time.monotonic()
            await do(page, order)
            taken.append(time.monotonic() - started)

    await asyncio.gather(*(work(page) for page in pages))
    return taken


async def _logged_in(context: BrowserContext, session: str, url: str) -> BrowserContext:
    state = json.loads(base64.b64decode(session))
    cookies = state["cookies"] if isinstance(state, dict) else state
    host = urlsplit(url).hostname or ""
    await context.add_cookies(
        [
            {"name": cookie["name"], "value": cookie["value"], "domain": host, "path": "/"}
            for cookie in cookies
        ]
    )
    return context


async def _post(page: Page, url: str, text: str, stay: bool) -> None:
    if stay and page.url.startswith(url):
        await page.get_by_test_id("SideNav_NewTweet_Button").click()
    else:
        await page.goto(f"{url}/compose/post")
    box = page.get_by_test_id("tweetTextarea_0")
    await box.click()
    await page.keyboard.insert_text(text)
    async with page.expect_response(lambda answer: "/CreateTweet" in answer.url) as answer:
        await page.get_by_test_id("tweetButton").click()
    await (await answer.value).json()


async def _read(page: Page, address: str) -> None:
    await page.goto(address)
    await page.get_by_test_id("tweet").first.wait_for()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(run(json.load(sys.stdin)))) + "\n")
