"""What has changed, told to open pages: a page listens to one stream and fetches the parts that it names."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping

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
    PostVanished,
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
    PostVanished: ("posts",),
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


STREAMS, STREAMS_OF_ONE = 64, 24
"""Open pages at a time, and of them from one address: each holds a connection as long as it is open."""


class TooManyStreams(Exception):
    """No more pages can listen now."""


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

    def open(self, source: str, is_allowed: Callable[[], bool]) -> AsyncIterator[str]:
        """Server-sent events (WHATWG HTML, 9.2), one for each burst: ``data: health queue``.

        Args:
            source: the address that asks.
            is_allowed: asked before anything is sent, so that a stream ends with its log-in.

        Raises:
            TooManyStreams: there are as many as may be, in all or from ``source``.
        """
        if self._is_full(source):
            raise TooManyStreams
        return self._stream(source, is_allowed)

    def _is_full(self, source: str) -> bool:
        of_source = sum(page.source == source for page in self._pages)
        return len(self._pages) >= STREAMS or of_source >= STREAMS_OF_ONE

    async def _stream(self, source: str, is_allowed: Callable[[], bool]) -> AsyncIterator[str]:
        if self._is_full(source):  # others began between the question and the first byte
            return
        page = _Page(source)
        self._pages.add(page)
        try:
            yield "retry: 2000\n\n"
            while not self._closed:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(KEEP_ALIVE):
                        await page.wake.wait()
                if not is_allowed():
                    return
                topics = page.take()
                yield f"data: {' '.join(sorted(topics))}\n\n" if topics else ": still here\n\n"
                if topics:
                    await asyncio.sleep(PAUSE)
        finally:
            self._pages.discard(page)


class _Page:
    def __init__(self, source: str) -> None:
        self.source = source
        self.wake = asyncio.Event()
        self._topics: set[str] = set()

    def note(self, topics: tuple[str, ...]) -> None:
        self._topics.update(topics)
        self.wake.set()

    def take(self) -> set[str]:
        topics, self._topics = self._topics, set()
        self.wake.clear()
        return topics
