"""Changing a text before it is posted: the new one passes the same review as what a model writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from stonechat.content import approval
from stonechat.content.review import Bounds
from stonechat.content.writing.pipeline import WritingPipeline
from stonechat.content.writing.writing_task import Assignment, Purpose
from stonechat.core.errors import NotFound
from stonechat.core.model import Content, ContentKind
from stonechat.core.ports import WriteRequest
from stonechat.database import Database
from stonechat.database.repositories import accounts, opportunities
from stonechat.owner.action import Done, Owner
from stonechat.owner.naming import content_named

BETWEEN = "\n---\n"
"""Stands between the parts of a thread wherever they are one text: a form, an editor, the audit trail."""


def parts_of(text: str) -> list[str]:
    """The parts of a text as a form or an editor gives it: they stand apart by a line of three dashes."""
    return [part.strip() for part in text.replace("\r\n", "\n").split(BETWEEN)]


async def edit(
    owner: Owner,
    drafter: WritingPipeline,
    content_id: str,
    parts: Sequence[str],
    *,
    despite: frozenset[str] = frozenset(),
    seen: str | None = None,
) -> Done[Content]:
    """Replace the text; it stays held or queued, and counts as approved by whoever edits.

    Args:
        despite: names of review steps that the owner overrules; ``schema`` and ``length`` cannot be.
        seen: digest (``core.ids.digest``) of the text that was edited; another one is not written over.

    Raises:
        NotFound: there is no such content.
        Conflict: it cannot be edited now, was changed meanwhile, or a part that is live already would change.
        InvalidInput: the new text does not pass the review.
    """
    found_id, bounds = await _bounds(owner.database, drafter, content_id)
    async with owner.act("queue.edit") as action:
        before = await content_named(action.connection, found_id)
        done = await approval.edit(
            action.connection,
            before.id,
            parts,
            who=action.who,
            now=action.now,
            bounds=bounds,
            despite=despite,
            seen=seen or None,
        )
        over = f", despite {', '.join(sorted(despite))}" if despite else ""
        return await action.done(
            done,
            done.id,
            said=f"Changed: {done.parts[0]}",
            before=BETWEEN.join(before.parts),
            after=BETWEEN.join(done.parts),
            why=f"text edited{over}",
            account_id=done.account_id,
        )


async def _bounds(database: Database, drafter: WritingPipeline, content_id: str) -> tuple[str, Bounds]:
    """The content that is meant, and what its new text is held against; its own old text apart."""
    async with database.read("owner.bounds") as connection:
        found = await content_named(connection, content_id)
        account = await accounts.find(connection, found.account_id)
        answered = (
            await opportunities.find(connection, found.opportunity_id) if found.opportunity_id else None
        )
    if account is None:
        raise NotFound(f"There is no account {found.account_id!r}.", meaning="The old text stands.")
    assignment = Assignment(
        id=found.id,
        account_id=found.account_id,
        purpose=Purpose.REPLY if found.kind is ContentKind.REPLY else Purpose.SLOT,
        kind=found.kind,
        arm=found.arm,
        foreign=answered.text if answered else "",
    )
    bounds = await drafter.bounds(account, assignment, WriteRequest("", "", {}, ""))
    return found.id, replace(bounds, history=bounds.history.without("\n\n".join(found.parts)))
