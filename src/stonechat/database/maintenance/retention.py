"""Deletes rows that are older than the policy, in small batches that keep nobody waiting.

History and receipts of posts, the content itself, the reward log and the models are kept for ever. Every
other group of rows that grows has a duration in the settings (``KEEP_…``). Of a post's metrics all readings
are kept while they can still teach something, then the last of each day, in the end the last of all.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from stonechat.config.settings import RetentionSettings
from stonechat.core.clock import Clock
from stonechat.database.connection.database import Database
from stonechat.database.maintenance.retention_policy import RetentionPolicy, RetentionRule

BATCH = 500
"""Rows that are deleted together: milliseconds in which SQLite's one writer is ours."""

WINDOW = 20_000
"""Ids that are looked through together, so that a look is short on a large table too."""

BREATH = timedelta(milliseconds=20)
"""Real time between two batches, in which whoever waits to write does."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was deleted of one group of rows.

    Attributes:
        rows: how many went, or would go.
        batches: in how many transactions.
        longest: the longest of them (real time).
    """

    family: str
    policy: str
    table: str
    rows: int
    batches: int = 0
    longest: timedelta = timedelta()


class Retention:
    """Deletes what the policy allows to go, or counts it.

    Args:
        maturity: the age (account time) at which learning judges a post.
    """

    def __init__(
        self, database: Database, clock: Clock, keep: RetentionSettings, *, maturity: timedelta
    ) -> None:
        self._database = database
        self._clock = clock
        self._keep = keep
        self._maturity = maturity

    def rules(self) -> list[RetentionRule]:
        """Every rule, with what may go by it now."""
        now, wall = self._clock.now(), self._clock.wall()
        return RetentionPolicy(self._keep, now, wall, self._database.dialect, self._maturity).rules()

    async def count(self) -> list[Pruned]:
        """How much would go; nothing is changed.

        Raises:
            Transient: the database is away.
        """
        return [await self._walk(family, self._nothing) for family in self.rules()]

    async def prune(self, told: Callable[[Pruned], None] | None = None) -> list[Pruned]:
        """Forget what may go, a batch at a time; a crash in between leaves the rest for the next time.

        Raises:
            Transient: the database is away; what was forgotten until then is.
        """
        done = []
        for family in self.rules():
            pruned = await self._walk(family, self._delete)
            done.append(pruned)
            if told is not None:
                told(pruned)
        return done

    async def _walk(
        self,
        family: RetentionRule,
        act: Callable[[RetentionRule, Sequence[Any]], Awaitable[tuple[int, timedelta]]],
    ) -> Pruned:
        rows, batches, longest = 0, 0, timedelta()
        async for keys in self._found(family):
            gone, took = await act(family, keys)
            rows, batches, longest = rows + gone, batches + bool(took), max(longest, took)
        return Pruned(family.name, family.policy, family.table.name, rows, batches, longest)

    async def _found(self, family: RetentionRule) -> AsyncIterator[list[Any]]:
        """Keys that may go, a batch at a time, in their order: nothing is looked at twice."""
        table, key, most = family.table, family.key, family.at_once or BATCH
        last, end = None, None
        if family.numbered:
            async with self._database.read("retention.look") as connection:
                low, high = (await connection.execute(sa.select(sa.func.min(key), sa.func.max(key)))).one()
            if high is None:
                return
            last, end = int(low) - 1, int(high)
        while True:
            query = sa.select(key).select_from(table).where(family.old).order_by(key).limit(most).distinct()
            if last is not None:
                query = query.where(key > last)
            until = None if end is None or last is None else last + WINDOW
            if until is not None:
                query = query.where(key <= until)
            async with self._database.read("retention.look") as connection:
                keys = [row[0] for row in await connection.execute(query)]
            if keys:
                yield keys
                last = keys[-1]
            if len(keys) < most:
                if until is None or end is None or until >= end:
                    return
                last = until

    async def _nothing(self, family: RetentionRule, keys: Sequence[Any]) -> tuple[int, timedelta]:
        count = sa.select(sa.func.count()).select_from(family.table)
        async with self._database.read("retention.look") as connection:
            found = await connection.execute(count.where(family.key.in_(keys) & family.old))
        return int(found.scalar_one()), timedelta()

    async def _delete(self, family: RetentionRule, keys: Sequence[Any]) -> tuple[int, timedelta]:
        began = self._clock.monotonic()
        async with self._database.begin("retention.prune") as connection:
            # the condition again: what changed since the look stays
            query = sa.select(family.key).where(family.key.in_(keys) & family.old)
            found = await connection.execute(query.with_for_update() if family.revived else query)
            gone = [row[0] for row in found]
            for column in family.also:
                await connection.execute(sa.delete(column.table).where(column.in_(gone)))
            deleted = await connection.execute(
                sa.delete(family.table).where(family.key.in_(gone) & family.old)
            )
        took = timedelta(seconds=self._clock.monotonic() - began)
        await self._clock.sleep_real(BREATH)
        return int(deleted.rowcount), took
