"""The drafts kept for when no model can write: approved ahead, or discarded."""

from __future__ import annotations

from stonechat.core.errors import Conflict, NotFound
from stonechat.database.repositories import drafts
from stonechat.database.repositories.drafts import ReserveDraft
from stonechat.owner.action import Action, Done, Owner


async def approve(owner: Owner, draft_id: str) -> Done[ReserveDraft]:
    """Approve a draft ahead, so that it needs no approval when it is drawn.

    Raises:
        NotFound: there is no such draft.
        Conflict: it has left the reserve.
    """
    async with owner.act("reserve.approve") as action:
        draft = await _in_reserve(action, draft_id)
        if not await drafts.approve_reserve(action.connection, draft.id, action.who):
            raise _gone(draft.id)
        before = "approved" if draft.approved_by else "not approved"
        return await _done(action, draft, "Approved", before, "approved")


async def discard(owner: Owner, draft_id: str) -> Done[ReserveDraft]:
    """Take a draft out of the reserve for good.

    Raises:
        NotFound: there is no such draft.
        Conflict: it has left the reserve.
    """
    async with owner.act("reserve.discard") as action:
        draft = await _in_reserve(action, draft_id)
        if not await drafts.discard(action.connection, draft.id, action.now):
            raise _gone(draft.id)
        return await _done(action, draft, "Discarded", "in the reserve", "discarded")


async def _in_reserve(action: Action, draft_id: str) -> ReserveDraft:
    found = await drafts.find_reserve(action.connection, draft_id.strip())
    if found is None:
        raise NotFound(
            f"There is no draft {draft_id[:80]!r} in the reserve.", remedy="`stonechat reserve` lists it."
        )
    if found.drawn_at is not None:
        raise _gone(found.id)
    return found


def _gone(draft_id: str) -> Conflict:
    return Conflict(f"The draft {draft_id} has left the reserve.", meaning="Nothing was changed.")


async def _done(
    action: Action, draft: ReserveDraft, verb: str, before: str, after: str
) -> Done[ReserveDraft]:
    return await action.done(
        draft,
        draft.id,
        said=f"{verb}: {draft.parts[0]}",
        before=before,
        after=after,
        account_id=draft.account_id,
    )
