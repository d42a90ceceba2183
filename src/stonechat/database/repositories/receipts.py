"""Attempts and receipts: the two commits that bracket every effect on the outside."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Boolean, ColumnElement, func, insert, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.ids import fingerprint, stable_id
from stonechat.core.model import Content, ContentKind
from stonechat.core.states import ContentState
from stonechat.database.repositories.content_rows import content_of
from stonechat.database.schema.inserting import insert_into
from stonechat.database.schema.tables import CLICKED, content_metadata, post_attempts, post_parts


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at publishing.

    ``outcome`` is None while it is in flight or its process died, else one of:

    - ``posted``; ``partial``: the leading parts are live, and then the network said no;
    - ``unconfirmed``: clicked, and nobody knows; ``duplicate``: the network says that it has the text;
    - ``absent``: clicked, and (the rest of it) proven not to be live;
    - ``declined``: clicked, and the network said no;
    - ``refused``: ended before the click; ``unreached``: before it came to the network; ``rehearsed``.

    Attributes:
        parts_from: number of the first part that this try sent.
        started_wall: real time, which grace periods are counted in.
        ended_wall: real time; None where it is in flight or its process died.
    """

    id: str
    content_id: str
    account_id: str
    number: int
    fence: int
    fingerprint: str
    parts_from: int
    started_at: datetime
    started_wall: datetime
    outcome: str | None
    detail: str
    ended_wall: datetime | None = None
    host: str = ""

    @property
    def clicked(self) -> bool:
        """Whether the click was made, or may have been."""
        return self.outcome not in ("refused", "unreached", "rehearsed")

    @property
    def open(self) -> bool:
        """Whether nobody knows what became of it."""
        return self.outcome in (None, "unconfirmed", "duplicate")


@dataclass(frozen=True, slots=True)
class AttemptedEffect:
    """A click, or what may have been one: what limits are counted from.

    Attributes:
        kind: the content's kind.
        at: account time at which the intent was committed.
    """

    account_id: str
    content_id: str
    kind: str
    at: datetime


async def begin(
    connection: AsyncConnection,
    content: Content,
    *,
    parts_from: int,
    host: str,
    now: datetime,
    wall: datetime,
) -> str:
    """Write the intent; to be committed before the click. Returns the attempt's id."""
    attempt_id = stable_id("attempt", content.id, str(content.attempts))
    await connection.execute(
        insert(post_attempts).values(
            id=attempt_id,
            content_id=content.id,
            account_id=content.account_id,
            number=content.attempts,
            fence=content.fence,
            fingerprint=fingerprint(*content.parts),
            parts_from=parts_from,
            host=host,
            started_at=now,
            started_wall=wall,
        )
    )
    return attempt_id


async def end(
    connection: AsyncConnection,
    attempt_id: str,
    *,
    outcome: str,
    detail: str,
    now: datetime,
    wall: datetime | None = None,
) -> None:
    """Write how it went.

    Args:
        wall: real time of the end, where the publisher itself saw it; None where it was inferred.
    """
    await connection.execute(
        update(post_attempts)
        .where(post_attempts.c.id == attempt_id)
        .values(outcome=outcome, detail=detail, ended_at=now, ended_wall=wall)
    )


async def effects(
    connection: AsyncConnection, account_ids: Collection[str], since: datetime
) -> list[AttemptedEffect]:
    """Clicks of these accounts since then, and what may have been some, oldest first.

    Intents are committed before the click, so a count over them holds across restarts and hosts.
    """
    tries = post_attempts.c
    rows = await connection.execute(
        select(tries.account_id, tries.content_id, content_metadata.c.kind, tries.started_at)
        .join(content_metadata, content_metadata.c.id == tries.content_id)
        .where(tries.account_id.in_(sorted(account_ids)), tries.started_at >= since, _clicked())
        .order_by(tries.started_at)
    )
    return [AttemptedEffect(str(row[0]), str(row[1]), str(row[2]), row[3]) for row in rows]


async def published_since(connection: AsyncConnection, account_id: str, since: datetime) -> bool:
    """Whether any try of the account that began after ``since`` ended in a post."""
    query = select(post_attempts.c.id).where(
        post_attempts.c.account_id == account_id,
        post_attempts.c.started_at > since,
        post_attempts.c.outcome == "posted",
    )
    return (await connection.execute(query.limit(1))).first() is not None


async def all_effects(connection: AsyncConnection, account_id: str, *, up_to: int) -> set[str]:
    """Ids of posts (replies apart) that were clicked or may have been, ever.

    Args:
        up_to: no more than so many; who has a limit need not know by how much it is passed.
    """
    rows = await connection.execute(
        select(post_attempts.c.content_id)
        .distinct()
        .join(content_metadata, content_metadata.c.id == post_attempts.c.content_id)
        .where(
            post_attempts.c.account_id == account_id,
            content_metadata.c.kind != ContentKind.REPLY.value,
            _clicked(),
        )
        .limit(up_to)
    )
    return {str(row[0]) for row in rows}


def _clicked() -> ColumnElement[bool]:
    """The condition of ``ix_attempts_clicked``, word for word: only then is the index used."""
    return literal_column(f"({CLICKED})", Boolean())


async def attempts(connection: AsyncConnection, content_id: str) -> list[Attempt]:
    """Every try, oldest first."""
    return (await attempts_of(connection, [content_id])).get(content_id, [])


async def attempts_of(connection: AsyncConnection, content_ids: Collection[str]) -> dict[str, list[Attempt]]:
    """Every try of each of these, oldest first; those without any are absent."""
    rows = await connection.execute(
        select(post_attempts)
        .where(post_attempts.c.content_id.in_(sorted(content_ids)))
        .order_by(post_attempts.c.number)
    )
    found: dict[str, list[Attempt]] = {}
    for row in rows:
        one = Attempt(
            row.id,
            row.content_id,
            row.account_id,
            row.number,
            row.fence,
            row.fingerprint,
            row.parts_from,
            row.started_at,
            row.started_wall,
            row.outcome,
            row.detail,
            row.ended_wall,
            row.host,
        )
        found.setdefault(one.content_id, []).append(one)
    return found


async def confirm_parts(
    connection: AsyncConnection, content: Content, post_ids: Mapping[int, str], *, now: datetime
) -> bool:
    """Write the receipts of parts, by number; one that is there already stays. True where all are new."""
    if not post_ids:
        return True
    rows = [
        {
            "content_id": content.id,
            "number": number,
            "account_id": content.account_id,
            "post_id": post_id,
            "confirmed_at": now,
        }
        for number, post_id in post_ids.items()
    ]
    added = await connection.execute(
        insert_into(connection, post_parts).values(rows).on_conflict_do_nothing()
    )
    return added.rowcount == len(rows)


async def confirmed_parts(connection: AsyncConnection, content_id: str) -> dict[int, str]:
    """The network's ids of the parts known to be live, by part number."""
    rows = await connection.execute(
        select(post_parts.c.number, post_parts.c.post_id).where(post_parts.c.content_id == content_id)
    )
    return {int(row[0]): str(row[1]) for row in rows}


async def count_parts(connection: AsyncConnection, content_ids: Collection[str]) -> dict[str, int]:
    """How many parts of each of these are known to be live; those without any are absent."""
    rows = await connection.execute(
        select(post_parts.c.content_id, func.count())
        .where(post_parts.c.content_id.in_(list(content_ids)))
        .group_by(post_parts.c.content_id)
    )
    return {str(row[0]): int(row[1]) for row in rows}


async def known_among(connection: AsyncConnection, account_id: str, post_ids: Iterable[str]) -> set[str]:
    """Which of these ids on the network belong to our content."""
    rows = await connection.execute(
        select(post_parts.c.post_id).where(
            post_parts.c.account_id == account_id, post_parts.c.post_id.in_(list(post_ids))
        )
    )
    return {str(row[0]) for row in rows}


@dataclass(frozen=True, slots=True)
class LivePost:
    """A post of ours that is on the network; ``number`` is its part, 0 for the first."""

    post_id: str
    content_id: str
    kind: str
    number: int
    posted_at: datetime
    confirmed_at: datetime


async def live_since(connection: AsyncConnection, account_id: str, since: datetime) -> list[LivePost]:
    """Our parts of content that went live at or after ``since``, newest first."""
    rows = await connection.execute(
        select(
            post_parts.c.post_id,
            post_parts.c.content_id,
            content_metadata.c.kind,
            post_parts.c.number,
            content_metadata.c.posted_at,
            post_parts.c.confirmed_at,
        )
        .join(content_metadata, content_metadata.c.id == post_parts.c.content_id)
        .where(
            content_metadata.c.account_id == account_id,
            content_metadata.c.state == ContentState.POSTED.value,
            content_metadata.c.posted_at >= since,
        )
        .order_by(content_metadata.c.posted_at.desc(), post_parts.c.number)
    )
    return [LivePost(str(row[0]), str(row[1]), str(row[2]), int(row[3]), row[4], row[5]) for row in rows]


async def rehearsed(
    connection: AsyncConnection, *, account_id: str | None = None, limit: int = 50
) -> list[Content]:
    """What shadow mode went through without the final click, newest first."""
    tried = select(post_attempts.c.id).where(
        post_attempts.c.content_id == content_metadata.c.id, post_attempts.c.outcome == "rehearsed"
    )
    query = select(content_metadata).where(
        content_metadata.c.state == ContentState.CANCELLED.value, tried.exists()
    )
    if account_id is not None:
        query = query.where(content_metadata.c.account_id == account_id)
    rows = await connection.execute(
        query.order_by(content_metadata.c.due_at.desc(), content_metadata.c.id).limit(limit)
    )
    return [content_of(row) for row in rows]
