"""What a human decides: approve, reject, edit, cancel, queue again. What was approved is what is posted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.errors import Permanent
from stonechat.core.ids import digest
from stonechat.core.model import Content
from stonechat.core.states import ContentState, OpportunityState
from stonechat.database import content
from stonechat.posting.recording import close_opportunity


async def approve(
    connection: AsyncConnection, content_id: str, *, who: str, now: datetime, why: str = ""
) -> Content:
    """``awaiting_approval → queued``; the digest of the exact bytes is kept and checked at the gate.

    Raises:
        Permanent: there is no such content, or it does not wait for approval.
    """
    piece = await _waiting(connection, content_id, ContentState.AWAITING_APPROVAL)
    return await content.change(
        connection,
        piece,
        ContentState.QUEUED,
        now=now,
        who=who,
        why=why,
        approved_by=who,
        approved_digest=digest(*piece.parts),
        due_at=max(piece.due_at, now),
    )


async def reject(
    connection: AsyncConnection, content_id: str, *, who: str, now: datetime, why: str
) -> Content:
    """To ``rejected``, with the reason; the opportunity it answered is skipped."""
    piece = await _waiting(connection, content_id, ContentState.AWAITING_APPROVAL, ContentState.QUEUED)
    piece = await content.change(connection, piece, ContentState.REJECTED, now=now, who=who, why=why)
    await close_opportunity(connection, piece, OpportunityState.SKIPPED, now=now, why=why)
    return piece


async def cancel(
    connection: AsyncConnection, content_id: str, *, who: str, now: datetime, why: str = ""
) -> Content:
    """To ``cancelled``: it will not be posted."""
    piece = await _waiting(
        connection,
        content_id,
        ContentState.AWAITING_APPROVAL,
        ContentState.QUEUED,
        ContentState.FAILED,
        ContentState.MISSED,
    )
    piece = await content.change(connection, piece, ContentState.CANCELLED, now=now, who=who, why=why)
    await close_opportunity(connection, piece, OpportunityState.SKIPPED, now=now, why=why)
    return piece


async def edit(connection: AsyncConnection, content_id: str, parts: Sequence[str], *, who: str) -> Content:
    """Change the text before it is posted. Who edits a text that was approved approves the new one."""
    piece = await _waiting(connection, content_id, ContentState.AWAITING_APPROVAL, ContentState.QUEUED)
    if piece.approved_by is not None:
        return await content.amend(
            connection, piece, parts=tuple(parts), approved_by=who, approved_digest=digest(*parts)
        )
    return await content.amend(connection, piece, parts=tuple(parts))


async def queue_again(
    connection: AsyncConnection, content_id: str, *, who: str, now: datetime, why: str
) -> Content:
    """``failed | missed → queued``, due now: for a human who has looked at the profile."""
    piece = await _waiting(connection, content_id, ContentState.FAILED, ContentState.MISSED)
    return await content.change(
        connection, piece, ContentState.QUEUED, now=now, who=who, why=why, due_at=now, not_before=None
    )


async def expire(connection: AsyncConnection, account_id: str, *, older_than: datetime, now: datetime) -> int:
    """``awaiting_approval → missed`` for what nobody decided on in time; returns how many."""
    stale = await content.awaiting_since(connection, account_id, older_than=older_than)
    why = "nobody approved it in time"
    for piece in stale:
        await content.change(connection, piece, ContentState.MISSED, now=now, who="posting", why=why)
        await close_opportunity(connection, piece, OpportunityState.SKIPPED, now=now, why=why)
    return len(stale)


async def _waiting(connection: AsyncConnection, content_id: str, *states: ContentState) -> Content:
    piece = await content.find(connection, content_id, lock=True)
    if piece is None:
        raise Permanent(f"There is no content {content_id}.", remedy="`stonechat queue` lists what there is.")
    if piece.state not in states:
        wanted = " or ".join(state.value for state in states)
        raise Permanent(f"Content {content_id} is {piece.state.value}, not {wanted}.")
    return piece
