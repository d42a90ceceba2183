"""Exports the data as JSON Lines, one object for each row, from one consistent snapshot.

Each line is ``{"table": name, "row": {column: value}}``. Times are ISO 8601 with their offset (UTC), JSON
columns stand as JSON, everything else as in the database. Secrets are never in it, whoever asks: tables that
keep any, even encrypted, are not exported.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.errors import Permanent
from stonechat.core.json_values import plain
from stonechat.database.maintenance import row_codec
from stonechat.database.maintenance.row_codec import Shape

KINDS: Mapping[str, tuple[str, ...]] = {
    "accounts": ("accounts", "switches"),
    "content": ("content_metadata", "post_parts", "post_attempts", "post_checks"),
    "media": ("content_media", "media_bytes"),
    "history": ("state_history",),
    "metrics": (
        "metrics_snapshots",
        "account_metrics",
        "doubtful_readings",
        "unseen_posts",
        "page_loads",
    ),
    "replies": ("reply_opportunities", "watched_authors", "answered_replies", "harvest_sources"),
    "learning": ("rewards", "models"),
    "costs": ("budget_entries", "budget_marks"),
    "drafts": ("rejected_drafts", "reserve_drafts"),
    "jobs": ("job_progress", "wakeups", "job_declarations"),
    "alerts": ("alerts", "outbox", "breakers"),
    "audit": ("audit",),
}
"""What can be asked for by one word, and the tables that it stands for."""

SECRET = frozenset({"account_sessions", "api_tokens"})
"""Tables that keep secrets, encrypted or as digests; never exported."""


_SEPARATORS = re.compile("[\x85\u2028\u2029]")
"""What some readers take for the end of a line; within JSON they may be escaped."""


def chosen(words: Sequence[str]) -> list[str]:
    """The tables that these kinds and names of tables stand for; all of them for none.

    Raises:
        Permanent: a word is neither; with the nearest that is.
    """
    every = [table for tables in KINDS.values() for table in tables]
    if not words:
        return every
    found: list[str] = []
    for word in words:
        if word not in KINDS and word not in every:
            near = get_close_matches(word, [*KINDS, *every], 1)
            raise Permanent(
                f"There is no kind of data called {word!r}.",
                remedy=f"Did you mean {near[0]}?" if near else f"There are: {', '.join(KINDS)}.",
            )
        found += [table for table in KINDS.get(word, (word,)) if table not in found]
    return found


async def export(
    connection: AsyncConnection, tables: Sequence[str], *, account_id: str | None = None
) -> AsyncIterator[tuple[str, Sequence[str]]]:
    """Lines of each table, a few rows at a time, with the table's name.

    Args:
        connection: a snapshot, where all lines are to be of one moment.
        account_id: rows of this account alone.
    """
    present = {shape.name: shape for shape in await connection.run_sync(row_codec.shapes)}
    for name in tables:
        if name in present:
            async for part in row_codec.batches(connection, present[name], account_id=account_id):
                yield name, [_line(present[name], row) for row in part]


def _line(shape: Shape, row: Sequence[Any]) -> str:
    values = {field.name: _value(value) for field, value in zip(shape.fields, row, strict=True)}
    line = json.dumps({"table": shape.name, "row": values}, ensure_ascii=False, separators=(",", ":"))
    return _SEPARATORS.sub(lambda found: f"\\u{ord(found[0]):04x}", line)


def _value(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case bytes():
            return base64.b64encode(value).decode("ascii")
        case _:
            return plain(value)
