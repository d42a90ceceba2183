"""Databases full of awkward rows: every table, every kind of value that is hard to carry from place to place."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from stonechat.database import Database
from stonechat.database.maintenance.row_codec import RowShapeFamily, Shape, current_shapes, shapes
from stonechat.database.maintenance.row_loader import set_sequences
from stonechat.database.schema.tables import metadata

BEGAN = datetime(2026, 1, 5, 9, 0, 0, 123456, tzinfo=UTC)
AWKWARD_TEXTS = (
    "",
    " ",
    "plain",
    'it\'s "quoted", with a back\\slash',
    "tab\tnew\nline\r\nend",
    "Grüße, naïve café",
    "日本語のテキスト 🐦‍⬛ 👩‍👩‍👧 e\u0301",
    "\u202eright to left\u202c \u200b\ufeff",
    "NULL",
    "null",
    "\\N",
    "\\x00 \\u0000",
    "\x01\x1f\x7f",
    '{"looks": "like JSON"}',
    "x" * 90,
    "%s %(name)s :name ? $1",
)
AWKWARD_JSON: tuple[Any, ...] = (
    {},
    [],
    {"b": 1, "a": 2, "ä": "ö", "": ""},
    [1, -0.0, 0.1, 1.0, 1e16, 1e300, 1.5e-7, 2**53 + 1, 123456789012345678901234567890],
    {"deep": [{"er": [None, True, False, "\u2028", "'"]}]},
    ["Erster Teil ✂️", "zweiter\nTeil"],
)
AWKWARD_FLOATS = (0.0, -0.0, 0.1, 1e-320, 1.7976931348623157e308, -2.5, 3.0, 0.1 + 0.2)


def awkward_row(shape: Shape, number: int, rng: random.Random) -> list[Any]:
    """One row of a table; ``number`` makes its key different from all others."""
    sizes = _sizes(shape)
    row: list[Any] = []
    for field in shape.fields:
        unique = field.name in shape.key or field.name in {
            "post_id",
            "captured_at",
            "number",
            "handle",
            "digest",
            "query",
            "hour",
        }
        if field.nullable and not unique and rng.random() < 0.4:
            row.append(None)
            continue
        match field.family:
            case RowShapeFamily.TEXT:
                text = rng.choice(AWKWARD_TEXTS)
                row.append(f"{number}{text}"[: sizes[field.name]] if unique else text[: sizes[field.name]])
            case RowShapeFamily.INTEGER if unique:
                row.append(number + 1)
            case RowShapeFamily.INTEGER:
                row.append(rng.choice((0, 1, -1, 2**31 - 1, -(2**31 - 1))))
            case RowShapeFamily.FLOAT:
                row.append(rng.choice(AWKWARD_FLOATS))
            case RowShapeFamily.BOOLEAN:
                row.append(rng.random() < 0.5)
            case RowShapeFamily.TIME:
                row.append(BEGAN + timedelta(microseconds=rng.randrange(10**12) + number * 10**12))
            case RowShapeFamily.JSON:
                row.append(rng.choice(AWKWARD_JSON))
            case RowShapeFamily.BYTES:
                row.append(rng.randbytes(rng.randrange(40)))
    return row


async def fill(database: Database, *, rows: int = 12, seed: int = 1) -> int:
    """Put ``rows`` awkward rows into every table that there is; returns how many that are."""
    rng = random.Random(seed)
    put = 0
    async with database.begin("test.fill") as connection:
        for shape in await connection.run_sync(shapes):
            names = [field.name for field in shape.fields]
            values = [
                dict(zip(names, awkward_row(shape, number, rng), strict=True)) for number in range(rows)
            ]
            await connection.execute(sa.insert(shape.table), values)
            put += rows
        await connection.run_sync(set_sequences)
    return put


async def content_of(database: Database) -> dict[str, list[list[Any]]]:
    """Every row of every table, in the order of its portable form."""
    found: dict[str, list[list[Any]]] = {}
    async with database.read("test.content") as connection:
        for shape in current_shapes():
            rows = await connection.execute(sa.select(shape.table))
            found[shape.name] = [shape.row(line) for line in sorted(shape.line(row) for row in rows)]
    return found


def _sizes(shape: Shape) -> dict[str, int]:
    columns = (
        *shape.table.columns,
        *metadata.tables[shape.name].columns,
    )  # ours know lengths that a file does not
    return {column.name: getattr(column.type, "length", None) or 10_000 for column in columns}


def assert_same(
    before: Mapping[str, Sequence[Any]], after: Mapping[str, Sequence[Any]], *, but: Collection[str]
) -> None:
    """Every table but those has the rows that it had."""
    kept = before.keys() - but
    assert sum(len(before[table]) for table in kept) > len(kept), "there was something to keep"
    for table in kept:
        assert after[table] == before[table], table
