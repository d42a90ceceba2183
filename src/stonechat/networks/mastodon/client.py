"""Calls of a Mastodon server, by the synchronous library in threads of a bounded number.

One account's calls follow each other. An effect's thread is there before ``before`` is called, so that an
effect that may happen happens at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import TypeVar

import requests
from mastodon import Mastodon
from mastodon.errors import MastodonError

from stonechat import __version__
from stonechat.networks.mastodon.errors import explain

T = TypeVar("T")

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

    def __init__(self, server: str, token: str, threads: Threads, timeout: timedelta) -> None:
        session = requests.Session()
        session.max_redirects = 0  # a post would be repeated as a read, and the token shown to somebody else
        self.server = server
        self._threads = threads
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
            try:
                return await self._threads.run(lambda: call(self._api), before)
            except (MastodonError, requests.RequestException) as exc:
                raise explain(exc, self.server, self._api.ratelimit_reset, is_effect=is_effect) from exc
