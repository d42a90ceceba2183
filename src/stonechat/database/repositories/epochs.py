"""Numbers that only grow, for those who cannot remember their own: where the cache's fencing tokens begin."""

from __future__ import annotations

from sqlalchemy import insert

from stonechat.core.clock import Clock
from stonechat.database.connection.database import Database
from stonechat.database.schema.tables import state_history


async def next_epoch(database: Database, clock: Clock, *, who: str) -> int:
    """A number larger than every one before, also on other hosts: that of a new line of the history.

    Raises:
        Transient: the database is away.
    """
    async with database.begin("cache.epoch") as connection:
        line = insert(state_history).values(
            kind="cache",
            entity_id="leases",
            account_id=None,
            at=clock.wall(),
            who=who,
            before="unsure",
            after="anew",
            why="the cache cannot prove that it knows the last fencing token",
        )
        number: int = (await connection.execute(line.returning(state_history.c.id))).scalar_one()
        return number
