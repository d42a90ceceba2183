"""The table ``answered_replies``: replies of ours whose author answered."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.network import NetworkPost
from stonechat.database.schema.inserting import insert_into
from stonechat.database.schema.tables import answered_replies as table
from stonechat.database.schema.tables import content_metadata, reply_opportunities


async def note(
    connection: AsyncConnection, account_id: str, posts: Sequence[NetworkPost], *, now: datetime
) -> int:
    """Remember which of these posts of others answer a reply of ours, by whom that reply was for."""
    answers = {post.in_reply_to: post for post in posts if post.in_reply_to is not None}
    c = content_metadata.c
    rows = await connection.execute(
        select(c.post_id, func.lower(reply_opportunities.c.author))
        .join(reply_opportunities, reply_opportunities.c.id == c.opportunity_id)
        .where(c.account_id == account_id, c.post_id.in_(list(answers)))
    )
    noted = 0
    for post_id, author in rows.all():
        answer = answers[post_id]
        if answer.author.lower() != author:
            continue
        result = await connection.execute(
            insert_into(connection, table)
            .values(account_id=account_id, post_id=post_id, answer_id=answer.id, at=answer.created_at or now)
            .on_conflict_do_nothing()
            .returning(table.c.id)
        )
        noted += len(result.all())
    return noted


async def count(connection: AsyncConnection, account_id: str) -> int:
    """How many of the account's replies were answered by whom they were for."""
    query = select(func.count()).select_from(table).where(table.c.account_id == account_id)
    return int((await connection.execute(query)).scalar_one())
