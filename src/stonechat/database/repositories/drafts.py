"""Drafts besides the queue: the rejected ones with their reasons, and the reserve."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.model import Arm, ContentKind
from stonechat.database.schema.tables import rejected_drafts, reserve_drafts


@dataclass(frozen=True, slots=True)
class RejectedDraft:
    """A draft that did not pass: which step said no, and why."""

    account_id: str
    at: datetime
    kind: str
    text: str
    step: str
    why: str
    arm: Arm


@dataclass(frozen=True, slots=True)
class ReserveDraft:
    """A reviewed draft without a time, kept for when no model can write.

    Attributes:
        approved_by: the human who approved it ahead; None where nobody did.
        drawn_at: when it left the reserve for the queue (account time).
    """

    id: str
    account_id: str
    created_at: datetime
    parts: tuple[str, ...]
    kind: ContentKind
    arm: Arm
    prompt_version: str
    writer_model: str
    cost_usd: float
    approved_by: str | None = None
    drawn_at: datetime | None = None
    content_id: str | None = None


async def reject(connection: AsyncConnection, drafts: Iterable[RejectedDraft]) -> None:
    """Keep rejected drafts with their reasons."""
    for draft in drafts:
        await connection.execute(
            insert(rejected_drafts).values(
                account_id=draft.account_id,
                at=draft.at,
                kind=draft.kind,
                text=draft.text,
                step=draft.step,
                why=draft.why,
                arm=dict(draft.arm),
            )
        )


async def rejected(
    connection: AsyncConnection, account_id: str | None = None, *, limit: int = 50
) -> list[RejectedDraft]:
    """The newest rejected drafts."""
    query = select(rejected_drafts).order_by(rejected_drafts.c.at.desc(), rejected_drafts.c.id.desc())
    if account_id is not None:
        query = query.where(rejected_drafts.c.account_id == account_id)
    return [
        RejectedDraft(row.account_id, row.at, row.kind, row.text, row.step, row.why, dict(row.arm))
        for row in await connection.execute(query.limit(limit))
    ]


async def stock(connection: AsyncConnection, draft: ReserveDraft) -> bool:
    """Put a draft into the reserve; False where its id is there already (a repeated step)."""
    found = await connection.execute(select(reserve_drafts.c.id).where(reserve_drafts.c.id == draft.id))
    if found.first() is not None:
        return False
    await connection.execute(
        insert(reserve_drafts).values(
            id=draft.id,
            account_id=draft.account_id,
            created_at=draft.created_at,
            parts=list(draft.parts),
            kind=draft.kind.value,
            arm=dict(draft.arm),
            prompt_version=draft.prompt_version,
            writer_model=draft.writer_model,
            cost_usd=draft.cost_usd,
            approved_by=draft.approved_by,
        )
    )
    return True


async def reserve(connection: AsyncConnection, account_id: str, *, limit: int = 500) -> list[ReserveDraft]:
    """What is in the reserve, in the order in which it will be drawn."""
    rows = await connection.execute(
        select(reserve_drafts)
        .where(reserve_drafts.c.account_id == account_id, reserve_drafts.c.drawn_at.is_(None))
        .order_by(reserve_drafts.c.created_at, reserve_drafts.c.id)
        .limit(limit)
    )
    return [_reserve_draft(row) for row in rows]


async def find_reserve(connection: AsyncConnection, draft_id: str) -> ReserveDraft | None:
    """The draft, drawn or not, or None."""
    row = (
        await connection.execute(select(reserve_drafts).where(reserve_drafts.c.id == draft_id))
    ).one_or_none()
    return None if row is None else _reserve_draft(row)


async def reserve_size(connection: AsyncConnection, account_id: str) -> int:
    """How many drafts are in the reserve."""
    query = (
        select(func.count())
        .select_from(reserve_drafts)
        .where(reserve_drafts.c.account_id == account_id, reserve_drafts.c.drawn_at.is_(None))
    )
    return int((await connection.execute(query)).scalar_one())


async def draw(connection: AsyncConnection, draft: ReserveDraft, content_id: str, now: datetime) -> bool:
    """Take a draft out of the reserve; False where somebody else was first."""
    result = await connection.execute(
        update(reserve_drafts)
        .where(reserve_drafts.c.id == draft.id, reserve_drafts.c.drawn_at.is_(None))
        .values(drawn_at=now, content_id=content_id)
    )
    return bool(result.rowcount)


async def approve_reserve(connection: AsyncConnection, draft_id: str, who: str) -> bool:
    """Approve a draft ahead of its time; False where it is not in the reserve."""
    result = await connection.execute(
        update(reserve_drafts)
        .where(reserve_drafts.c.id == draft_id, reserve_drafts.c.drawn_at.is_(None))
        .values(approved_by=who)
    )
    return bool(result.rowcount)


async def discard(connection: AsyncConnection, draft_id: str, now: datetime) -> bool:
    """Take a draft out of the reserve for good; False where it is not in it."""
    result = await connection.execute(
        update(reserve_drafts)
        .where(reserve_drafts.c.id == draft_id, reserve_drafts.c.drawn_at.is_(None))
        .values(drawn_at=now)
    )
    return bool(result.rowcount)


def _reserve_draft(row: Row[Any]) -> ReserveDraft:
    return ReserveDraft(
        id=row.id,
        account_id=row.account_id,
        created_at=row.created_at,
        parts=tuple(row.parts),
        kind=ContentKind(row.kind),
        arm=dict(row.arm),
        prompt_version=row.prompt_version,
        writer_model=row.writer_model,
        cost_usd=row.cost_usd,
        approved_by=row.approved_by,
        drawn_at=row.drawn_at,
        content_id=row.content_id,
    )
