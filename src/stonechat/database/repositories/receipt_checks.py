"""The table ``post_checks``: whether a later read of the profile confirmed each receipt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.states import ContentState
from stonechat.database.schema.inserting import insert_into
from stonechat.database.schema.tables import content_metadata, post_checks, post_parts


@dataclass(frozen=True, slots=True)
class Receipt:
    """A part of ours that is live by its receipt. ``confirmed_at`` is account time."""

    content_id: str
    number: int
    post_id: str
    kind: str
    text: str
    confirmed_at: datetime


async def unchecked(
    connection: AsyncConnection, account_id: str, *, since: datetime, until: datetime, limit: int
) -> list[Receipt]:
    """Receipts from that time that nobody has compared with the profile yet, newest first."""
    rows = await connection.execute(
        select(
            post_parts.c.content_id,
            post_parts.c.number,
            post_parts.c.post_id,
            content_metadata.c.kind,
            content_metadata.c.parts,
            post_parts.c.confirmed_at,
        )
        .join(content_metadata, content_metadata.c.id == post_parts.c.content_id)
        .outerjoin(
            post_checks,
            and_(
                post_checks.c.content_id == post_parts.c.content_id,
                post_checks.c.number == post_parts.c.number,
            ),
        )
        .where(
            content_metadata.c.account_id == account_id,
            content_metadata.c.state == ContentState.POSTED.value,
            content_metadata.c.posted_at >= since,
            post_parts.c.confirmed_at >= since,
            post_parts.c.confirmed_at <= until,
            post_checks.c.verdict.is_(None),
        )
        .order_by(post_parts.c.confirmed_at.desc())
        .limit(limit)
    )
    return [Receipt(row[0], row[1], row[2], row[3], row[4][row[1]], row[5]) for row in rows]


async def note(
    connection: AsyncConnection, account_id: str, verdicts: Sequence[tuple[Receipt, str]], *, at: datetime
) -> None:
    """Remember what was seen; the first verdict about a part stands."""
    for receipt, verdict in verdicts:
        values = {
            "content_id": receipt.content_id,
            "number": receipt.number,
            "account_id": account_id,
            "at": at,
            "verdict": verdict,
        }
        await connection.execute(
            insert_into(connection, post_checks).values(**values).on_conflict_do_nothing()
        )
