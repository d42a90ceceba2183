"""What ends, revives or holds content outside the gate: cancelled, queued again or found live by a human,
never approved, or asked about since the account's policy is stricter now."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.errors import Conflict, InvalidInput, NotFound
from stonechat.core.events import PostEnded, PostHeld
from stonechat.core.ids import digest
from stonechat.core.model import Account, Content, ContentKind
from stonechat.core.states import ContentState, OpportunityState
from stonechat.database.repositories import content, receipts, state_history, wakeups
from stonechat.posting.gate import must_be_approved
from stonechat.posting.publish_result import ended
from stonechat.posting.receipts import become_posted, close_opportunity


async def cancel(
    connection: AsyncConnection, content_id: str, *, who: str, now: datetime, why: str = ""
) -> Content:
    """To ``cancelled``: it will not be posted; the opportunity that it answers is skipped.

    Raises:
        NotFound: there is no such content.
        Conflict: it has gone too far.
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


async def move(
    connection: AsyncConnection,
    content_id: str,
    to: datetime,
    *,
    who: str,
    now: datetime,
    seen: datetime | None = None,
) -> Content:
    """Give it another due time; its probability of having been chosen for that hour is known no more.

    Args:
        seen: the due time that was shown; where it is another by now, nothing is moved.

    Raises:
        NotFound: there is no such content.
        Conflict: it is past being moved, or somebody else has moved it.
    """
    piece = await _in_state(connection, content_id, ContentState.QUEUED, ContentState.AWAITING_APPROVAL)
    if seen is not None and piece.due_at != seen:
        raise Conflict(
            f"Content {content_id} was moved meanwhile: it is due {piece.due_at:%Y-%m-%d %H:%M} UTC.",
            meaning="Nothing was changed.",
            remedy="Look at the new time, and move it from there.",
        )
    if to <= now and piece.state is ContentState.QUEUED:
        await wakeups.publish_now(connection, [piece.account_id], now)
    moved = await content.amend(connection, piece, due_at=to, not_before=None, propensity=None, holdout=False)
    await state_history.append(
        connection,
        kind="content",
        entity_id=piece.id,
        account_id=piece.account_id,
        at=now,
        who=who,
        before=piece.state.value,
        after=piece.state.value,
        why=f"moved from {piece.due_at:%Y-%m-%d %H:%M} to {to:%Y-%m-%d %H:%M} UTC",
    )
    return moved


async def queue_again(
    connection: AsyncConnection, content_id: str, *, who: str, now: datetime, why: str
) -> Content:
    """``failed | missed → queued``, due now: for a human who has looked at the profile.

    What nobody approved before counts as approved by this human, as it stands.

    Raises:
        NotFound: there is no such content.
        Conflict: it neither failed nor was missed.
    """
    piece = await _in_state(connection, content_id, ContentState.FAILED, ContentState.MISSED)
    await wakeups.publish_now(connection, [piece.account_id], now)
    approved = {} if piece.approved_by else {"approved_by": who, "approved_digest": digest(*piece.said())}
    return await content.change(
        connection,
        piece,
        ContentState.QUEUED,
        now=now,
        who=who,
        why=why,
        due_at=now,
        not_before=None,
        **approved,
    )


async def found_live(
    connection: AsyncConnection, content_id: str, posts: Sequence[str], *, who: str, now: datetime
) -> Content:
    """``failed → posted``: a human has seen it on the profile, where no read could tell.

    Args:
        posts: for each part, in order, its address or id on the network.

    Raises:
        NotFound: there is no such content.
        Conflict: it did not fail.
        InvalidInput: an address is missing, or is none.
    """
    piece = await _in_state(connection, content_id, ContentState.FAILED)
    ids = [_post_id(given) for given in posts]
    if len(ids) != len(piece.parts) or len(set(ids)) != len(ids):
        raise InvalidInput(
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


def expires(piece: Content, expiry: timedelta) -> datetime:
    """When content that waits for approval is given up: ``expiry`` after it began to, not before its slot."""
    return max(piece.state_since + expiry, piece.due_at)


async def expire(
    connection: AsyncConnection, account_id: str, *, expiry: timedelta, now: datetime
) -> list[PostEnded]:
    """``awaiting_approval → missed`` for what nobody decided on in time (:func:`expires`).

    Returns:
        What is to be told after the commit.
    """
    stale = await content.awaiting_since(connection, account_id, older_than=now - expiry, due_by=now)
    why = "nobody approved it in time"
    for piece in stale:
        await content.change(connection, piece, ContentState.MISSED, now=now, who="posting", why=why)
        await close_opportunity(connection, piece, OpportunityState.SKIPPED, now=now, why=why)
    return [ended(piece, ContentState.MISSED, why) for piece in stale]


async def hold_back(connection: AsyncConnection, account: Account, *, now: datetime) -> list[PostHeld]:
    """``queued → awaiting_approval`` for what was queued under a laxer policy than the account's is now.

    Returns:
        What is to be told after the commit.
    """
    kinds = [kind for kind in ContentKind if must_be_approved(kind, account.approval)]
    lax = await content.unapproved(connection, account.id, kinds) if kinds else []
    why = f"the account's approval policy is {account.approval.value} now"
    for piece in lax:
        await content.change(
            connection, piece, ContentState.AWAITING_APPROVAL, now=now, who="posting", why=why
        )
    return [PostHeld(account_id=account.id, content_id=piece.id, why=why) for piece in lax]


def _post_id(given: str) -> str:
    """The id in a post's address: the last path part that is a number."""
    found = [part for part in re.split(r"[/?#]", given.strip()) if part.isascii() and part.isdigit()]
    if not found:
        raise InvalidInput(
            f"{given!r} is no address of a post.",
            meaning="Nothing was changed.",
            remedy="Copy the address from the post itself; it ends in a long number.",
        )
    return found[-1]


async def _in_state(connection: AsyncConnection, content_id: str, *states: ContentState) -> Content:
    piece = await content.find(connection, content_id, lock=True)
    if piece is None:
        raise NotFound(f"There is no content {content_id}.", remedy="`stonechat queue` lists what there is.")
    if piece.state not in states:
        wanted = " or ".join(state.value for state in states)
        raise Conflict(
            f"Content {content_id} is {piece.state.value}, not {wanted}.", meaning="Nothing was changed."
        )
    return piece
