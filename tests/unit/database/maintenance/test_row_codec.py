"""Rows in a form that no engine owns: the same line for the same row, and the same row back."""

import json
import random
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stonechat.database.maintenance.row_codec import Field, RowShapeFamily, RowTally, Shape, current_shapes
from stonechat.database.schema.tables import metadata
from tests.support.stored import awkward_row

EVERY = Shape(
    "every",
    tuple(Field(family.value, family, nullable=True) for family in RowShapeFamily),
    ("text",),
)
FIRST = datetime(1900, 1, 1, tzinfo=UTC)
times = st.integers(0, 10**16).map(lambda microseconds: FIRST + timedelta(microseconds=microseconds))
exact_floats = st.floats(-(2.0**53), 2.0**53)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | exact_floats | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
values = {
    RowShapeFamily.TEXT: st.text(),
    RowShapeFamily.INTEGER: st.integers(-(2**63), 2**63 - 1),
    RowShapeFamily.FLOAT: st.floats(allow_nan=False, allow_infinity=False),
    RowShapeFamily.BOOLEAN: st.booleans(),
    RowShapeFamily.TIME: times,
    RowShapeFamily.JSON: json_values,
    RowShapeFamily.BYTES: st.binary(),
}
rows = st.tuples(*(st.none() | values[family] for family in RowShapeFamily))


@settings(max_examples=60, deadline=None)
@given(rows)
def test_a_row_comes_back_from_its_line_as_it_was(row: Any) -> None:
    line = EVERY.line(row)
    assert line.isascii() and b"\n" not in line
    again = EVERY.row(line)
    assert again == list(row)
    assert EVERY.line(again) == line


@settings(max_examples=60, deadline=None)
@given(rows, rows)
def test_lines_are_the_same_only_for_rows_that_are(one: Any, other: Any) -> None:
    assert (EVERY.line(one) == EVERY.line(other)) == (list(one) == list(other))


def test_a_moment_has_one_form_whatever_zone_it_was_given_in() -> None:
    shape = Shape("t", (Field("at", RowShapeFamily.TIME),), ("at",))
    vienna = datetime(2026, 7, 1, 12, 0, 0, 1, tzinfo=timezone(timedelta(hours=2)))
    assert shape.line([vienna]) == b'["2026-07-01T10:00:00.000001+00:00"]'


@pytest.mark.parametrize(
    ("ours", "as_postgresql_gives_it_back"),
    [
        ({"b": 1, "a": 2}, {"a": 2, "b": 1}),
        (1e16, 10**16),
        (1e300, 10**300),
        (-0.0, 0.0),
        ([1.0], [1]),
    ],
)
def test_json_that_postgresql_writes_in_another_way_has_the_same_line(
    ours: Any, as_postgresql_gives_it_back: Any
) -> None:
    shape = Shape("t", (Field("body", RowShapeFamily.JSON),), ("body",))
    assert shape.line([ours]) == shape.line([as_postgresql_gives_it_back])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=20), max_size=20), st.randoms())
def test_a_checksum_does_not_depend_on_the_order(lines: Any, rng: Any) -> None:
    ordered, shuffled = RowTally(), RowTally()
    mixed = list(lines)
    rng.shuffle(mixed)
    for line in lines:
        ordered.add(line)
    for line in mixed:
        shuffled.add(line)
    assert ordered == shuffled


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=20), min_size=1, max_size=20), st.binary(max_size=20), st.data())
def test_a_checksum_changes_with_any_row(lines: Any, other: Any, data: Any) -> None:
    place = data.draw(st.integers(0, len(lines) - 1))
    before, after = RowTally(), RowTally()
    for number, line in enumerate(lines):
        before.add(line)
        after.add(other if number == place else line)
    assert (before.checksum == after.checksum) == (lines[place] == other)


def test_a_count_that_is_taken_up_again_ends_where_an_unbroken_one_does() -> None:
    whole, first = RowTally(), RowTally()
    for number in range(10):
        whole.add(str(number).encode())
        if number < 5:
            first.add(str(number).encode())
    rest = RowTally.of(first.rows, first.checksum)
    for number in range(5, 10):
        rest.add(str(number).encode())
    assert rest == whole


def test_every_table_but_that_of_live_processes_has_a_shape_with_a_key() -> None:
    shapes = {shape.name: shape for shape in current_shapes()}
    assert set(metadata.tables) - set(shapes) == {"executors"}
    for shape in shapes.values():
        names = {field.name for field in shape.fields}
        assert shape.key and set(shape.key) <= names
        assert Shape.from_json(json.loads(json.dumps(shape.to_json()))) == shape


def test_awkward_rows_of_every_table_survive() -> None:
    rng = random.Random(3)
    shapes = current_shapes()
    assert shapes
    for shape in shapes:
        for number in range(20):
            line = shape.line(awkward_row(shape, number, rng))
            assert shape.line(shape.row(line)) == line
