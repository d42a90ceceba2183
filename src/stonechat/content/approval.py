"""What a human decides about content: approve, reject, edit. What was approved is what is posted.

The approved bytes are remembered by digest; every later change of the text goes through :func:`edit`,
which is an approval of the new text by whoever edits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.content.review import Bounds, Draft, Verdict, review
from stonechat.core.clock import Clock
from stonechat.core.errors import Permanent
from stonechat.core.ids import digest
from stonechat.core.model import Content, ContentKind
from stonechat.core.states import ContentState, OpportunityState
from stonechat.database import Database, history, opportunities
from stonechat.database import content as queue

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


async def reject(database: Database, clock: Clock, content_id: str, who: str, *, why: str) -> Content:
    """To ``rejected``, for good; an opportunity that it answers is skipped.

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
        Permanent: the content cannot be edited now, or the new text does not pass the review.
    """
    async with database.begin("content.edit") as connection:
        content = await _find(connection, content_id)
        if content.state not in _EDITABLE:
            raise _not_now(content, "edited")
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
        await history.append(
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


def checked(draft: Draft, bounds: Bounds, despite: frozenset[str]) -> Verdict:
    """The review's verdict, steps that a human overrules left out."""
    return review(draft, bounds, skip=despite - {"schema", "length"})


async def _skip(connection: AsyncConnection, opportunity_id: str, now: datetime, who: str) -> None:
    one = await opportunities.find(connection, opportunity_id)
    if one is not None and one.state is OpportunityState.CLAIMED:
        await opportunities.change(
            connection, one, OpportunityState.SKIPPED, now=now, who=who, why="its reply was turned down"
        )


async def _find(connection: AsyncConnection, content_id: str) -> Content:
    content = await queue.find(connection, content_id)
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
