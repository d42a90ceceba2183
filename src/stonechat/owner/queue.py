"""What the owner decides about content: approve, reject, cancel, queue again, found live."""

from __future__ import annotations

from collections.abc import Sequence

from stonechat.content import approval
from stonechat.core.model import Content
from stonechat.owner.action import Action, Done, Owner, reason
from stonechat.owner.naming import content_named
from stonechat.posting import owner_decisions


async def approve(owner: Owner, content_id: str, *, seen: str | None = None) -> Done[Content]:
    """Let content that waits for approval go out at its time, exactly as it stands.

    Args:
        seen: digest (``core.ids.digest``) of the text that was shown; another text is not approved.

    Raises:
        NotFound: there is no such content.
        Conflict: it does not wait for approval, or has been changed since it was shown.
    """
    async with owner.act("queue.approve") as action:
        before = await content_named(action.connection, content_id)
        done = await approval.approve(
            action.connection, before.id, who=action.who, now=action.now, seen=seen or None
        )
        said = f"Approved; due {done.due_at:%Y-%m-%d %H:%M} UTC: {done.parts[0]}"
        return await _done(action, before, done, said, "approved")


async def reject(owner: Owner, content_id: str, *, why: str = "") -> Done[Content]:
    """Never post this; where a reason is given, the writer is told.

    Raises:
        NotFound: there is no such content.
        Conflict: it has gone too far.
    """
    because = reason(why)
    async with owner.act("queue.reject") as action:
        before = await content_named(action.connection, content_id)
        done = await approval.reject(
            action.connection, before.id, who=action.who, now=action.now, why=because
        )
        return await _done(action, before, done, f"Rejected: {done.parts[0]}", because)


async def cancel(owner: Owner, content_id: str, *, why: str = "") -> Done[Content]:
    """Take it out of the queue for good.

    Raises:
        NotFound: there is no such content.
        Conflict: it has gone too far.
    """
    because = reason(why, "cancelled by hand")
    async with owner.act("queue.cancel") as action:
        before = await content_named(action.connection, content_id)
        done = await owner_decisions.cancel(
            action.connection, before.id, who=action.who, now=action.now, why=because
        )
        return await _done(action, before, done, f"Cancelled: {done.parts[0]}", because)


async def queue_again(owner: Owner, content_id: str, *, why: str = "") -> Done[Content]:
    """Queue failed or missed content again, due now: for an owner who has looked at the profile.

    Raises:
        NotFound: there is no such content.
        Conflict: it neither failed nor was missed.
    """
    because = reason(why, "looked by hand")
    async with owner.act("queue.again") as action:
        before = await content_named(action.connection, content_id)
        done = await owner_decisions.queue_again(
            action.connection, before.id, who=action.who, now=action.now, why=because
        )
        return await _done(action, before, done, f"Queued again: {done.parts[0]}", because)


async def found_live(owner: Owner, content_id: str, posts: Sequence[str]) -> Done[Content]:
    """A failed post is on the profile after all: it becomes posted, and is measured.

    Args:
        posts: for each part, in order, its address or id on the network.

    Raises:
        NotFound: there is no such content.
        Conflict: it did not fail.
        InvalidInput: an address is missing, or is none.
    """
    async with owner.act("queue.live") as action:
        before = await content_named(action.connection, content_id)
        done = await owner_decisions.found_live(
            action.connection, before.id, posts, who=action.who, now=action.now
        )
        why = f"is live at {' '.join(one.strip() for one in posts)}"
        return await _done(action, before, done, f"Posted: {done.parts[0]}", why)


async def _done(action: Action, before: Content, after: Content, said: str, why: str) -> Done[Content]:
    return await action.done(
        after,
        after.id,
        said=said,
        before=before.state.value,
        after=after.state.value,
        why=why,
        account_id=after.account_id,
    )
