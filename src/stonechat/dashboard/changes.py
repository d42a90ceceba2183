"""What has changed, told to open pages: a page listens to one stream and fetches the parts that it names."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager

from stonechat.core.events import (
    AlertChanged,
    BreakerChanged,
    BrowserLost,
    BrowserOperated,
    BrowserRestarted,
    BudgetSpent,
    CacheSwitched,
    ContentPlanned,
    ContentRejected,
    Event,
    JobHealthChanged,
    LayerChanged,
    LoopFailed,
    MetricsRead,
    ModelLearned,
    ModelRejected,
    OpportunitiesFound,
    PostContradicted,
    PostDiffers,
    PostEnded,
    PostHeld,
    PostingStopped,
    PostPublished,
    PostReconciled,
    PostRefused,
    PostUnconfirmed,
    RunEnded,
    RunMissed,
    RunStarted,
    SelectorMoved,
    SessionChanged,
    Stamped,
    StepBooted,
    StepWaits,
    WriterFellBack,
)

TOPICS: Mapping[type[Event], tuple[str, ...]] = {
    StepBooted: ("health",),
    LayerChanged: ("health",),
    SessionChanged: ("health", "queue"),
    BreakerChanged: ("health", "breakers"),
    BrowserLost: ("health", "browser"),
    BrowserRestarted: ("health", "browser"),
    AlertChanged: ("alerts",),
    RunStarted: ("jobs",),
    RunEnded: ("jobs",),
    JobHealthChanged: ("jobs", "health"),
    ContentPlanned: ("queue",),
    PostHeld: ("queue",),
    PostingStopped: ("health", "queue"),
    PostEnded: ("queue",),
    PostRefused: ("queue",),
    PostUnconfirmed: ("queue",),
    PostReconciled: ("queue", "posts"),
    PostPublished: ("queue", "posts"),
    MetricsRead: ("posts", "plot"),
    ModelLearned: ("learning",),
    ModelRejected: ("learning",),
    StepWaits: ("health",),
    RunMissed: ("jobs",),
    ContentRejected: (),
    WriterFellBack: (),
    BudgetSpent: (),
    PostContradicted: (),
    PostDiffers: (),
    OpportunitiesFound: (),
    BrowserOperated: (),
    SelectorMoved: (),
    CacheSwitched: ("health",),
    LoopFailed: (),
}
"""Which parts of the pages show something else after an event; a test demands an entry for every event."""

PAUSE = 1.0
"""Real seconds between two messages to one page; what changes meanwhile is told together."""

KEEP_ALIVE = 15.0
"""Real seconds of silence after which a comment is sent, so that proxies keep the stream open."""


class Changes:
    """Collects topics for every open page. Subscribe :meth:`hear` to the event stream."""

    def __init__(self) -> None:
        self._pages: set[_Page] = set()
        self._closed = False

    def hear(self, stamped: Stamped) -> None:
        """Note what an event changes."""
        self.tell(*TOPICS[type(stamped.event)])

    def tell(self, *topics: str) -> None:
        """Note that these parts have changed."""
        if topics:
            for page in self._pages:
                page.note(topics)

    def close(self) -> None:
        """End every stream."""
        self._closed = True
        for page in self._pages:
            page.wake.set()

    async def stream(self) -> AsyncIterator[str]:
        """Server-sent events (WHATWG HTML, 9.2), one for each burst: ``data: health queue``."""
        with self._opened() as page:
            yield "retry: 2000\n\n"
            while not self._closed:
                try:
                    async with asyncio.timeout(KEEP_ALIVE):
                        await page.wake.wait()
                except TimeoutError:
                    yield ": still here\n\n"
                    continue
                topics = page.take()
                if topics:
                    yield f"data: {' '.join(sorted(topics))}\n\n"
                    await asyncio.sleep(PAUSE)

    @contextmanager
    def _opened(self) -> Iterator[_Page]:
        page = _Page()
        self._pages.add(page)
        try:
            yield page
        finally:
            self._pages.discard(page)


class _Page:
    def __init__(self) -> None:
        self.wake = asyncio.Event()
        self._topics: set[str] = set()

    def note(self, topics: tuple[str, ...]) -> None:
        self._topics.update(topics)
        self.wake.set()

    def take(self) -> set[str]:
        topics, self._topics = self._topics, set()
        self.wake.clear()
        return topics
