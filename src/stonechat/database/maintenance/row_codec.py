"""An engine-neutral form of rows: one line of JSON each, identical for the same row on either engine.

Backups, moves and comparisons speak this form. A table's checksum is the sum of the SHA-256 of its lines:
it needs no order (engines sort texts differently), no memory, and can be taken up again in the middle.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache, cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine

from stonechat.database.schema.tables import metadata
from stonechat.database.schema.types import UtcTime

LEFT_OUT = frozenset({"executors"})
"""Says which processes are alive now: true of one moment, and of no copy."""

_MODULUS = 1 << 256


class RowShapeFamily(StrEnum):
    """The engine-neutral type of a column."""

    TEXT = "text"
    INTEGER = "integer"
    FLOAT = "float"
    BOOLEAN = "boolean"
    TIME = "time"
    JSON = "json"
    BYTES = "bytes"


@dataclass(frozen=True, slots=True)
class Field:
    """One column."""

    name: str
    family: RowShapeFamily
    nullable: bool = False


@dataclass(frozen=True)
class Shape:
    """One table: its columns in order, and those that tell its rows apart."""

    name: str
    fields: tuple[Field, ...]
    key: tuple[str, ...]

    @cached_property
    def table(self) -> sa.Table:
        """To select from and insert into, on either engine."""
        return _table(self.name, self.fields)

    @cached_property
    def batch(self) -> int:
        """How many rows are in memory at once: few, where a row may hold a whole picture."""
        return 4 if any(one.family is RowShapeFamily.BYTES for one in self.fields) else 1000

    @cached_property
    def _encoders(self) -> tuple[Callable[[Any], Any] | None, ...]:
        return tuple(_ENCODE.get(one.family) for one in self.fields)

    @cached_property
    def _decoders(self) -> tuple[Callable[[Any], Any] | None, ...]:
        return tuple(_DECODE.get(one.family) for one in self.fields)

    def line(self, row: Sequence[Any]) -> bytes:
        """The row's one line: JSON in ASCII, without a line break; the same on every engine."""
        values = [
            value if encode is None or value is None else encode(value)
            for value, encode in zip(row, self._encoders, strict=True)
        ]
        return json.dumps(values, sort_keys=True, separators=(",", ":")).encode("ascii")

    def row(self, line: bytes) -> list[Any]:
        """The opposite of :meth:`line`.

        Raises:
            ValueError: that is no line of this table.
        """
        try:
            values = json.loads(line)
        except RecursionError as exc:
            raise ValueError("nested too deep") from exc
        if not isinstance(values, list):
            raise ValueError("not a row")
        return [
            value if decode is None or value is None else decode(value)
            for value, decode in zip(values, self._decoders, strict=True)
        ]

    def keyed(self, row: Sequence[Any]) -> list[Any]:
        """The key's values in a row."""
        names = [one.name for one in self.fields]
        return [row[names.index(name)] for name in self.key]

    def to_json(self) -> dict[str, Any]:
        """As it stands in the head of a backup."""
        fields = [[one.name, one.family.value, one.nullable] for one in self.fields]
        return {"name": self.name, "fields": fields, "key": list(self.key)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Shape:
        """The opposite of :meth:`to_json`.

        Raises:
            ValueError, KeyError, TypeError: that is no shape.
        """
        fields = tuple(
            Field(str(name), RowShapeFamily(family), bool(nullable))
            for name, family, nullable in data["fields"]
        )
        return cls(str(data["name"]), fields, tuple(str(name) for name in data["key"]))


@dataclass(slots=True)
class RowTally:
    """How many rows, and their checksum."""

    rows: int = 0
    total: int = 0

    def add(self, line: bytes) -> None:
        """Count one row's line."""
        self.rows += 1
        self.total = (self.total + int.from_bytes(hashlib.sha256(line).digest(), "big")) % _MODULUS

    @property
    def checksum(self) -> str:
        """64 hexadecimal digits."""
        return f"{self.total:064x}"

    @classmethod
    def of(cls, rows: int, checksum: str) -> RowTally:
        """One that goes on where another stood."""
        return cls(rows, int(checksum, 16))


def shapes(connection: sa.Connection) -> list[Shape]:
    """Our tables as they are in this database, whatever version of the schema it has."""
    inspector = sa.inspect(connection)
    present = set(inspector.get_table_names())
    return [
        _shape(table, inspector.get_columns(table.name))
        for table in metadata.tables.values()
        if table.name in present and table.name not in LEFT_OUT
    ]


def current_shapes() -> list[Shape]:
    """Our tables as this version of Stonechat has them."""
    return [
        _shape(table, [{"name": column.name, "nullable": column.nullable} for column in table.columns])
        for table in metadata.tables.values()
        if table.name not in LEFT_OUT
    ]


async def batches(
    connection: AsyncConnection, shape: Shape, *, account_id: str | None = None
) -> AsyncIterator[Sequence[Sequence[Any]]]:
    """Every row of a table (of one account), a few at a time; no more than that is held in memory."""
    query = sa.select(shape.table)
    if account_id is not None:
        query = query.where(shape.table.c.account_id == account_id)
    found = await connection.stream(query, execution_options={"yield_per": shape.batch})
    async for part in found.partitions(shape.batch):
        yield part


async def tally(connection: AsyncConnection, shape: Shape) -> RowTally:
    """Count and checksum of a table as it stands."""
    found = RowTally()
    async for part in batches(connection, shape):
        for row in part:
            found.add(shape.line(row))
    return found


def _shape(table: sa.Table, columns: Sequence[Mapping[str, Any]]) -> Shape:
    fields = []
    ours = list(table.columns.keys())
    order = {name: place for place, name in enumerate(ours)}  # a migration appends; the code sorts by meaning
    for column in sorted(columns, key=lambda column: order.get(column["name"], len(ours))):
        known = table.columns.get(column["name"])
        kind = known.type if known is not None else column["type"]
        fields.append(Field(column["name"], _family(kind), bool(column["nullable"])))
    return Shape(table.name, tuple(fields), _key(table))


def _key(table: sa.Table) -> tuple[str, ...]:
    primary = tuple(column.name for column in table.primary_key.columns)
    if primary:
        return primary
    unique = next(one for one in table.constraints if isinstance(one, sa.UniqueConstraint))
    return tuple(column.name for column in unique.columns)


@cache
def _table(name: str, fields: tuple[Field, ...]) -> sa.Table:
    """The same for the same columns, so that SQLAlchemy compiles each statement once in a process."""
    columns = [sa.Column(one.name, _type(one), nullable=one.nullable) for one in fields]
    return sa.Table(name, sa.MetaData(), *columns)


def _family(kind: TypeEngine[Any]) -> RowShapeFamily:
    match kind:
        case UtcTime() | sa.DateTime():
            return RowShapeFamily.TIME
        case sa.Boolean():
            return RowShapeFamily.BOOLEAN
        case sa.Integer():
            return RowShapeFamily.INTEGER
        case sa.Float():
            return RowShapeFamily.FLOAT
        case sa.JSON():
            return RowShapeFamily.JSON
        case sa.LargeBinary():
            return RowShapeFamily.BYTES
        case _:
            return RowShapeFamily.TEXT


def _type(field: Field) -> TypeEngine[Any]:
    match field.family:
        case RowShapeFamily.TIME:
            return UtcTime()
        case RowShapeFamily.BOOLEAN:
            return sa.Boolean()
        case RowShapeFamily.INTEGER:
            return sa.BigInteger()
        case RowShapeFamily.FLOAT:
            return sa.Float()
        case RowShapeFamily.JSON:
            null = field.nullable
            return sa.JSON(none_as_null=null).with_variant(JSONB(none_as_null=null), "postgresql")
        case RowShapeFamily.BYTES:
            return sa.LargeBinary()
        case RowShapeFamily.TEXT:
            return sa.Text()


def _plain_json(value: Any) -> Any:
    """JSON with numbers as PostgreSQL gives them back: whole ones without a fraction or an exponent."""
    match value:
        case float() if value.is_integer():
            return int(Decimal(repr(value)))
        case dict():
            return {key: _plain_json(item) for key, item in value.items()}
        case list():
            return [_plain_json(item) for item in value]
        case _:
            return value


def _time_text(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="microseconds")


_ENCODE: Mapping[RowShapeFamily, Callable[[Any], Any]] = {
    RowShapeFamily.TIME: _time_text,
    RowShapeFamily.JSON: _plain_json,
    RowShapeFamily.FLOAT: lambda value: float(value) or 0.0,  # no negative zero: SQLite keeps none
    RowShapeFamily.BOOLEAN: bool,
    RowShapeFamily.BYTES: lambda value: base64.b64encode(value).decode("ascii"),
}
_DECODE: Mapping[RowShapeFamily, Callable[[Any], Any]] = {
    RowShapeFamily.TIME: datetime.fromisoformat,
    RowShapeFamily.BYTES: base64.b64decode,
}
