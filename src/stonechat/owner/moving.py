"""Another time for what is not posted yet, said by the account's own clocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.content.slots.requested_time import read_time, shown_time
from stonechat.core.errors import InvalidInput
from stonechat.core.model import Content
from stonechat.core.states import ContentState
from stonechat.database.repositories import desk
from stonechat.owner.action import Done, Owner
from stonechat.owner.naming import account_of, content_named
from stonechat.posting import owner_decisions

TAKEN = (
    *(ContentState.QUEUED, ContentState.AWAITING_APPROVAL, ContentState.POSTING),
    *(ContentState.UNCONFIRMED, ContentState.POSTED),
)
"""In these states content has its time for itself."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Where it stands now; ``clashes``: what stands nearer to it than the account's spacing allows."""

    content: Content
    clashes: Sequence[Content]


async def move(owner: Owner, content_id: str, at: str, *, spacing: timedelta, seen: str = "") -> Done[Moved]:
    """Move content to ``at``, as :func:`stonechat.content.slots.requested_time.read_time` reads it.

    Args:
        spacing: the least time between two posts of an account (account time).
        seen: the due time that was shown (ISO 8601); where it is another by now, nothing is moved.

    Raises:
        NotFound: there is no such content.
        Conflict: it has gone too far, or somebody else has moved it.
        InvalidInput: that is no time, it has passed, or clocks skip it on that day.
    """
    shown = _moment(seen) if seen else None
    async with owner.act("queue.move") as action:
        before = await content_named(action.connection, content_id)
        account = await account_of(action.connection, before)
        to = read_time(at, account.timezone, action.now)
        done = await owner_decisions.move(
            action.connection, before.id, to, who=action.who, now=action.now, seen=shown
        )
        near = await _near(action.connection, done, spacing)
        return await action.done(
            Moved(done, near),
            done.id,
            said=_said(done, near, account.timezone, spacing),
            before=before.due_at.isoformat(),
            after=done.due_at.isoformat(),
            why="moved by hand",
            account_id=done.account_id,
        )


async def _near(connection: AsyncConnection, piece: Content, spacing: timedelta) -> list[Content]:
    """What shares its time: posts among posts, replies among replies."""
    around = await desk.due_between(
        connection,
        piece.due_at - spacing + timedelta(microseconds=1),
        piece.due_at + spacing,
        account_id=piece.account_id,
        states=TAKEN,
    )
    return [one for one in around if one.id != piece.id and one.kind.addresses == piece.kind.addresses]


def _said(piece: Content, near: Sequence[Content], timezone: str, spacing: timedelta) -> str:
    said = f"Moved to {shown_time(piece.due_at, timezone)}: {piece.parts[0]}"
    if not near:
        return said
    minutes = round(spacing.total_seconds() / 60)
    times = ", ".join(shown_time(one.due_at, timezone) for one in near)
    return (
        f"{said} It clashes with what is due {times}: posts keep {minutes} minutes between them, so "
        "the later one waits."
    )


def _moment(seen: str) -> datetime:
    try:
        at = datetime.fromisoformat(seen)
    except ValueError as exc:
        raise InvalidInput(f"{seen[:40]!r} is no time.", meaning="Nothing was changed.") from exc
    if at.tzinfo is None:
        raise InvalidInput(f"{seen[:40]!r} has no offset.", meaning="Nothing was changed.")
    return at
