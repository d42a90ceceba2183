"""The line: who is sent away and why, and when the pool must say that nobody is served."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from stonechat.browser.account_context import LeasePriority
from stonechat.browser.errors import BrowserBusy, BrowserDown, BrowserFailed, judge
from stonechat.browser.lease_queue import LeaseQueue
from stonechat.config.settings import BrowserSettings
from stonechat.core.errors import NotTried, Permanent, Transient
from stonechat.resilience.host_view import CallResult
from tests.support.clock import ManualClock


def line(shut: str = "", **settings: object) -> tuple[LeaseQueue, ManualClock]:
    clock = ManualClock()
    chosen = BrowserSettings.model_validate(
        {"contexts": 1, "queue_wait": timedelta(milliseconds=20)} | settings
    )
    return LeaseQueue(chosen, clock, lambda: shut), clock


async def test_a_wait_that_ends_without_a_turn_says_whether_the_browser_is_busy_or_down() -> None:
    busy, _ = line()
    await busy.turn("a", LeasePriority.POST, "publish")
    with pytest.raises(BrowserBusy, match="publish of a") as caught:
        await busy.turn("b", LeasePriority.POST, "publish")
    assert caught.value.retry_after

    down, _ = line("the browser is down: killed")
    with pytest.raises(BrowserDown, match="killed"):
        await down.turn("a", LeasePriority.POST, "publish")


async def test_it_is_stalled_only_while_somebody_waits_and_nobody_is_served() -> None:
    queue, clock = line(queue_wait=timedelta(seconds=30))
    held = await queue.turn("a", LeasePriority.POST, "publish")
    await clock.advance(seconds=100)
    assert queue.stalled() == 0.0
    waiting = asyncio.create_task(queue.turn("b", LeasePriority.POST, "publish"))
    await asyncio.sleep(0)
    await clock.advance(seconds=7)
    assert queue.stalled() == 7.0
    assert queue.holders() == "publish of a, 107 s"
    queue.release(held)
    await waiting
    assert queue.stalled() == 0.0
    assert list(queue.waits) == [0.0, 7.0]


def test_the_browser_s_breaker_counts_what_the_browser_did_and_nothing_else() -> None:
    assert judge(BrowserFailed("its page crashed")) is CallResult.FAILED
    assert judge(BrowserDown("killed")) is CallResult.FAILED
    assert judge(BrowserBusy("full")) is CallResult.CANCELLED
    assert judge(NotTried("another breaker")) is CallResult.CANCELLED
    assert judge(Transient("the site answered HTTP 503")) is CallResult.PASSED
    assert judge(Permanent("the text is too long")) is CallResult.PASSED
