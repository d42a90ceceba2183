"""Triggers on both engines that keep tables append-only.


Neither a bug of ours nor somebody at a SQL prompt can change a line of the history, the reward log or a
receipt, or delete what a post needs. Other families may be deleted from, because they are kept for a
time only (:mod:`stonechat.database.maintenance.retention`), but never changed.

Migrations run without them: they are taken away before and put back after (``migrations/env.py``).
"""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

PREFIX = "stonechat_keeps_"

NEVER_CHANGED = (
    "state_history",
    "rewards",
    "post_parts",
    "metrics_snapshots",
    "account_metrics",
    "audit",
    "rejected_drafts",
)
"""Rows are appended and never updated."""

NEVER_DELETED: Mapping[str, str] = {
    "content_metadata": "",
    "post_attempts": "",
    "post_parts": "",
    "rewards": "",
    "state_history": "OLD.kind = 'content'",
}
"""Rows are kept for ever; where a condition is given, those that meet it."""


def install(connection: sa.Connection) -> None:
    """Put every trigger in its place, for the tables that are there."""
    remove(connection)
    present = set(sa.inspect(connection).get_table_names())
    make = _postgresql if connection.dialect.name == "postgresql" else _sqlite
    for statement in make(present):
        connection.exec_driver_sql(statement)


def remove(connection: sa.Connection) -> None:
    """Take every trigger of ours away."""
    for name, table in installed(connection).items():
        on = f" ON {table}" if connection.dialect.name == "postgresql" else ""
        connection.exec_driver_sql(f"DROP TRIGGER {name}{on}")


def installed(connection: sa.Connection) -> dict[str, str]:
    """The triggers of ours that are there, with their tables."""
    if connection.dialect.name == "postgresql":
        query = (
            "SELECT t.tgname, c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
            "WHERE NOT t.tgisinternal AND pg_table_is_visible(c.oid)"
        )
    else:
        query = "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'"
    rows = connection.execute(sa.text(query))
    return {str(row[0]): str(row[1]) for row in rows if str(row[0]).startswith(PREFIX)}


def _rules(present: set[str]) -> list[tuple[str, str, str, str]]:
    """Name, table, ``UPDATE`` or ``DELETE``, and the condition ('' for always)."""
    changed = [(f"{PREFIX}{table}_as_it_is", table, "UPDATE", "") for table in NEVER_CHANGED]
    deleted = [(f"{PREFIX}{table}", table, "DELETE", when) for table, when in NEVER_DELETED.items()]
    return [rule for rule in (*changed, *deleted) if rule[1] in present]


def _sqlite(present: set[str]) -> list[str]:
    made = []
    for name, table, event, when in _rules(present):
        only = f"WHEN {when} " if when else ""
        made.append(
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} {only}"
            f"BEGIN SELECT RAISE(ABORT, '{_refusal(table, event)}'); END"
        )
    return made


def _postgresql(present: set[str]) -> list[str]:
    made = [
        """CREATE OR REPLACE FUNCTION stonechat_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION USING MESSAGE = TG_ARGV[0], ERRCODE = 'restrict_violation';
        END $$"""
    ]
    for name, table, event, when in _rules(present):
        only = f"WHEN ({when}) " if when else ""
        made.append(
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW {only}"
            f"EXECUTE FUNCTION stonechat_refuse('{_refusal(table, event)}')"
        )
    return made


def _refusal(table: str, event: str) -> str:
    return f"{table} is append-only: its rows are not {'changed' if event == 'UPDATE' else 'deleted'}"
