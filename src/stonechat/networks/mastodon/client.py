"""Calls of a Mastodon server, by the synchronous library in threads of a bounded number.

One account's calls follow each other. An effect's thread is there before ``before`` is called, so that an
effect that may happen happens at once.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import TypeVar

import requests
from mastodon import Mastodon
from mastodon.errors import MastodonError

from stonechat import __version__
from stonechat.core.clock import Clock
from stonechat.core.safe_json import safe_json
from stonechat.networks.mastodon.bounded_adapter import BoundedAdapter
from stonechat.networks.mastodon.errors import explain

T = TypeVar("T")

LONGEST_WAIT = 86_400.0
"""Seconds that a server's word on its limit is believed for."""

NEWEST = "4.5.0"
"""Taken for every server's version, so that the library asks for none and holds no call back: what a server
can do stands in its own description."""


class Threads:
    """So many calls at a time. A call whose caller is gone keeps its place until its thread has ended."""

    def __init__(self, most: int) -> None:
        self._pool = ThreadPoolExecutor(most, thread_name_prefix="mastodon")
        self._free = asyncio.Semaphore(most)

    async def run(self, call: Callable[[], T], before: Callable[[], None] | None) -> T:
        """Run ``call`` in a thread; ``before`` on the caller's, when a thread is free."""
        await self._free.acquire()
        try:
            if before is not None:
                before()
            future = self._pool.submit(call)
        except BaseException:
            self._free.release()
            raise
        loop = asyncio.get_running_loop()

        def ended(_: Future[T]) -> None:
            with suppress(RuntimeError):  # the loop has ended; nobody waits for a place any more
                loop.call_soon_threadsafe(self._free.release)

        future.add_done_callback(ended)
        return await asyncio.wrap_future(future)


class Client:
    """One account at its server.

    Args:
        server: its address, without a slash at the end.
        timeout: real time to wait for the connection, and for each piece of the answer.
    """

    def __init__(self, server: str, token: str, threads: Threads, clock: Clock, timeout: timedelta) -> None:
        session = requests.Session()
        session.max_redirects = 0  # a post would be repeated as a read, and the token shown to somebody else
        for scheme in ("https://", "http://"):
            session.mount(scheme, BoundedAdapter(clock, timeout))
        session.hooks["response"].append(self._hear)
        self.server = server
        self._heard = threading.local()
        self._threads = threads
        self._clock = clock
        self._turn = asyncio.Lock()
        self._api = Mastodon(
            api_base_url=server,
            access_token=token,
            ratelimit_method="throw",
            request_timeout=timeout.total_seconds(),
            mastodon_version=NEWEST,
            version_check_mode="created",
            session=session,
            user_agent=f"stonechat/{__version__}",
        )

    async def ask(self, question: Callable[[Mastodon], T]) -> T:
        """A call that changes nothing that others see.

        Raises:
            SessionTrouble, Transient, Permanent: see :func:`stonechat.networks.mastodon.errors.explain`.
        """
        return await self._call(question, None, is_effect=False)

    async def act(self, effect: Callable[[Mastodon], T], before: Callable[[], None] | None) -> T:
        """A call that others see the effect of.

        Raises:
            Unknown: it may have happened.
            SessionTrouble, Transient, Permanent: it has not.
        """
        return await self._call(effect, before, is_effect=True)

    async def _call(
        self, call: Callable[[Mastodon], T], before: Callable[[], None] | None, *, is_effect: bool
    ) -> T:
        async with self._turn:
            return await self._threads.run(lambda: self._explained(call, is_effect), before)

    def _explained(self, call: Callable[[Mastodon], T], is_effect: bool) -> T:
        """Run in a thread: the call, its errors in our words."""
        self._heard.said = ""
        try:
            return call(self._api)
        except (MastodonError, requests.RequestException) as exc:
            raise explain(exc, self.server, self._wait(), said=self._heard.said, is_effect=is_effect) from exc

    def _wait(self) -> timedelta | None:
        """How long the server's limit holds, by the library's account of its answers."""
        ends = self._api.ratelimit_reset
        if ends is None:
            return None
        return timedelta(seconds=min(LONGEST_WAIT, ends - self._clock.wall().timestamp()))

    def _hear(self, response: requests.Response, **_more: object) -> None:
        """Keep the server's own words, which the library loses where a list was asked for."""
        if not response.ok:
            with suppress(ValueError):
                body = safe_json(response.content)
                self._heard.said = str(body.get("error") or "") if isinstance(body, dict) else ""
