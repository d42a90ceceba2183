"""What was seen lately, by this account or another, so that it is not read or looked up again.

All of it may be forgotten at any time: then a page is opened or a query asked once more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import timedelta

from pydantic import TypeAdapter, ValidationError

from stonechat.cache import SharedReads
from stonechat.core.clock import Clock
from stonechat.core.network import Profile, Timeline
from stonechat.core.ports import Cache

SEARCH_AGE = timedelta(minutes=10)
"""Account time for which the result of another account's search is as good as a new one: half the time
between two searches, so that no account is ever a round behind."""

PROFILE_AGE = timedelta(hours=12)
"""Account time for which a profile that somebody looked at is as good as a new look."""

UNREADABLE_AGE = timedelta(hours=12)
"""Account time before an author whose profile could not be read is looked at again."""

PATIENCE = timedelta(seconds=45)
"""Real time for which the result of another reader is waited for: a page takes no longer."""

MOST_SEEN = 2000
"""Ids of one account's known posts that are remembered; the oldest go first."""

_IDS: TypeAdapter[list[str]] = TypeAdapter(list[str])


class Recent:
    """Over the cache. Ages are account time, which the cache counts in real time."""

    def __init__(self, cache: Cache, clock: Clock) -> None:
        self._cache = cache
        self._speed = clock.speed
        self._timelines = SharedReads(
            cache, clock, "search", Timeline, keep=SEARCH_AGE / clock.speed, patience=PATIENCE
        )
        self._profiles = SharedReads(
            cache, clock, "profile", Profile, keep=PROFILE_AGE / clock.speed, patience=PATIENCE
        )

    async def timeline(
        self, network: str, query: str, reader: str, read: Callable[[], Awaitable[Timeline]]
    ) -> Timeline:
        """What ``query`` finds; another account's result of the last minutes serves, its own does not."""
        return await self._timelines.get(f"{network}/{query}", read, reader=reader)

    async def profile(self, network: str, handle: str, read: Callable[[], Awaitable[Profile]]) -> Profile:
        """The profile of an author, whoever looked at it."""
        return await self._profiles.get(f"{network}/{handle.casefold()}", read)

    async def seen(self, account_id: str) -> list[str]:
        """Ids of posts that are in the account's table for certain, oldest first."""
        kept = await self._cache.get(f"seen/{account_id}")
        try:
            return _IDS.validate_json(kept) if kept else []
        except ValidationError:  # kept by another version of ours
            return []

    async def remember(self, account_id: str, seen: Iterable[str], age: timedelta) -> None:
        """These posts are in the table; posts older than ``age`` (account time) are of no interest."""
        ids = list(dict.fromkeys(seen))[-MOST_SEEN:]
        await self._cache.put(f"seen/{account_id}", _IDS.dump_json(ids), age / self._speed)

    async def note_unreadable(self, network: str, handle: str) -> None:
        """The author's profile cannot be read now: not there, protected, or in a shape we do not know."""
        key = f"unreadable/{network}/{handle.casefold()}"
        await self._cache.put(key, b"1", UNREADABLE_AGE / self._speed)

    async def readable(
        self, network: str, authors: Sequence[tuple[str, float]], limit: int
    ) -> list[tuple[str, float]]:
        """The first ``limit`` of the authors that nobody failed to read lately."""
        found: list[tuple[str, float]] = []
        for handle, worth in authors:
            if len(found) == limit:
                break
            if await self._cache.get(f"unreadable/{network}/{handle.casefold()}") is None:
                found.append((handle, worth))
        return found
