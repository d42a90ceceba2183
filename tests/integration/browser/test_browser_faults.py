"""What the machine does to a browser: no room on the disk, no memory, pages and contexts that grow old."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from benchmarks.browser import faults
from stonechat.browser import BrowserDown, BrowserFailed, BrowserPool
from stonechat.browser.account_context import PAGE_USES, TIDY_EVERY
from stonechat.browser.processes import RunFolder
from stonechat.core.errors import NotTried
from tests.integration.browser.test_browser_pool import opened, works
from tests.support.waiting import eventually

RLIMIT_DATA = resource.RLIMIT_DATA


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MB; needs the right to mount, which root outside of a strict container has."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m,mode=777", "none", str(disk)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode != 0:
        pytest.skip("this user may not mount")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


async def recovers(pool: BrowserPool) -> None:
    """A working page comes back by itself."""

    async def once() -> bool:
        with contextlib.suppress(BrowserFailed, NotTried):
            await works(pool)
            return True
        return False

    await eventually(once, within=40)


def fill(disk: Path) -> Path:
    """Take every byte that is left."""
    ballast = disk / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 65536)
    with contextlib.suppress(OSError), ballast.open("ab", buffering=0) as file:
        while True:
            file.write(b"x")
    return ballast


async def test_a_full_disk_leaves_a_degraded_pool_that_recovers_when_there_is_room(small_disk: Path) -> None:
    ballast = fill(small_disk)
    async with opened(small_disk, queue_wait=timedelta(seconds=1)) as pool:
        if pool.health().up:
            await works(pool)  # nothing of it needs the disk while it is not written to
        else:
            assert "No space left" in pool.health().why
            with pytest.raises(BrowserDown, match="No space left"):
                await works(pool)
        ballast.unlink()
        await recovers(pool)


async def test_a_disk_that_fills_up_under_a_browser_costs_at_most_that_browser(small_disk: Path) -> None:
    async with opened(small_disk) as pool:
        await works(pool)
        ballast = fill(small_disk)
        for number in range(3):
            with contextlib.suppress(BrowserFailed, BrowserDown):
                async with pool.lease("a", task="write", deadline=timedelta(seconds=8)) as lease:
                    await lease.page.set_content(f"<p>{number}</p>" + "<div>x</div>" * 2000)
                    await lease.page.screenshot()
        before = pool.health().restarts
        await faults.kill_browser(pool)
        await eventually(lambda: not pool.health().up or pool.health().restarts > before)
        ballast.unlink()
        await recovers(pool)
        await works(pool, "b")


async def test_a_browser_that_may_not_write_any_file_works_or_is_replaced(tmp_path: Path) -> None:
    """Without the right to mount: writing fails by a limit on the processes themselves (RLIMIT_FSIZE)."""
    async with opened(tmp_path) as pool:
        await works(pool)
        for process in pool.supervisor.chromium.processes():
            process.rlimit(psutil.RLIMIT_FSIZE, (0, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        for _ in range(2):
            with contextlib.suppress(BrowserFailed, BrowserDown):
                async with pool.lease("a", task="write", deadline=timedelta(seconds=3)) as lease:
                    await lease.page.set_content("<p>here</p>")
                    await lease.page.screenshot()
        await recovers(pool)
        await works(pool, "b")


async def test_a_page_that_takes_all_memory_dies_alone_and_the_next_one_works(tmp_path: Path) -> None:
    async with opened(tmp_path) as pool:
        await works(pool, "neighbour")
        async with pool.lease("neighbour") as beside:
            await beside.page.set_content("<p>here</p>")
            taken = renderers(pool)
            with pytest.raises(BrowserFailed, match="its page crashed"):
                async with pool.lease("a", task="hog", deadline=timedelta(seconds=60)) as lease:
                    for process in renderers(pool) - taken:
                        process.rlimit(RLIMIT_DATA, (300 * 2**20, resource.getrlimit(RLIMIT_DATA)[1]))
                    await faults.eat_memory(lease)
            assert await beside.page.inner_text("p") == "here"
        await works(pool)
        assert pool.health().restarts == 0


def renderers(pool: BrowserPool) -> set[psutil.Process]:
    """The processes of the browser's pages, each of which a container's limit could end by itself."""
    found = set()
    for process in pool.supervisor.chromium.processes():
        with contextlib.suppress(psutil.NoSuchProcess):
            if "--type=renderer" in process.cmdline():
                found.add(process)
    return found


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Path]:
    """A control group of its own, where this user may make one (cgroup v1 or v2)."""
    for root in (Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")):
        made = root / f"stonechat-test-{os.getpid()}"
        with contextlib.suppress(OSError):
            made.mkdir()
            if (made / "memory.limit_in_bytes").exists() or (made / "memory.max").exists():
                try:
                    yield made
                finally:
                    release(made)
                return
            made.rmdir()
    pytest.skip("this user may not make a control group with a limit of memory")


def release(group: Path) -> None:
    for _ in range(100):
        try:
            group.rmdir()
        except OSError:
            subprocess.run(["sleep", "0.1"], check=False)
        else:
            return


async def test_out_of_memory_by_the_kernel_s_own_hand_ends_in_a_fresh_browser(
    tmp_path: Path, group: Path
) -> None:
    """The kernel kills in a group whose limit is reached: a page, the browser, whichever it picks."""
    async with opened(tmp_path) as pool:
        await works(pool)
        for process in pool.supervisor.chromium.processes():
            with contextlib.suppress(OSError):
                (group / "cgroup.procs").write_text(str(process.pid))
        limit = next(
            group / name for name in ("memory.limit_in_bytes", "memory.max") if (group / name).exists()
        )
        limit.write_text(str(450 * 2**20))

        with pytest.raises(BrowserFailed):
            async with pool.lease("a", task="hog", deadline=timedelta(seconds=60)) as lease:
                await lease.page.evaluate(
                    "() => { const all = []; for (;;) all.push(new Uint8Array(3e7).fill(1)); }"
                )
        limit.write_text(str(4 * 2**30))
        await recovers(pool)
        await works(pool, "b")


async def test_a_killed_process_leaves_nothing_when_the_next_one_ends(tmp_path: Path) -> None:
    root = tmp_path / "browser"
    left = root / "run-1-gone"
    (left / "tmp" / "playwright_chromiumdev_profile-x").mkdir(parents=True)
    (left / "owner.json").write_text('{"pid": 1, "started": 1.0}')
    orphan = await asyncio.create_subprocess_exec(
        "sleep", "600", env=os.environ | RunFolder(left).environment(), start_new_session=True
    )
    try:
        async with opened(tmp_path) as pool:
            assert not left.exists()
            assert orphan.returncode is None  # it carries the mark, but it is no browser's
            await works(pool)
    finally:
        orphan.kill()
        await orphan.wait()
    assert list(root.iterdir()) == []


async def test_between_operations_a_page_is_tidied_and_after_its_uses_replaced_in_its_context(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as pool:
        async with pool.lease("a") as lease:
            first, context = lease.page, lease.page.context
            await lease.page.set_content("<p>here</p>")
        for _ in range(PAGE_USES - 1):
            async with pool.lease("a") as lease:
                assert lease.page is first
        await eventually(lambda: not pool.health().leases)
        async with pool.lease("a") as lease:
            assert lease.page is not first
            assert lease.page.context is context
            assert len(context.pages) == 1
            assert await lease.page.evaluate("1 + 1") == 2
        assert PAGE_USES % TIDY_EVERY == 0


async def test_a_context_is_replaced_at_its_age(tmp_path: Path) -> None:
    async with opened(tmp_path, context_age=timedelta(milliseconds=200)) as pool:
        async with pool.lease("a") as lease:
            before = lease.page.context
        await asyncio.sleep(0.25)  # its age is what is tested
        async with pool.lease("a") as lease:
            assert lease.page.context is not before
        assert pool.health().contexts == 1


async def test_contexts_that_nobody_knows_of_are_closed(tmp_path: Path) -> None:
    """A caller may be cancelled at any moment of opening one."""
    async with opened(tmp_path, contexts=2) as pool:
        await works(pool, "kept")
        browser = pool.supervisor.chromium.browser
        assert browser is not None
        for number in range(12):
            task = asyncio.create_task(works(pool, f"account {number}"))
            await asyncio.sleep(number * 0.008)  # another moment each time
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await browser.new_context()  # as the browser has one where its answer found nobody
        await eventually(lambda: len(browser.contexts) == len(pool.contexts.open), within=20)
        await works(pool, "kept")


async def test_many_accounts_at_once_never_have_more_contexts_than_the_limit(tmp_path: Path) -> None:
    async with opened(tmp_path, contexts=2) as pool:
        most = 0

        async def use(account: str) -> None:
            nonlocal most
            async with pool.lease(account):
                most = max(most, sum(len(one.contexts) for one in [pool.supervisor.chromium.browser] if one))

        for _ in range(3):
            await asyncio.gather(*(use(f"account {number}") for number in range(6)))
        assert 1 <= most <= 2


async def test_the_figures_name_waits_processes_and_the_breaker(tmp_path: Path) -> None:
    async with opened(tmp_path, contexts=1) as pool:
        await works(pool)
        health = pool.health()
        assert health.waits.counted == 1
        assert health.browser_pid is not None
        assert "run-driver" in psutil.Process(health.driver_pid).cmdline()
        assert psutil.Process(health.browser_pid).name().startswith(("chrom", "headless", "Google"))
        assert health.breaker is None
