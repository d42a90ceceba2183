"""Authors whom an account has or may have answered: attempts whose effect is not excluded.

An opportunity is *replied* only once its answer is known to be live. Until then its author may have been
answered all the same, which counts for whoever wants to leave people alone for a while.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Boolean, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.database.repositories.opportunities import Answered
from stonechat.database.schema.tables import CLICKED, content_metadata, post_attempts, reply_opportunities


async def tried(
    connection: AsyncConnection, account_ids: Collection[str], handles: Collection[str], *, since: datetime
) -> list[Answered]:
    """When these accounts began what may have answered these authors, since then."""
    c, author = post_attempts.c, func.lower(reply_opportunities.c.author)
    rows = await connection.execute(
        select(c.account_id, author, reply_opportunities.c.id, c.started_at)
        .join(content_metadata, content_metadata.c.id == c.content_id)
        .join(reply_opportunities, reply_opportunities.c.id == content_metadata.c.opportunity_id)
        .where(
            c.account_id.in_(sorted(account_ids)),
            c.started_at >= since,
            author.in_(sorted({handle.lower() for handle in handles})),
            literal_column(f"({CLICKED})", Boolean()),
        )
    )
    return [Answered(str(row[0]), str(row[1]), str(row[2]), row[3]) for row in rows]
