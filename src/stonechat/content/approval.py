"""What a human decides about content: approve, reject, edit. What was approved is what is posted.

The approved bytes are remembered by digest; every later change of the text goes through :func:`edit`,
which is an approval of the new text by whoever edits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.content.review import Bounds, Draft, ReviewVerdict, review
from stonechat.core.clock import Clock
from stonechat.core.errors import Permanent
from stonechat.core.ids import digest
from stonechat.core.model import Content, ContentKind
from stonechat.core.states import ContentState, OpportunityState
from stonechat.database import Database
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
    database: Database, clock: Clock, content_id: str, who: str, *, seen: str | None = None
) -> Content:
    """``awaiting_approval → queued``.

    Args:
        seen: digest (``core.ids.digest``) of the text that the human saw; another text is not approved.

    Raises:
        Permanent: there is no such content, it does not wait for approval, or its text is another one.
    """
    async with database.begin("content.approve") as connection:
        content = await _find(connection, content_id)
        if content.state is not _HELD:
            raise _not_now(content, "approved")
        current = digest(*content.said())
        if seen is not None and seen != current:
            raise Permanent(
                f"Content {content_id} has been changed since it was shown.",
                meaning="Nothing was approved.",
                remedy="Read the new text and approve that.",
            )
        due_at = max(content.due_at, clock.now()) if content.kind is ContentKind.REPLY else content.due_at
        if due_at <= clock.now():
            await wakeups.publish_now(connection, [content.account_id], clock.now())
        return await queue.change(
            connection,
            content,
            ContentState.QUEUED,
            now=clock.now(),
            who=who,
            why="approved",
            approved_by=who,
            approved_digest=current,
            due_at=due_at,
        )


async def reject(database: Database, clock: Clock, content_id: str, who: str, *, why: str = "") -> Content:
    """To ``rejected``, for good; an opportunity that it answers is skipped.

    Args:
        why: the reason; it is kept in the history, and where there is one the next drafts are told of it.

    Raises:
        Permanent: there is no such content, or it has gone too far to be rejected.
    """
    async with database.begin("content.reject") as connection:
        content = await _find(connection, content_id)
        if content.state not in _EDITABLE:
            raise _not_now(content, "rejected")
        now = clock.now()
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
    database: Database,
    clock: Clock,
    content_id: str,
    who: str,
    parts: Sequence[str],
    *,
    bounds: Bounds,
    despite: frozenset[str] = frozenset(),
) -> Content:
    """Replace the text; it stays held or queued, and counts as approved by whoever edits.

    Args:
        despite: names of review steps that the human overrules; ``schema`` and ``length`` cannot be.

    Raises:
        Permanent: the content cannot be edited now, the new text does not pass the review, it changes a part
            that is live already, or it has no part any more for a picture that is attached.
    """
    async with database.begin("content.edit") as connection:
        content = await _find(connection, content_id)
        if content.state not in _EDITABLE:
            raise _not_now(content, "edited")
        await _keep_what_is_live(connection, content, parts)
        await _keep_pictures(connection, content, len(parts))
        verdict = checked(Draft(content.kind, tuple(parts), content.arm), bounds, despite)
        if not verdict.passed:
            raise Permanent(
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
            at=clock.now(),
            who=who,
            before=content.state.value,
            after=content.state.value,
            why="text edited",
        )
        return changed


async def _keep_what_is_live(connection: AsyncConnection, content: Content, parts: Sequence[str]) -> None:
    """Of a thread that is to be resumed, what is published stands there for ever."""
    live = (await receipts.count_parts(connection, [content.id])).get(content.id, 0)
    if tuple(parts[:live]) != content.parts[:live]:
        raise Permanent(
            f"The first {live} of {len(content.parts)} parts of content {content.id} are live already.",
            meaning="The old text stands.",
            remedy="Change only what comes after them.",
        )


async def _keep_pictures(connection: AsyncConnection, content: Content, parts: int) -> None:
    """A picture stays with its part; an edit cannot lose one unsaid."""
    if content.media_digest is None:
        return
    last = max((one.part for one in await media.of(connection, content.id)), default=-1)
    if last >= parts:
        raise Permanent(
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
        raise Permanent(
            f"There is no content {content_id!r}.", remedy="`stonechat queue show` lists what there is."
        )
    return content


def _not_now(content: Content, what: str) -> Permanent:
    return Permanent(
        f"Content {content.id} is {content.state.value} and cannot be {what}.",
        meaning="Nothing was changed.",
        remedy="Only content that waits for approval or is queued can be decided about.",
    )
