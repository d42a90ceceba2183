"""What ends or revives content outside the gate: cancelled, queued again or found live by a human, or never
approved."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.errors import Permanent
from stonechat.core.model import Content
from stonechat.core.states import ContentState, OpportunityState
from stonechat.database import content, receipts
from stonechat.posting.recording import become_posted, close_opportunity


async def cancel(
    connection: AsyncConnection, content_id: str, *, who: str, now: datetime, why: str = ""
) -> Content:
    """To ``cancelled``: it will not be posted; the opportunity that it answers is skipped.

    Raises:
        Permanent: there is no such content, or it has gone too far.
    """
    allowed = (
        ContentState.AWAITING_APPROVAL,
        ContentState.QUEUED,
        ContentState.FAILED,
        ContentState.MISSED,
    )
    piece = await _in_state(connection, content_id, *allowed)
    piece = await content.change(connection, piece, ContentState.CANCELLED, now=now, who=who, why=why)
    await close_opportunity(connection, piece, OpportunityState.SKIPPED, now=now, why=why)
    return piece


async def queue_again(
    connection: AsyncConnection, content_id: str, *, who: str, now: datetime, why: str
) -> Content:
    """``failed | missed → queued``, due now: for a human who has looked at the profile.

    Raises:
        Permanent: there is no such content, or it neither failed nor was missed.
    """
    piece = await _in_state(connection, content_id, ContentState.FAILED, ContentState.MISSED)
    return await content.change(
        connection, piece, ContentState.QUEUED, now=now, who=who, why=why, due_at=now, not_before=None
    )


async def found_live(
    connection: AsyncConnection, content_id: str, posts: Sequence[str], *, who: str, now: datetime
) -> Content:
    """``failed → posted``: a human has seen it on the profile, where no read could tell.

    Args:
        posts: for each part, in order, its address or id on the network.

    Raises:
        Permanent: there is no such content, it did not fail, or an address is missing or no address.
    """
    piece = await _in_state(connection, content_id, ContentState.FAILED)
    ids = [_post_id(given) for given in posts]
    if len(ids) != len(piece.parts) or len(set(ids)) != len(ids):
        raise Permanent(
            f"{len(piece.parts)} different addresses are needed, one for each part; {len(set(ids))} given.",
            meaning="Nothing was changed.",
            remedy="Open each part on the network and copy its address.",
        )
    await receipts.confirm_parts(connection, piece, dict(enumerate(ids)), now=now)
    tries = await receipts.attempts(connection, content_id)
    return await become_posted(
        connection,
        piece,
        post_id=ids[0],
        url=posts[0].strip() if "/" in posts[0] else "",
        at=tries[-1].started_at if tries else now,
        now=now,
        who=who,
    )


async def expire(connection: AsyncConnection, account_id: str, *, older_than: datetime, now: datetime) -> int:
    """``awaiting_approval → missed`` for what nobody decided on in time; returns how many."""
    stale = await content.awaiting_since(connection, account_id, older_than=older_than)
    why = "nobody approved it in time"
    for piece in stale:
        await content.change(connection, piece, ContentState.MISSED, now=now, who="posting", why=why)
        await close_opportunity(connection, piece, OpportunityState.SKIPPED, now=now, why=why)
    return len(stale)


def _post_id(given: str) -> str:
    """The id in a post's address: the last path part that is a number."""
    found = [part for part in re.split(r"[/?#]", given.strip()) if part.isascii() and part.isdigit()]
    if not found:
        raise Permanent(
            f"{given!r} is no address of a post.",
            meaning="Nothing was changed.",
            remedy="Copy the address from the post itself; it ends in a long number.",
        )
    return found[-1]


async def _in_state(connection: AsyncConnection, content_id: str, *states: ContentState) -> Content:
    piece = await content.find(connection, content_id, lock=True)
    if piece is None:
        raise Permanent(f"There is no content {content_id}.", remedy="`stonechat queue` lists what there is.")
    if piece.state not in states:
        wanted = " or ".join(state.value for state in states)
        raise Permanent(
            f"Content {content_id} is {piece.state.value}, not {wanted}.", meaning="Nothing was changed."
        )
    return piece
