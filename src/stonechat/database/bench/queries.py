"""Every query of the posting path, of the job manager and of the dashboard, as their callers ask them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.model import ContentKind
from stonechat.core.states import ContentState
from stonechat.database import (
    content,
    history,
    job_rows,
    media_rows,
    metrics,
    opportunities,
    receipts,
    run_outcomes,
    slots,
)
from stonechat.database.bench.filling import LIVE, MAIN, NOW

DAY = timedelta(days=1)
OPEN = (
    ContentState.DRAFT,
    ContentState.AWAITING_APPROVAL,
    ContentState.QUEUED,
    ContentState.POSTING,
    ContentState.UNCONFIRMED,
    ContentState.FAILED,
)
_PIECE = f"c{LIVE + 1}"
_PIECES = [f"c{LIVE + number}" for number in range(1, 101)]
_POSTS = [f"p{LIVE + number}" for number in range(1, 41)]


@dataclass(frozen=True, slots=True)
class Query:
    """One query; ``ask`` runs it. ``path`` is what waits for it."""

    name: str
    path: str
    ask: Callable[[AsyncConnection], Awaitable[Any]]


async def _claim(connection: AsyncConnection) -> None:
    piece = (await content.due(connection, MAIN, NOW))[0]
    found = await content.find(connection, piece.id, lock=True)
    if found is None:
        raise LookupError(piece.id)
    await content.claim(connection, found, now=NOW, lease_until=NOW + DAY, who="bench", owner="bench")


async def _answered(connection: AsyncConnection) -> Any:
    return await opportunities.answered(connection, [MAIN], ["author7"], since=NOW - 3 * DAY)


async def _best(connection: AsyncConnection) -> Any:
    return await opportunities.best(connection, MAIN, invited_only=False, posted_after=NOW - DAY)


async def _all_states(connection: AsyncConnection) -> Any:
    states = [*OPEN, ContentState.POSTED, ContentState.MISSED, ContentState.REJECTED]
    return await content.in_states(connection, states, account_id=MAIN, newest_first=True, limit=50)


QUERIES = (
    Query("due", "posting", lambda c: content.due(c, MAIN, NOW)),
    Query("claim", "posting", _claim),
    Query("next due", "posting", lambda c: content.next_due(c, MAIN)),
    Query("next due after now", "posting", lambda c: content.next_due(c, MAIN, after=NOW)),
    Query("stranded", "posting", lambda c: content.stranded(c, MAIN, NOW, owner="bench")),
    Query("slots to come", "posting", lambda c: content.queued_times(c, [MAIN], NOW)),
    Query("limits of a day", "posting", lambda c: receipts.effects(c, [MAIN], NOW - DAY)),
    Query("limit in all", "posting", lambda c: receipts.all_effects(c, MAIN, up_to=50)),
    Query("published since", "posting", lambda c: receipts.published_since(c, MAIN, NOW - DAY)),
    Query("tries of a piece", "posting", lambda c: receipts.attempts(c, _PIECE)),
    Query("parts of a piece", "posting", lambda c: receipts.confirmed_parts(c, _PIECE)),
    Query("parts of a page", "dashboard", lambda c: receipts.count_parts(c, _PIECES)),
    Query("pictures of a page", "dashboard", lambda c: media_rows.of_all(c, _PIECES)),
    Query("ours among posts", "posting", lambda c: receipts.known_among(c, MAIN, _POSTS)),
    Query("author answered", "posting", _answered),
    Query("live posts of a week", "posting", lambda c: receipts.live_since(c, MAIN, NOW - 7 * DAY)),
    Query(
        "waits for approval", "posting", lambda c: content.awaiting_since(c, MAIN, older_than=NOW, due_by=NOW)
    ),
    Query("queued unapproved", "posting", lambda c: content.unapproved(c, MAIN, tuple(ContentKind))),
    Query("last 500 texts", "content", lambda c: content.recent_texts(c, MAIN)),
    Query("booked slots", "content", lambda c: slots.booked(c, MAIN, NOW - 2 * DAY)),
    Query("overdue", "content", lambda c: slots.overdue(c, MAIN, NOW)),
    Query("replies of a day", "content", lambda c: slots.replies_since(c, MAIN, NOW - DAY)),
    Query("arms tried", "content", lambda c: slots.tried(c, MAIN, limit=500)),
    Query("best opportunities", "content", _best),
    Query("open opportunities", "content", lambda c: opportunities.pool_size(c, MAIN)),
    Query("posted this week", "learning", lambda c: content.posted_since(c, MAIN, NOW - 7 * DAY)),
    Query("queue", "dashboard", lambda c: content.in_states(c, OPEN, limit=100)),
    Query("queue of an account", "dashboard", lambda c: content.in_states(c, OPEN, account_id=MAIN)),
    Query("newest of all states", "dashboard", _all_states),
    Query("latest posts", "dashboard", content.newest_posted),
    Query("metrics of the latest", "dashboard", lambda c: metrics.latest(c, MAIN, _POSTS[:20])),
    Query("story of a piece", "dashboard", lambda c: history.of(c, "content", _PIECE)),
    Query("stock", "alerting", lambda c: content.count_by_state(c, MAIN, states=(ContentState.QUEUED,))),
    Query("latest runs", "dashboard", job_rows.history),
    Query("runs of an hour", "jobs", lambda c: run_outcomes.tallies(c, NOW - timedelta(hours=1))),
    Query("runs under way", "jobs", job_rows.active),
    Query("runs changed", "jobs", lambda c: job_rows.changed(c, NOW - timedelta(minutes=10))),
)
"""All that must stay flat while the tables grow."""
