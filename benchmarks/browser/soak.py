"""Operations with faults in between, on real processes: what is held before and after must be the same.

The pages come from a small server in this process, so that thousands of operations take minutes; the
faults are those of :mod:`benchmarks.browser.faults` besides errors, deadlines, cancellations and cut
connections.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import psutil

from benchmarks.browser import faults
from stonechat.browser.account_context import LeasePriority, PageLease
from stonechat.browser.pool import BrowserPool
from stonechat.browser.processes import own_memory
from stonechat.core.errors import Permanent, StonechatError, Transient

ACCOUNTS = tuple(f"soak {number}" for number in range(5))
WORKERS = 6
SHARES: Mapping[str, float] = {
    "refused": 0.03,
    "script error": 0.02,
    "connection cut": 0.015,
    "deadline": 0.01,
    "cancelled": 0.01,
    "page hangs": 0.005,
    "pages killed": 0.005,
    "page takes all memory": 0.0025,
    "browser killed": 0.0025,
    "driver killed": 0.0015,
    "browser frozen": 0.001,
}
"""Which part of all operations meets which fault; each at least once."""
MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class HeldResources:
    """What this process and its browser hold while nothing is under way.

    Attributes:
        own_mb, tree_mb: memory of this process, and of driver, browser and pages, in megabytes, without
            the programs' own files: how much of those counts depends on who else uses them meanwhile.
        handles: open files of this process and of its children together.
    """

    processes: int
    contexts: int
    handles: int
    tasks: int
    own_mb: float
    tree_mb: float


@dataclass(slots=True)
class Soaked:
    """How a soak went: what was held after its first tenth and at its end, and every outcome."""

    before: HeldResources
    after: HeldResources
    faults: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    unexplained: list[str] = field(default_factory=list)


class _Soak:
    def __init__(self, pool: BrowserPool, address: str, rng: random.Random) -> None:
        self.pool = pool
        self.address = address
        self.rng = rng
        self.faults: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.unexplained: list[str] = []

    async def run(self, plan: list[str]) -> None:
        left = list(enumerate(plan))

        async def work() -> None:
            while left:
                number, fault = left.pop()
                await self.operation(number, fault)

        await asyncio.gather(*(work() for _ in range(WORKERS)))

    async def operation(self, number: int, fault: str) -> None:
        self.faults[fault or "none"] += 1
        task = asyncio.create_task(self._operate(number, fault))
        if fault == "cancelled":
            await asyncio.sleep(self.rng.uniform(0, 0.2))  # a fault, not a wait: at whatever point it is
            task.cancel()
        await asyncio.wait({task})
        self.outcomes[_outcome(task)] += 1
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, StonechatError):
            self.unexplained.append(f"{fault or 'no fault'}: {error!r}"[:300])

    async def _operate(self, number: int, fault: str) -> None:
        account = self.rng.choice(ACCOUNTS)
        short = {"deadline": 0.1, "page hangs": 1.0}.get(fault)
        async with self.pool.lease(
            account,
            priority=self.rng.choice(list(LeasePriority)),
            task="soak",
            deadline=timedelta(seconds=short or 20),
        ) as lease:
            await lease.page.goto(f"{self.address}/{number}", wait_until="commit")
            if fault:
                await _FAULTS[fault](self.pool, lease, self.address)
            if await lease.page.inner_text("h1") != f"/{number}":
                raise Permanent("It shows the page of another operation.")


async def _refuse(_pool: BrowserPool, _lease: PageLease, _address: str) -> None:
    raise Permanent("The site says no.")


async def _script_error(_pool: BrowserPool, lease: PageLease, _address: str) -> None:
    await lease.page.evaluate("() => { throw new Error('a script of ours failed') }")


async def _cut(_pool: BrowserPool, lease: PageLease, address: str) -> None:
    await lease.page.goto(f"{address}/cut")


async def _wait(_pool: BrowserPool, _lease: PageLease, _address: str) -> None:
    await asyncio.Event().wait()


async def _hang(_pool: BrowserPool, lease: PageLease, _address: str) -> None:
    await faults.hang(lease)


async def _hog(_pool: BrowserPool, lease: PageLease, _address: str) -> None:
    await faults.eat_memory(lease)


def _to_the_processes(do: faults.Fault) -> Callable[[BrowserPool, PageLease, str], Awaitable[None]]:
    async def fault(pool: BrowserPool, lease: PageLease, _address: str) -> None:
        with contextlib.suppress(Permanent):  # another fault was first: there is none to kill now
            await do(pool)
        await lease.page.wait_for_selector("#never")

    return fault


_FAULTS: Mapping[str, Callable[[BrowserPool, PageLease, str], Awaitable[None]]] = {
    "refused": _refuse,
    "script error": _script_error,
    "connection cut": _cut,
    "deadline": _wait,
    "cancelled": _wait,
    "page hangs": _hang,
    "page takes all memory": _hog,
    "pages killed": _to_the_processes(faults.kill_pages),
    "browser killed": _to_the_processes(faults.kill_browser),
    "driver killed": _to_the_processes(faults.kill_driver),
    "browser frozen": _to_the_processes(faults.freeze_browser),
}


async def soak(pool: BrowserPool, size: int, rng: random.Random) -> Soaked:
    """Run ``size`` operations; every fault is met at least once after the first measure.

    The first measure is taken after a tenth of them (20 at least), when everything has been in use.
    """
    first = max(size // 10, 20)
    async with light_site() as address:
        run = _Soak(pool, address, rng)
        await run.run(_plan(first, rng, least=int(size >= 200)))
        before = await measure(pool, address)
        await run.run(_plan(size - first, rng, least=1))
        after = await measure(pool, address)
    return Soaked(before, after, run.faults, run.outcomes, run.unexplained)


async def measure(pool: BrowserPool, address: str) -> HeldResources:
    """What is held once nothing is under way and the contexts are fresh.

    Raises:
        Transient: the pool does not come to rest within 30 s.
    """
    await _rest(pool)
    await pool.contexts.close_idle(pool.line.leases, -1.0)
    for account in ACCOUNTS[:3]:
        await _until_it_works(pool, account, address)
    await _rest(pool)
    gc.collect()
    processes = pool.supervisor.chromium.processes()
    ours = psutil.Process()
    browser = pool.supervisor.chromium.browser
    return HeldResources(
        processes=len(processes) + len(_zombies(ours)),
        contexts=len(browser.contexts) if browser is not None else 0,
        handles=sum(_handles(process) for process in (ours, *processes)),
        tasks=len(asyncio.all_tasks()),
        own_mb=own_memory([ours]) / MEGABYTE,
        tree_mb=own_memory(processes) / MEGABYTE,
    )


@contextlib.asynccontextmanager
async def light_site() -> AsyncIterator[str]:
    """A site of one small page at every address, on loopback; ``/cut`` breaks off in the middle of it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            path = head.split(" ")[1]
            body = f"<!doctype html><title>{path}</title><h1>{path}</h1><p>Here.</p>".encode()
            said = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n"
            writer.write(f"{said}Content-Length: {len(body)}\r\n\r\n".encode())
            if path.partition("?")[0] == "/cut":
                writer.transport.abort()
            else:
                writer.write(body)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _until_it_works(pool: BrowserPool, account: str, address: str) -> None:
    for _ in range(20):
        with contextlib.suppress(Transient):
            async with pool.lease(account, priority=LeasePriority.POST, task="measure") as lease:
                await lease.page.goto(f"{address}/measure")
                await lease.page.inner_text("h1")
            return
    raise Transient("The pool gives no working page.", remedy="See the log for what the browser says.")


async def _rest(pool: BrowserPool) -> None:
    for _ in range(600):
        if pool.supervisor.up and not pool.line.leases and not pool.line.waiting:
            break
        await asyncio.sleep(0.05)
    else:
        raise Transient("The pool does not come to rest.", remedy=pool.supervisor.why or pool.line.holders())
    await asyncio.sleep(2.5)  # processes that were killed are gone, and the supervisor has looked twice


def _plan(size: int, rng: random.Random, *, least: int) -> list[str]:
    plan = [fault for fault, share in SHARES.items() for _ in range(max(least, round(share * size)))]
    plan += [""] * (size - len(plan))
    rng.shuffle(plan)
    return plan


def _outcome(task: asyncio.Task[None]) -> str:
    if task.cancelled():
        return "cancelled"
    error = task.exception()
    return type(error).__name__ if error is not None else "ok"


def _handles(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error, OSError):
        return process.num_fds()
    return 0


def _zombies(ours: psutil.Process) -> list[int]:
    """Ended children that nobody has asked about."""
    found = []
    for child in ours.children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if child.status() == psutil.STATUS_ZOMBIE and os.getpgid(child.pid):
                found.append(child.pid)
    return found
