"""Posts as lists show them: with the handle of whose they are, and their newest metrics."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.model import Content, Snapshot
from stonechat.dashboard.view_models import PostLine
from stonechat.database.repositories import accounts, metrics


async def handles_of_accounts(connection: AsyncConnection) -> dict[str, str]:
    """Each account's handle, by its id."""
    return {account.id: account.handle for account in await accounts.every(connection)}


async def latest_metrics(
    connection: AsyncConnection, rows: Sequence[Content]
) -> dict[tuple[str, str], Snapshot]:
    """The newest snapshot of each post, by account and the network's id."""
    found: dict[tuple[str, str], Snapshot] = {}
    for account_id in {row.account_id for row in rows}:
        ids = [row.post_id for row in rows if row.account_id == account_id and row.post_id]
        for post_id, shot in (await metrics.latest(connection, account_id, ids)).items():
            found[account_id, post_id] = shot
    return found


def post_line(row: Content, handles: dict[str, str], shots: dict[tuple[str, str], Snapshot]) -> PostLine:
    """A post with its newest metrics."""
    shot = shots.get((row.account_id, row.post_id or ""))
    return PostLine(
        row,
        handles.get(row.account_id, ""),
        shot.metrics if shot else None,
        shot.captured_at if shot else None,
    )
