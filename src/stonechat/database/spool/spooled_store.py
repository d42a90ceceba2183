"""Stores rows that were read from outside, by way of the disk while the database is away."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.errors import Transient
from stonechat.core.ids import digest
from stonechat.database.connection.database import Database
from stonechat.database.spool.spool import Spool, SpoolEntry

T = TypeVar("T")


class SpooledStore(Generic[T]):
    """Stores rows of one kind, by way of the spool where the table is out of reach.

    Args:
        kind: the spool's name for them, and part of the name of the database's tasks.
        row: their type: a dataclass of plain values.
        add: stores rows and says how many were new; a row that is there already is left as it stands,
            since an entry may come out of the spool twice.
    """

    def __init__(
        self,
        database: Database,
        spool: Spool,
        kind: str,
        row: type[T],
        add: Callable[[AsyncConnection, Sequence[T]], Awaitable[int]],
    ) -> None:
        self._database = database
        self._spool = spool
        self._kind = kind
        self._add = add
        self._form: TypeAdapter[list[T]] = TypeAdapter(list[row])  # type: ignore[valid-type]

    async def keep(self, rows: Sequence[T]) -> int:
        """Store, or spool; returns how many were new in the table.

        Raises:
            Transient: neither the database nor the disk took them.
        """
        if not rows:
            return 0
        try:
            async with self._database.begin(f"{self._kind}.store") as connection:
                return await self._add(connection, rows)
        except Transient:
            body = {"rows": self._form.dump_python(list(rows), mode="json")}
            self._spool.put(self._kind, digest(str(body)), body)
            return 0

    async def catch_up(self) -> int:
        """Store what was spooled, oldest first; returns how many entries.

        An entry that nobody can read is set aside, so that it is not in the way of the others.

        Raises:
            Transient: the database is still away; what is left stays.
        """

        async def store(entry: SpoolEntry) -> None:
            try:
                rows = self._form.validate_python(entry.body.get("rows"))
            except ValidationError:
                self._spool.set_aside(self._kind, entry.key)
                return
            async with self._database.begin(f"{self._kind}.catch_up") as connection:
                await self._add(connection, rows)

        return await self._spool.drain(self._kind, store)
