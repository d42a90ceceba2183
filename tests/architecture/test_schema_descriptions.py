"""The data model page is made of what the schema says of itself, so the schema says something of everything."""

from __future__ import annotations

from stonechat.database.schema.tables import metadata


def test_every_table_and_column_says_what_it_means() -> None:
    assert metadata.tables
    silent = [
        name for name, table in metadata.tables.items() if not str(table.info.get("doc", "")).endswith(".")
    ]
    silent += [
        f"{name}.{column.name}"
        for name, table in metadata.tables.items()
        for column in table.columns
        if not (column.doc or "").endswith(".")
    ]
    assert not silent
