"""Every query of the posting path, of the job manager and of the dashboard, as their callers ask them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from benchmarks.storage.filling import LIVE, MAIN, NOW
from stonechat.core.model import ContentKind
from stonechat.core.states import ContentState
from stonechat.database.repositories import (
    content,
    desk,
    job_progress,
    media,
    metrics,
    opportunities,
    receipts,
    slots,
    state_history,
)

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
class BenchQuery:
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
    BenchQuery("due", "posting", lambda c: content.due(c, MAIN, NOW)),
    BenchQuery("claim", "posting", _claim),
    BenchQuery("next due", "posting", lambda c: content.next_due(c, MAIN)),
    BenchQuery("next due after now", "posting", lambda c: content.next_due(c, MAIN, after=NOW)),
    BenchQuery("stranded", "posting", lambda c: content.stranded(c, MAIN, NOW, owner="bench")),
    BenchQuery("slots to come", "posting", lambda c: content.queued_times(c, [MAIN], NOW)),
    BenchQuery("limits of a day", "posting", lambda c: receipts.effects(c, [MAIN], NOW - DAY)),
    BenchQuery("limit in all", "posting", lambda c: receipts.all_effects(c, MAIN, up_to=50)),
    BenchQuery("published since", "posting", lambda c: receipts.published_since(c, MAIN, NOW - DAY)),
    BenchQuery("tries of a piece", "posting", lambda c: receipts.attempts(c, _PIECE)),
    BenchQuery("parts of a piece", "posting", lambda c: receipts.confirmed_parts(c, _PIECE)),
    BenchQuery("parts of a page", "dashboard", lambda c: receipts.count_parts(c, _PIECES)),
    BenchQuery("pictures of a page", "dashboard", lambda c: media.of_all(c, _PIECES)),
    BenchQuery("ours among posts", "posting", lambda c: receipts.known_among(c, MAIN, _POSTS)),
    BenchQuery("author answered", "posting", _answered),
    BenchQuery("live posts of a week", "posting", lambda c: receipts.live_since(c, MAIN, NOW - 7 * DAY)),
    BenchQuery(
        "waits for approval", "posting", lambda c: content.awaiting_since(c, MAIN, older_than=NOW, due_by=NOW)
    ),
    BenchQuery("queued unapproved", "posting", lambda c: content.unapproved(c, MAIN, tuple(ContentKind))),
    BenchQuery("last 500 texts", "content", lambda c: content.recent_texts(c, MAIN)),
    BenchQuery("booked slots", "content", lambda c: slots.booked(c, MAIN, NOW - 2 * DAY)),
    BenchQuery("overdue", "content", lambda c: slots.overdue(c, MAIN, NOW)),
    BenchQuery("replies of a day", "content", lambda c: slots.replies_since(c, MAIN, NOW - DAY)),
    BenchQuery("arms tried", "content", lambda c: slots.tried(c, MAIN, limit=500)),
    BenchQuery("best opportunities", "content", _best),
    BenchQuery("open opportunities", "content", lambda c: opportunities.pool_size(c, MAIN)),
    BenchQuery("posted this week", "learning", lambda c: content.posted_since(c, MAIN, NOW - 7 * DAY)),
    BenchQuery("queue", "dashboard", lambda c: content.in_states(c, OPEN, limit=100)),
    BenchQuery("queue of an account", "dashboard", lambda c: content.in_states(c, OPEN, account_id=MAIN)),
    BenchQuery("newest of all states", "dashboard", _all_states),
    BenchQuery("latest posts", "dashboard", desk.newest_posted),
    BenchQuery("metrics of the latest", "dashboard", lambda c: metrics.latest(c, MAIN, _POSTS[:20])),
    BenchQuery("story of a piece", "dashboard", lambda c: state_history.of(c, "content", _PIECE)),
    BenchQuery("stock", "alerting", lambda c: content.count_of_each(c, (ContentState.QUEUED,))),
    BenchQuery("next due of each", "jobs", lambda c: slots.next_due_of_each(c, {MAIN: NOW})),
    BenchQuery("all jobs", "dashboard", job_progress.every),
    BenchQuery("jobs changed", "jobs", lambda c: job_progress.every(c, since=NOW - timedelta(minutes=10))),
)
"""All that must stay flat while the tables grow."""
