"""The table ``reply_opportunities``, and the authors that are watched or have opted out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, case, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.errors import IllegalTransition
from stonechat.core.model import Metrics, Opportunity
from stonechat.core.states import OpportunityState
from stonechat.core.transitions import check_transition
from stonechat.database.repositories import state_history
from stonechat.database.schema.inserting import insert_into
from stonechat.database.schema.tables import content_metadata, watched_authors
from stonechat.database.schema.tables import reply_opportunities as table


async def add(connection: AsyncConnection, found: Iterable[Opportunity]) -> int:
    """Store new opportunities; a post that is there already is left as it stands. Returns how many."""
    stored = 0
    for one in found:
        result = await connection.execute(
            insert_into(connection, table)
            .values(
                id=one.id,
                account_id=one.account_id,
                post_id=one.post_id,
                author=one.author,
                text=one.text,
                url=one.url,
                posted_at=one.posted_at,
                found_at=one.found_at,
                state=one.state.value,
                state_since=one.found_at,
                source=one.source,
                invited=one.invited,
                score=one.score,
                likes=one.metrics.likes,
                reposts=one.metrics.reposts,
                replies=one.metrics.replies,
                views=one.metrics.views,
                conversation_id=one.conversation_id,
            )
            .on_conflict_do_nothing()
            .returning(table.c.id)
        )
        stored += len(result.all())
    return stored


async def find(connection: AsyncConnection, opportunity_id: str) -> Opportunity | None:
    """The opportunity, or None."""
    row = (await connection.execute(select(table).where(table.c.id == opportunity_id))).one_or_none()
    return None if row is None else opportunity_of(row)


async def authors(connection: AsyncConnection, opportunity_ids: Collection[str]) -> dict[str, str]:
    """Who wrote the posts of these opportunities, by the opportunity's id."""
    rows = await connection.execute(
        select(table.c.id, table.c.author).where(table.c.id.in_(list(opportunity_ids)))
    )
    return {str(row[0]): str(row[1]) for row in rows}


async def best(
    connection: AsyncConnection,
    account_id: str,
    *,
    invited_only: bool,
    posted_after: datetime,
    limit: int = 10,
) -> list[Opportunity]:
    """Open opportunities, best score first."""
    query = select(table).where(
        table.c.account_id == account_id,
        table.c.state == OpportunityState.FOUND.value,
        table.c.posted_at >= posted_after,
    )
    if invited_only:
        query = query.where(table.c.invited)
    rows = await connection.execute(
        query.order_by(table.c.score.desc(), table.c.id).limit(limit).with_for_update(skip_locked=True)
    )
    return [opportunity_of(row) for row in rows]


async def change(
    connection: AsyncConnection,
    one: Opportunity,
    after: OpportunityState,
    *,
    now: datetime,
    who: str,
    why: str = "",
) -> None:
    """Change the state, compare-and-set.

    Raises:
        IllegalTransition: not legal, or somebody else was first.
    """
    check_transition(one.state, after)
    result = await connection.execute(
        update(table)
        .where(table.c.id == one.id, table.c.state == one.state.value)
        .values(state=after.value, state_since=now)
    )
    if result.rowcount != 1:
        raise IllegalTransition(f"Opportunity {one.id} is no longer {one.state.value!r}.")
    await state_history.append(
        connection,
        kind="opportunity",
        entity_id=one.id,
        account_id=one.account_id,
        at=now,
        who=who,
        before=one.state.value,
        after=after.value,
        why=why,
    )


async def expire(
    connection: AsyncConnection, account_id: str, *, posted_before: datetime, now: datetime
) -> int:
    """``found → expired`` for all that are too old; returns how many."""
    rows = await connection.execute(
        select(table).where(
            table.c.account_id == account_id,
            table.c.state == OpportunityState.FOUND.value,
            table.c.posted_at < posted_before,
        )
    )
    stale = [opportunity_of(row) for row in rows]
    for one in stale:
        await change(
            connection, one, OpportunityState.EXPIRED, now=now, who="harvesting", why="no longer fresh"
        )
    return len(stale)


async def in_state(
    connection: AsyncConnection,
    account_id: str,
    state: OpportunityState,
    *,
    before: datetime | None = None,
    limit: int = 100,
) -> list[Opportunity]:
    """Opportunities in a state (since ``before`` or longer), best score first."""
    query = select(table).where(table.c.account_id == account_id, table.c.state == state.value)
    if before is not None:
        query = query.where(table.c.state_since <= before)
    rows = await connection.execute(query.order_by(table.c.score.desc(), table.c.id).limit(limit))
    return [opportunity_of(row) for row in rows]


async def pool_size(connection: AsyncConnection, account_id: str) -> int:
    """How many opportunities are open."""
    query = (
        select(func.count())
        .select_from(table)
        .where(table.c.account_id == account_id, table.c.state == OpportunityState.FOUND.value)
    )
    return int((await connection.execute(query)).scalar_one())


async def pool_sizes(connection: AsyncConnection) -> dict[str, int]:
    """How many opportunities are open, by account, also 0; accounts that never had one are absent."""
    is_open = case((table.c.state == OpportunityState.FOUND.value, 1), else_=0)
    rows = await connection.execute(
        select(table.c.account_id, func.sum(is_open)).group_by(table.c.account_id)
    )
    return {row[0]: int(row[1]) for row in rows}


async def written_to(connection: AsyncConnection, opportunity_id: str) -> bool:
    """Whether any content answers or quotes this opportunity's post."""
    content = content_metadata.c
    query = select(content.id).where(content.opportunity_id == opportunity_id).limit(1)
    return (await connection.execute(query)).first() is not None


async def replied_since(connection: AsyncConnection, account_id: str, author: str, since: datetime) -> bool:
    """Whether this author was answered, or an answer is under way, since then."""
    busy: Sequence[str] = (OpportunityState.CLAIMED.value, OpportunityState.REPLIED.value)
    query = select(table.c.id).where(
        table.c.account_id == account_id,
        table.c.author == author,
        table.c.state.in_(busy),
        table.c.state_since >= since,
    )
    return (await connection.execute(query.limit(1))).first() is not None


@dataclass(frozen=True, slots=True)
class Answered:
    """An author (in lower case) whom an account has answered, by which opportunity and when."""

    account_id: str
    author: str
    opportunity_id: str
    at: datetime


async def answered(
    connection: AsyncConnection, account_ids: Collection[str], handles: Collection[str], *, since: datetime
) -> list[Answered]:
    """When these authors were answered since then by these accounts."""
    c = table.c
    folded = sorted({handle.lower() for handle in handles})
    rows = await connection.execute(
        select(c.account_id, func.lower(c.author), c.id, c.state_since).where(
            c.account_id.in_(sorted(account_ids)),
            func.lower(c.author).in_(folded),
            c.state == OpportunityState.REPLIED.value,
            c.state_since >= since,
        )
    )
    return [Answered(str(row[0]), str(row[1]), str(row[2]), row[3]) for row in rows]


async def opt_out(connection: AsyncConnection, account_id: str, handle: str, *, now: datetime) -> bool:
    """Remember that an author wants no automated replies, watched before or not; False where it was known."""
    await watch_author(connection, account_id, handle, found_at=now, followers=None, score=0.0)
    changed = await connection.execute(
        update(watched_authors)
        .where(watched_authors.c.account_id == account_id, watched_authors.c.handle == handle)
        .where(~watched_authors.c.opted_out)
        .values(opted_out=True)
    )
    return changed.rowcount > 0


async def opt_in(connection: AsyncConnection, account_id: str, handle: str) -> bool:
    """Forget that an author wants no automated replies, however the handle is spelt; False where none did."""
    out = select(watched_authors.c.handle).where(
        watched_authors.c.account_id == account_id, watched_authors.c.opted_out
    )
    spelt = [row[0] for row in await connection.execute(out) if row[0].casefold() == handle.casefold()]
    await connection.execute(
        update(watched_authors)
        .where(watched_authors.c.account_id == account_id, watched_authors.c.handle.in_(spelt))
        .values(opted_out=False)
    )
    return bool(spelt)


async def authors_seen(
    connection: AsyncConnection, account_id: str, *, since: datetime, limit: int
) -> list[tuple[str, float]]:
    """Authors of opportunities found since then and not watched yet, with their summed score, best first."""
    known = select(watched_authors.c.handle).where(watched_authors.c.account_id == account_id)
    total = func.sum(table.c.score)
    rows = await connection.execute(
        select(table.c.author, total)
        .where(table.c.account_id == account_id, table.c.found_at >= since, table.c.author.not_in(known))
        .group_by(table.c.author)
        .order_by(total.desc(), table.c.author)
        .limit(limit)
    )
    return [(str(row[0]), float(row[1])) for row in rows]


async def known_posts(connection: AsyncConnection, account_id: str, post_ids: Sequence[str]) -> set[str]:
    """Which of these posts were found before, whatever became of them."""
    rows = await connection.execute(
        select(table.c.post_id).where(table.c.account_id == account_id, table.c.post_id.in_(list(post_ids)))
    )
    return {str(row[0]) for row in rows}


async def conversations(
    connection: AsyncConnection, account_id: str, conversation_ids: Collection[str]
) -> set[tuple[str, str]]:
    """``(conversation, author in lower case)`` of those that are open or were answered, among these."""
    over = (OpportunityState.SKIPPED.value, OpportunityState.EXPIRED.value)
    rows = await connection.execute(
        select(table.c.conversation_id, func.lower(table.c.author)).where(
            table.c.account_id == account_id,
            table.c.conversation_id.in_(sorted(conversation_ids)),
            table.c.state.not_in(over),
        )
    )
    return {(str(row[0]), str(row[1])) for row in rows}


async def watch_author(
    connection: AsyncConnection,
    account_id: str,
    handle: str,
    *,
    found_at: datetime,
    followers: int | None,
    score: float,
) -> bool:
    """Remember an author worth watching; False where already known."""
    result = await connection.execute(
        insert_into(connection, watched_authors)
        .values(
            account_id=account_id,
            handle=handle,
            found_at=found_at,
            followers=followers,
            score=score,
            opted_out=False,
        )
        .on_conflict_do_nothing()
        .returning(watched_authors.c.handle)
    )
    return bool(result.all())


async def watched(connection: AsyncConnection, account_id: str, *, limit: int = 50) -> list[str]:
    """Handles of watched authors who have not opted out, best first."""
    rows = await connection.execute(
        select(watched_authors.c.handle)
        .where(watched_authors.c.account_id == account_id, ~watched_authors.c.opted_out)
        .order_by(watched_authors.c.score.desc())
        .limit(limit)
    )
    return [str(row[0]) for row in rows]


async def opted_out(connection: AsyncConnection, account_id: str) -> set[str]:
    """Handles, in lower case, that want no automated replies."""
    return {handle for _, handle in await opted_out_of(connection, [account_id])}


@dataclass(frozen=True, slots=True)
class MutedAuthor:
    """Somebody whom an account never answers or quotes."""

    account_id: str
    handle: str


async def muted(connection: AsyncConnection) -> list[MutedAuthor]:
    """Who wants no automated replies, or was muted by hand, by account and handle."""
    c = watched_authors.c
    rows = await connection.execute(
        select(c.account_id, c.handle).where(c.opted_out).order_by(c.account_id, c.handle)
    )
    return [MutedAuthor(str(row[0]), str(row[1])) for row in rows]


async def opted_out_of(connection: AsyncConnection, account_ids: Collection[str]) -> set[tuple[str, str]]:
    """``(account, handle in lower case)`` of those who want no automated replies of these accounts."""
    rows = await connection.execute(
        select(watched_authors.c.account_id, watched_authors.c.handle).where(
            watched_authors.c.account_id.in_(sorted(account_ids)), watched_authors.c.opted_out
        )
    )
    return {(str(row[0]), str(row[1]).casefold()) for row in rows}


def opportunity_of(row: Row[Any]) -> Opportunity:
    """A row as a value."""
    return Opportunity(
        id=row.id,
        account_id=row.account_id,
        post_id=row.post_id,
        author=row.author,
        text=row.text,
        url=row.url,
        posted_at=row.posted_at,
        found_at=row.found_at,
        state=OpportunityState(row.state),
        source=row.source,
        invited=row.invited,
        score=row.score,
        metrics=Metrics(likes=row.likes, reposts=row.reposts, replies=row.replies, views=row.views),
        conversation_id=row.conversation_id,
        thread=tuple(row.thread or ()),
    )
