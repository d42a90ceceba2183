"""What an owner decides about content: approve, reject, edit. Exactly the approved bytes are posted.

The approved bytes are remembered by digest; every later change of the text goes through :func:`edit`,
which is an approval of the new text by whoever edits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.content.review import Bounds, Draft, ReviewVerdict, review
from stonechat.core.errors import Conflict, InvalidInput, NotFound
from stonechat.core.ids import digest
from stonechat.core.model import Content, ContentKind
from stonechat.core.states import ContentState, OpportunityState
from stonechat.core.texts import canonical
from stonechat.database.repositories import content as queue
from stonechat.database.repositories import drafts, media, opportunities, receipts, state_history, wakeups
from stonechat.database.repositories.drafts import RejectedDraft

FIXED = frozenset({"schema", "length"})
"""Steps of the review that nobody can overrule: the network would refuse the text."""

OWNER = "owner"
"""Stands where a step of the review stands for what the review turned down."""

_TOLD = 300
"""Characters of a reason that the writer is told."""

_HELD = ContentState.AWAITING_APPROVAL
_EDITABLE = frozenset({_HELD, ContentState.QUEUED})


async def approve(
    connection: AsyncConnection, content_id: str, *, who: str, now: datetime, seen: str | None = None
) -> Content:
    """``awaiting_approval → queued``.

    Args:
        seen: digest (``core.ids.digest``) of the text that the human saw; another text is not approved.

    Raises:
        NotFound: there is no such content.
        Conflict: it does not wait for approval, or its text is another one.
    """
    content = await _find(connection, content_id)
    if content.state is not _HELD:
        raise _not_now(content, "approved")
    current = digest(*content.said())
    if seen is not None and seen != current:
        raise Conflict(
            f"Content {content_id} has been changed since it was shown.",
            meaning="Nothing was approved.",
            remedy="Read the new text and approve that.",
        )
    due_at = max(content.due_at, now) if content.kind is ContentKind.REPLY else content.due_at
    if due_at <= now:
        await wakeups.publish_now(connection, [content.account_id], now)
    return await queue.change(
        connection,
        content,
        ContentState.QUEUED,
        now=now,
        who=who,
        why="approved",
        approved_by=who,
        approved_digest=current,
        due_at=due_at,
    )


async def reject(
    connection: AsyncConnection, content_id: str, *, who: str, now: datetime, why: str = ""
) -> Content:
    """To ``rejected``, for good; an opportunity that it answers is skipped.

    Args:
        why: the reason; it is kept in the history, and where there is one the next drafts are told of it.

    Raises:
        NotFound: there is no such content.
        Conflict: it has gone too far to be rejected.
    """
    content = await _find(connection, content_id)
    if content.state not in _EDITABLE:
        raise _not_now(content, "rejected")
    rejected = await queue.change(
        connection, content, ContentState.REJECTED, now=now, who=who, why=why or "rejected"
    )
    if content.opportunity_id:
        await _skip(connection, content.opportunity_id, now, who)
    if why:
        draft = Draft(content.kind, content.parts, content.arm)
        told = RejectedDraft(
            content.account_id, now, draft.kind.value, draft.text, OWNER, why[:_TOLD], draft.arm
        )
        await drafts.reject(connection, [told])
    return rejected


async def edit(
    connection: AsyncConnection,
    content_id: str,
    parts: Sequence[str],
    *,
    who: str,
    now: datetime,
    bounds: Bounds,
    despite: frozenset[str] = frozenset(),
    seen: str | None = None,
) -> Content:
    """Replace the text; it stays held or queued, and counts as approved by whoever edits.

    Args:
        despite: names of review steps that the human overrules; ``schema`` and ``length`` cannot be.
        seen: digest of the text that was edited; where it is another by now, it stands.

    Raises:
        NotFound: there is no such content.
        Conflict: it cannot be edited now, it was changed meanwhile, a part that is live already would
            change, or a picture would lose its part.
        InvalidInput: the new text does not pass the review.
    """
    parts = [canonical(part) for part in parts]
    content = await _find(connection, content_id)
    if content.state not in _EDITABLE:
        raise _not_now(content, "edited")
    _as_it_was_seen(content, seen)
    await _keep_what_is_live(connection, content, parts)
    await _keep_pictures(connection, content, len(parts))
    verdict = checked(Draft(content.kind, tuple(parts), content.arm), bounds, despite)
    if not verdict.passed:
        raise InvalidInput(
            f"The new text does not pass the review ({verdict.step}): {verdict.why}.",
            meaning="The old text stands.",
            remedy="Change it, or overrule the step by name.",
        )
    held = content.state is _HELD
    changed = await queue.amend(
        connection,
        content,
        parts=list(parts),
        approved_by=None if held else who,
        approved_digest=None if held else digest(*replace(content, parts=tuple(parts)).said()),
    )
    await state_history.append(
        connection,
        kind="content",
        entity_id=content.id,
        account_id=content.account_id,
        at=now,
        who=who,
        before=content.state.value,
        after=content.state.value,
        why="text edited",
    )
    return changed


def _as_it_was_seen(content: Content, seen: str | None) -> None:
    """Refuse to write over a text that nobody has looked at."""
    if seen is not None and seen != digest(*content.said()):
        raise Conflict(
            f"Content {content.id} was changed meanwhile, in another window or by somebody else.",
            meaning="That text stands; yours was not stored.",
            remedy="Read what it says now, and save yours again if it is to replace that.",
        )


async def _keep_what_is_live(connection: AsyncConnection, content: Content, parts: Sequence[str]) -> None:
    """Refuse to change parts of a thread that are live already."""
    live = (await receipts.count_parts(connection, [content.id])).get(content.id, 0)
    if tuple(parts[:live]) != content.parts[:live]:
        raise Conflict(
            f"The first {live} of {len(content.parts)} parts of content {content.id} are live already.",
            meaning="The old text stands.",
            remedy="Change only what comes after them.",
        )


async def _keep_pictures(connection: AsyncConnection, content: Content, parts: int) -> None:
    """Refuse an edit that removes a part with pictures attached."""
    if content.media_digest is None:
        return
    last = max((one.part for one in await media.of(connection, content.id)), default=-1)
    if last >= parts:
        raise Conflict(
            f"Part {last + 1} of content {content.id} has a picture, and the new text has {parts} parts.",
            meaning="The old text stands.",
            remedy=f"`stonechat queue detach {content.id}` takes the pictures off first.",
        )


def checked(draft: Draft, bounds: Bounds, despite: frozenset[str]) -> ReviewVerdict:
    """The review's verdict, steps that a human overrules left out."""
    return review(draft, bounds, skip=despite - FIXED)


async def _skip(connection: AsyncConnection, opportunity_id: str, now: datetime, who: str) -> None:
    one = await opportunities.find(connection, opportunity_id)
    if one is not None and one.state is OpportunityState.CLAIMED:
        await opportunities.change(
            connection, one, OpportunityState.SKIPPED, now=now, who=who, why="its reply was turned down"
        )


async def _find(connection: AsyncConnection, content_id: str) -> Content:
    content = await queue.find(connection, content_id, lock=True)
    if content is None:
        raise NotFound(
            f"There is no content {content_id!r}.", remedy="`stonechat queue show` lists what there is."
        )
    return content


def _not_now(content: Content, what: str) -> Conflict:
    return Conflict(
        f"Content {content.id} is {content.state.value} and cannot be {what}.",
        meaning="Nothing was changed.",
        remedy="Only content that waits for approval or is queued can be decided about.",
    )
