"""The pool on a real Chromium, with the faults done to real processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from benchmarks.browser.soak import SHARES, soak
from stonechat.browser import BrowserPool, LeasePriority, PageLease, open_browser_pool
from stonechat.browser.processes import RunFolder
from stonechat.browser.supervisor import BrowserUsage
from stonechat.config.settings import BrowserSettings
from stonechat.core.clock import SystemClock
from stonechat.core.errors import Permanent, Transient
from stonechat.core.events import BrowserLost, BrowserOperated, BrowserRestarted, Event, EventStream
from tests.integration.networks.x_web_support import CHROMIUM, browser_process
from tests.support.waiting import eventually


@contextlib.asynccontextmanager
async def opened(
    folder: Path, events: list[Event] | None = None, **settings: Any
) -> AsyncIterator[BrowserPool]:
    clock = SystemClock()
    stream = EventStream(clock)
    if events is not None:
        stream.subscribe(lambda stamped: events.append(stamped.event))
    chosen = BrowserSettings(**{"executable": CHROMIUM, "call_timeout": timedelta(seconds=5), **settings})
    async with open_browser_pool(
        chosen, clock, stream, root=folder / "browser", evidence_folder=folder / "evidence"
    ) as pool:
        yield pool


def processes(pool: BrowserPool) -> list[psutil.Process]:
    return pool.supervisor.chromium._folder.processes()


def driver(pool: BrowserPool) -> psutil.Process:
    return next(one for one in processes(pool) if "run-driver" in one.cmdline())


async def works(pool: BrowserPool, account: str = "a") -> None:
    async with pool.lease(account, priority=LeasePriority.POST, task="works") as lease:
        await lease.page.set_content("<p>here</p>")
        assert await lease.page.inner_text("p") == "here"


async def kill_browser(lease: PageLease, pool: BrowserPool) -> None:
    browser_process(pool).send_signal(signal.SIGKILL)
    await lease.page.wait_for_selector("#never")


async def freeze_browser(lease: PageLease, pool: BrowserPool) -> None:
    os.killpg(os.getpgid(browser_process(pool).pid), signal.SIGSTOP)
    await lease.page.wait_for_selector("#never", timeout=60000)


async def kill_driver(lease: PageLease, pool: BrowserPool) -> None:
    driver(pool).send_signal(signal.SIGKILL)
    await lease.page.wait_for_selector("#never")


async def crash_page(lease: PageLease, pool: BrowserPool) -> None:
    before = {one.pid for one in processes(pool) if "--type=renderer" in one.cmdline()}
    await lease.page.evaluate("1")
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    await lease.page.wait_for_selector("#never")


async def hang_page(lease: PageLease, pool: BrowserPool) -> None:
    await lease.page.evaluate("for(;;){}")


@pytest.mark.parametrize("fault", [kill_browser, freeze_browser, kill_driver, crash_page, hang_page])
async def test_every_death_ends_in_a_transient_error_and_then_a_browser_that_works(
    tmp_path: Path, fault: Callable[[PageLease, BrowserPool], Awaitable[None]]
) -> None:
    async with opened(tmp_path) as pool:
        await works(pool)

        with pytest.raises(Transient):
            async with pool.lease("a", task="hit", deadline=timedelta(seconds=12)) as lease:
                if fault is hang_page:
                    lease.timer.reschedule(asyncio.get_running_loop().time() + 1)  # type: ignore[union-attr]
                await fault(lease, pool)
        failed = time.monotonic()
        await works(pool)
        took = time.monotonic() - failed

        await works(pool, "b")
        assert pool.health().up
        assert took < 15, f"a working page came back after {took:.1f} s"  # under 2 s on an idle machine
        assert len([one for one in processes(pool) if "run-driver" in one.cmdline()]) == 1


async def test_a_killed_browser_is_told_and_replaced_within_three_seconds(tmp_path: Path) -> None:
    events: list[Event] = []
    async with opened(tmp_path, events) as pool:
        await works(pool)
        browser_process(pool).send_signal(signal.SIGKILL)
        await eventually(lambda: any(isinstance(event, BrowserRestarted) for event in events))

        [restarted] = [event for event in events if isinstance(event, BrowserRestarted)]
        assert restarted.took < timedelta(seconds=3)
        assert any(isinstance(event, BrowserLost) for event in events)
        assert pool.health().restarts == 1


async def test_nothing_is_left_behind_when_the_pool_closes(tmp_path: Path) -> None:
    async with opened(tmp_path) as pool:
        await works(pool)
        folder = pool.supervisor.chromium._folder
        assert len(folder.processes()) >= 3

    assert folder.processes() == []
    assert list((tmp_path / "browser").iterdir()) == []


CHILD = """
import asyncio, sys
from pathlib import Path
from stonechat.browser import open_browser_pool
from stonechat.config.settings import BrowserSettings
from stonechat.core.clock import SystemClock
from stonechat.core.events import EventStream

async def main():
    clock = SystemClock()
    settings = BrowserSettings(executable=Path(sys.argv[2]) if sys.argv[2] else None)
    async with open_browser_pool(settings, clock, EventStream(clock), root=Path(sys.argv[1])) as pool:
        async with pool.lease("a"):
            print("open", flush=True)
            await asyncio.sleep(3600)

asyncio.run(main())
"""


SAYS = """
import asyncio, sys
from pathlib import Path
from stonechat.browser import open_browser_pool
from stonechat.config.settings import BrowserSettings
from stonechat.core.clock import SystemClock
from stonechat.core.events import EventStream

async def main():
    clock = SystemClock()
    settings, events = BrowserSettings(), EventStream(clock)
    async with open_browser_pool(settings, clock, events, root=Path(sys.argv[1])) as pool:
        print(pool.health().up, pool.health().why)

asyncio.run(main())
"""


async def test_a_driver_that_does_not_start_leaves_a_degraded_pool_too(tmp_path: Path) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        SAYS,
        str(tmp_path / "browser"),
        env={**os.environ, "NODE_OPTIONS": "--no-such-option"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    output, _ = await child.communicate()

    assert child.returncode == 0
    assert output.startswith(b"False The browser does not start")


async def test_what_a_killed_run_left_behind_is_swept_up_by_the_next(tmp_path: Path) -> None:
    root = tmp_path / "browser"
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, str(root), str(CHROMIUM or ""), stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert await child.stdout.readline() == b"open\n"
    [left] = [RunFolder(path) for path in root.glob("run-*")]
    # A frozen browser outlives its driver: it cannot notice that the pipe to it has closed.
    browser = next(one for one in left.processes() if any("--type=renderer" in arg for arg in one.cmdline()))
    os.killpg(os.getpgid(browser.pid), signal.SIGSTOP)
    child.kill()
    await child.wait()
    assert left.processes()

    async with opened(tmp_path) as pool:
        await eventually(lambda: left.processes() == [])
        assert not left.path.exists()
        await works(pool)


async def test_the_folder_of_a_run_that_lives_is_left_alone(tmp_path: Path) -> None:
    async with opened(tmp_path) as first, opened(tmp_path) as second:
        await works(second)
        await works(first)


async def test_a_browser_that_does_not_start_leaves_a_degraded_pool_that_recovers(tmp_path: Path) -> None:
    real = CHROMIUM
    if real is None:
        pytest.skip("needs the path of a Chromium")
    program = tmp_path / "chromium"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    events: list[Event] = []
    async with opened(tmp_path, events, executable=program) as pool:
        assert not pool.health().up
        assert "does not start" in pool.health().why
        waiting = asyncio.create_task(works(pool))
        await eventually(lambda: pool.health().queue_depth == 1)

        program.write_text(f'#!/bin/sh\nexec "{real}" "$@"\n')
        await waiting

        assert pool.health().up
        assert sum(isinstance(event, BrowserLost) for event in events) == 1
        assert any(isinstance(event, BrowserRestarted) for event in events)


async def test_a_wait_that_is_too_long_says_who_holds_the_contexts(tmp_path: Path) -> None:
    async with opened(tmp_path, contexts=1, queue_wait=timedelta(milliseconds=300)) as pool:
        async with pool.lease("a", task="publish"):
            with pytest.raises(Transient, match="publish of a"):
                await works(pool, "b")
        await works(pool, "b")
        assert pool.health().queue_depth == 0


async def test_a_full_queue_turns_the_less_urgent_away(tmp_path: Path) -> None:
    async with opened(tmp_path, contexts=1, queue_limit=1) as pool:

        async def use(account: str, priority: LeasePriority) -> None:
            async with pool.lease(account, priority=priority):
                pass

        async with pool.lease("a"):
            harvest = asyncio.create_task(use("b", LeasePriority.HARVEST))
            await eventually(lambda: pool.health().queue_depth == 1)
            post = asyncio.create_task(use("c", LeasePriority.POST))
            with pytest.raises(Transient, match="more urgent"):
                await harvest
            with pytest.raises(Transient, match="queue is full"):
                await use("d", LeasePriority.METRICS)
        await post


async def test_posts_are_served_in_order_and_before_the_rest(tmp_path: Path) -> None:
    order: list[str] = []
    async with opened(tmp_path, contexts=1) as pool:

        async def use(name: str, priority: LeasePriority) -> None:
            async with pool.lease(name, priority=priority):
                order.append(name)

        async with pool.lease("first"):
            tasks = [
                asyncio.create_task(use("harvest", LeasePriority.HARVEST)),
                asyncio.create_task(use("metrics", LeasePriority.METRICS)),
                asyncio.create_task(use("post 1", LeasePriority.POST)),
                asyncio.create_task(use("reply", LeasePriority.REPLY)),
                asyncio.create_task(use("post 2", LeasePriority.POST)),
            ]
            await eventually(lambda: pool.health().queue_depth == 5)
        await asyncio.gather(*tasks)

    assert order == ["post 1", "post 2", "reply", "metrics", "harvest"]


async def test_a_cancelled_wait_and_a_cancelled_use_give_back_what_they_took(tmp_path: Path) -> None:
    async with opened(tmp_path, contexts=1) as pool:
        held = asyncio.Event()

        async def hold() -> None:
            async with pool.lease("a"):
                held.set()
                await asyncio.sleep(3600)

        holder = asyncio.create_task(hold())
        await held.wait()
        waiter = asyncio.create_task(works(pool, "b"))
        await eventually(lambda: pool.health().queue_depth == 1)
        waiter.cancel()
        holder.cancel()
        await asyncio.gather(waiter, holder, return_exceptions=True)

        await works(pool, "c")
        await eventually(lambda: not pool.health().leases)
        assert pool.health().queue_depth == 0


async def test_a_lease_past_its_deadline_is_ended(tmp_path: Path) -> None:
    async with opened(tmp_path, contexts=1) as pool:
        with pytest.raises(Transient, match=r"did not end within 0\.2 s"):
            async with pool.lease("a", task="slow", deadline=timedelta(milliseconds=200)):
                await asyncio.sleep(3600)
        await works(pool, "b")
        assert pool.health().operations["slow"] == {"timed_out": 1}


async def test_a_lease_that_is_never_given_back_is_taken_away(tmp_path: Path) -> None:
    async with opened(tmp_path, contexts=1) as pool:
        end = asyncio.Event()

        async def stuck() -> None:
            with contextlib.suppress(Transient):
                async with pool.lease("a", task="stuck", deadline=timedelta(seconds=1)):
                    while not end.is_set():
                        with contextlib.suppress(asyncio.CancelledError):
                            await end.wait()

        holder = asyncio.create_task(stuck())
        await eventually(lambda: len(pool.health().leases) == 1)
        await works(pool, "b")
        assert pool.health().leases == ()
        end.set()
        await holder
        await works(pool, "a")


async def test_a_page_is_used_again_and_replaced_after_its_uses(tmp_path: Path) -> None:
    async with opened(tmp_path, context_uses=2) as pool:
        pages = []
        for _ in range(3):
            async with pool.lease("a") as lease:
                pages.append(lease.page)

    assert pages[0] is pages[1]
    assert pages[2] is not pages[1]


async def test_the_least_used_context_makes_room_for_another_account(tmp_path: Path) -> None:
    async with opened(tmp_path, contexts=2) as pool:
        for account in ("a", "b", "c", "d"):
            await works(pool, account)
            assert pool.health().contexts <= 2


async def test_idle_contexts_are_closed(tmp_path: Path) -> None:
    async with opened(tmp_path, idle_limit=timedelta(milliseconds=100)) as pool:
        await works(pool)
        await eventually(lambda: pool.health().contexts == 0)
        await works(pool)


async def test_a_browser_that_grew_too_large_is_replaced_between_operations(tmp_path: Path) -> None:
    events: list[Event] = []
    async with opened(tmp_path, events, memory_limit_mb=200) as pool:
        async with pool.lease("a") as lease:
            pool.supervisor.usage = BrowserUsage(
                browser=10**9
            )  # as measured; what a page takes cannot be steered
            await asyncio.sleep(0)
            await pool.tend()
            assert await lease.page.evaluate("1") == 1
        await eventually(lambda: any(isinstance(event, BrowserRestarted) for event in events))
        await works(pool)
        assert await pool.tend() == ""

    [restarted] = [event for event in events if isinstance(event, BrowserRestarted)]
    assert "MB" in restarted.why
    assert not any(isinstance(event, BrowserOperated) and event.outcome == "lost" for event in events)


async def test_a_browser_that_runs_away_with_the_memory_is_replaced_even_while_in_use(tmp_path: Path) -> None:
    async with opened(tmp_path, memory_limit_mb=200) as pool:
        with pytest.raises(Transient, match="took 401 MB"):
            async with pool.lease("a") as lease:
                pool.supervisor.usage = BrowserUsage(browser=401 * 2**20)  # as measured
                pool.supervisor.suspect()
                await lease.page.wait_for_selector("#never")
        await works(pool)


@pytest.mark.long
@pytest.mark.timeout(1200)
async def test_nothing_is_left_over_after_operations_with_every_fault(tmp_path: Path) -> None:
    """``STONECHAT_SOAK_OPERATIONS=2000`` for the proof; ``make bench NAME=browser`` prints the same figures."""
    size = int(os.environ.get("STONECHAT_SOAK_OPERATIONS", "300"))
    async with opened(tmp_path, queue_limit=1000) as pool:
        soaked = await soak(pool, size, random.Random(1))

    before, after = soaked.before, soaked.after
    assert soaked.unexplained == []
    assert sum(soaked.outcomes.values()) == size
    assert set(SHARES) <= set(soaked.faults)
    assert (after.processes, after.contexts, after.tasks) == (before.processes, before.contexts, before.tasks)
    assert after.handles <= before.handles * 1.1
    assert after.tree_mb <= before.tree_mb * 1.1
    assert after.own_mb <= before.own_mb * 1.1


async def test_a_failure_leaves_evidence_and_an_error_of_ours_passes_through(tmp_path: Path) -> None:
    async with opened(tmp_path) as pool:
        with pytest.raises(Permanent, match="mine"):
            async with pool.lease("a", task="fails") as lease:
                await lease.page.set_content("<title>What it was</title>")
                raise Permanent("mine")

        record = pool.health().evidence
        assert record is not None
        assert "What it was" in record.read_text()
        assert record.with_suffix(".jpg").stat().st_size > 500


async def test_the_memory_of_the_whole_tree_is_measured(tmp_path: Path) -> None:
    async with opened(tmp_path) as pool:
        await works(pool)
        used, count = await asyncio.to_thread(pool.supervisor.chromium.measure)

    assert count >= 4
    assert 80_000_000 < used < 700_000_000
