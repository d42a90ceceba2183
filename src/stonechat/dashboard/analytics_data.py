"""How posts do: for the plot of the overview, and by range and kind of choice for the page of analytics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stonechat.core.model import ContentKind
from stonechat.dashboard.post_lines import latest_metrics
from stonechat.dashboard.view_models import engagement as summed
from stonechat.database import Database
from stonechat.database.repositories import accounts, desk, metrics

ROLLING = 10
"""Posts that the plot's trend line averages over."""


async def engagement(
    database: Database, account_id: str | None = None, *, limit: int = 200
) -> dict[str, Any]:
    """For the plot: seconds since the epoch, engagement of each post, its rolling mean, followers."""
    async with database.read("dashboard.engagement") as connection:
        rows = await desk.newest_posted(connection, account_id, limit=limit)
        rows = [row for row in rows if row.kind is not ContentKind.REPLY]
        shots = await latest_metrics(connection, rows)
        every = [one for one in await accounts.every(connection) if account_id in (None, one.id)]
        series = await metrics.account_series(connection, every[0].id, limit=300) if every else []
    points: list[tuple[float, int]] = []
    for row in reversed(rows):
        shot = shots.get((row.account_id, row.post_id or ""))
        value = summed(shot.metrics) if shot else None
        if row.posted_at is not None and value is not None:
            points.append((row.posted_at.timestamp(), value))
    values = [value for _, value in points]
    return {
        "at": [at for at, _ in points],
        "engagement": values,
        "trend": [_mean(values[max(0, n + 1 - ROLLING) : n + 1]) for n in range(len(values))],
        "followers": [[at.timestamp(), count] for at, count in series if count is not None],
    }


def _mean(values: Sequence[int]) -> float:
    return round(sum(values) / len(values), 2)
