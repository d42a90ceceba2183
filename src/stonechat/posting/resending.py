"""The bound on sending one text: after so many clicks a human is asked, whatever the network answers.

What is counted are the clicks that were made or may have been made since a human last decided about the
content. Without such a bound a network that stores a text in another form than ours, answers with a code that
nobody knows, or shows a profile from yesterday would be sent the same post for ever.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import pairwise

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.model import Content
from stonechat.core.states import ContentState
from stonechat.database.repositories import receipts, state_history
from stonechat.database.repositories.receipts import Attempt

_DECIDED = (ContentState.FAILED.value, ContentState.MISSED.value)
"""From these states only a human brings content back to the queue."""

DUPLICATE = "the network says that it has this text already, and no read of the profile shows it"
LOOK = "look at the profile before it is queued again"


def clicks(tries: Sequence[Attempt], part: int, since: datetime | None = None) -> int:
    """How often the part with this number, the first that is not known to be live, was or may have been sent.

    A try sends its parts one after the other. One whose answers said where it ended sent none after that; of
    any other nobody knows how far it came.

    Args:
        tries: all of the content, oldest first.
        since: account time at which a human decided that it be sent again; tries before it do not count.
    """
    counted = [one for one in tries if since is None or one.started_at >= since]
    if not counted:
        return 0
    reached = [after.parts_from for _, after in pairwise(counted)] + [part]
    return sum(
        one.clicked and (one.outcome != "partial" or up_to == part)
        for one, up_to in zip(counted, reached, strict=True)
    )


def clicked_out(tries: Sequence[Attempt], part: int, since: datetime | None, resends: int) -> str:
    """Why the content may not be clicked again before a human has looked; empty where it may."""
    made = clicks(tries, part, since)
    if made <= resends:
        return ""
    times = "once" if made == 1 else f"{made} times"
    return f"it was sent {times} and is not known to be live: {LOOK}"


async def clicked_out_among(
    connection: AsyncConnection, pieces: Collection[Content], live: Mapping[str, int], resends: int
) -> dict[str, str]:
    """:func:`clicked_out` for each of ``pieces`` that may not be clicked again.

    Args:
        live: how many parts of a piece are known to be live; without those of which none is.
    """
    tried = sorted(piece.id for piece in pieces if piece.attempts)
    if not tried:
        return {}
    tries = await receipts.attempts_of(connection, tried)
    decided = await state_history.last_change(
        connection, "content", tried, before=_DECIDED, after=ContentState.QUEUED.value
    )
    found = {
        one: clicked_out(tries.get(one, ()), live.get(one, 0), decided.get(one), resends) for one in tried
    }
    return {one: why for one, why in found.items() if why}


async def why_not_again(connection: AsyncConnection, piece: Content, resends: int) -> str:
    """:func:`clicked_out` for one piece, as its rows stand now."""
    live = await receipts.count_parts(connection, [piece.id])
    return (await clicked_out_among(connection, [piece], live, resends)).get(piece.id, "")
