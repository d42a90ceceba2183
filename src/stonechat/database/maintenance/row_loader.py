"""Appends rows to a table unchanged, with a clear error where a value does not fit its column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.errors import Permanent
from stonechat.database.connection.text_sanitizing import UNSTORABLE, storable
from stonechat.database.maintenance.row_codec import RowShapeFamily, Shape
from stonechat.database.schema.tables import metadata


@dataclass(frozen=True, slots=True)
class Bound:
    """What a column takes: texts up to ``longest`` characters, whole numbers up to ``largest``."""

    name: str
    longest: int | None = None
    largest: int | None = None


class Loader:
    """Appends rows to one table. Made by :meth:`open`. ``altered`` counts the values that had to be."""

    def __init__(self, connection: AsyncConnection, shape: Shape, bounds: Sequence[Bound]) -> None:
        self.shape = shape
        self.altered = 0
        self._connection = connection
        held = {RowShapeFamily.TEXT, RowShapeFamily.JSON}
        self._texts = [place for place, field in enumerate(shape.fields) if field.family in held]
        self._bounds = [(place, one) for place, one in enumerate(bounds) if one.longest or one.largest]
        self._strict = connection.dialect.name == "postgresql"

    @classmethod
    async def open(cls, connection: AsyncConnection, shape: Shape) -> Loader:
        """For a table that is there."""
        return cls(connection, shape, await connection.run_sync(_bounds, shape))

    async def put(self, rows: Sequence[Sequence[Any]]) -> None:
        """Append rows.

        Raises:
            Permanent: a value does not fit its column; which, and in which row.
        """
        if not rows:
            return
        names = [field.name for field in self.shape.fields]
        values = [dict(zip(names, row, strict=True)) for row in rows]
        try:
            await self._connection.execute(sa.insert(self.shape.table), values)
        except (DataError, IntegrityError) as exc:
            reason = str(exc.orig).strip().splitlines()[0]
            raise _misfit(self.shape.name, f"a row is refused ({reason})") from exc

    def fitted(self, row: Sequence[Any]) -> list[Any]:
        """The row as this engine can keep it: on PostgreSQL, NUL as ``␀`` and half characters as ``�``.

        Raises:
            Permanent: a value is longer or larger than its column.
        """
        fitted = list(row)
        if not self._strict:
            return fitted
        for place in self._texts:
            value = fitted[place]
            if value is not None and not (isinstance(value, str) and UNSTORABLE.search(value) is None):
                fitted[place] = self._storable(value)
        for place, bound in self._bounds:
            value = fitted[place]
            if value is None:
                continue
            too_long = bound.longest is not None and len(value) > bound.longest
            if too_long or (bound.largest is not None and abs(value) > bound.largest):
                limit = f"{bound.longest} characters" if too_long else f"{bound.largest}"
                key = ", ".join(str(one) for one in self.shape.keyed(fitted))
                raise _misfit(self.shape.name, f"{bound.name} of the row {key} is over {limit}")
        return fitted

    def _storable(self, value: Any) -> Any:
        match value:
            case str() if UNSTORABLE.search(value):
                self.altered += 1
                return storable(value)
            case dict():
                return {self._storable(key): self._storable(item) for key, item in value.items()}
            case list():
                return [self._storable(item) for item in value]
            case _:
                return value


def set_sequences(connection: sa.Connection) -> None:
    """Numbers that are given out go on after the largest there is. SQLite does that by itself."""
    if connection.dialect.name != "postgresql":
        return
    present = set(sa.inspect(connection).get_table_names())
    for table in metadata.tables.values():
        column = table.autoincrement_column
        if column is None or table.name not in present:
            continue
        connection.exec_driver_sql(
            f"SELECT setval(pg_get_serial_sequence('{table.name}', '{column.name}'), "  # noqa: S608 - our names
            f"coalesce((SELECT max({column.name}) FROM {table.name}), 0) + 1, false)"
        )


def _bounds(connection: sa.Connection, shape: Shape) -> list[Bound]:
    if connection.dialect.name != "postgresql":
        return [Bound(field.name) for field in shape.fields]
    types = {one["name"]: one["type"] for one in sa.inspect(connection).get_columns(shape.name)}
    return [_bound(field.name, types[field.name]) for field in shape.fields]


def _bound(name: str, kind: Any) -> Bound:
    match kind:
        case sa.BigInteger():
            return Bound(name, largest=2**63 - 1)
        case sa.Integer():
            return Bound(name, largest=2**31 - 1)
        case sa.String():
            return Bound(name, longest=kind.length)
        case _:
            return Bound(name)


def _misfit(table: str, what: str) -> Permanent:
    return Permanent(
        f"The table {table} cannot take this: {what}.",
        meaning="What was begun was undone, and nothing was lost where it came from.",
        remedy="Shorten or correct that value where it came from, and do it again.",
    )
