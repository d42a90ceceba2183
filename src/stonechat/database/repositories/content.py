"""The table ``content_metadata``: every piece of content and each legal change of its state."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Result, Row, bindparam, func, insert, or_, select, union_all, update
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.errors import IllegalTransition
from stonechat.core.ids import fingerprint
from stonechat.core.model import Content, ContentKind
from stonechat.core.states import ContentState
from stonechat.core.texts import canonical
from stonechat.core.transitions import check_transition
from stonechat.database.repositories import state_history
from stonechat.database.repositories.content_rows import content_of, values_of
from stonechat.database.schema.tables import content_metadata as table
from stonechat.database.schema.tables import post_parts


async def add(connection: AsyncConnection, content: Content, *, who: str) -> bool:
    """Store a new piece of content; False where its id is there already (a repeated step)."""
    if await find(connection, content.id) is not None:
        return False
    await connection.execute(insert(table).values(**values_of(content)))
    await state_history.append(
        connection,
        kind="content",
        entity_id=content.id,
        account_id=content.account_id,
        at=content.created_at,
        who=who,
        before="",
        after=content.state.value,
        why=content.why,
    )
    return True


async def find(connection: AsyncConnection, content_id: str, *, lock: bool = False) -> Content | None:
    """The content, or None; with ``lock`` nobody else can change it before this transaction ends."""
    query = select(table).where(table.c.id == content_id)
    row = (await connection.execute(query.with_for_update() if lock else query)).one_or_none()
    return None if row is None else content_of(row)


async def id_of_post(connection: AsyncConnection, post_id: str) -> str | None:
    """The content that is this post on its network, or None."""
    found: str | None = await connection.scalar(select(table.c.id).where(table.c.post_id == post_id))
    return found


async def ids_from(connection: AsyncConnection, beginning: str) -> list[str]:
    """Up to two ids that begin so: whether a beginning names one piece of content."""
    query = select(table.c.id).where(table.c.id.startswith(beginning, autoescape=True)).limit(2)
    return [row[0] for row in await connection.execute(query)]


async def change(
    connection: AsyncConnection,
    content: Content,
    after: ContentState,
    *,
    now: datetime,
    who: str,
    why: str = "",
    **values: Any,
) -> Content:
    """Change the state, compare-and-set on the state and fence that ``content`` carries.

    Args:
        values: further columns to set in the same statement (``due_at``, ``post_id`` …).

    Raises:
        IllegalTransition: the change is not legal, or somebody else changed the row first.
    """
    check_transition(content.state, after)
    row = await _updated(connection, content, state=after.value, state_since=now, why=why, **values)
    if row is None:
        raise IllegalTransition(
            f"Content {content.id} is no longer {content.state.value!r} with fence {content.fence}.",
            meaning="Somebody else has taken it over; this change was refused.",
            remedy="Read the row again before deciding.",
        )
    await state_history.append(
        connection,
        kind="content",
        entity_id=content.id,
        account_id=content.account_id,
        at=now,
        who=who,
        before=content.state.value,
        after=after.value,
        why=why,
    )
    return content_of(row)


async def amend(connection: AsyncConnection, content: Content, **values: Any) -> Content:
    """Set columns without a change of state (text edited, due time moved), under the same guard."""
    if "parts" in values:
        values["parts"] = [canonical(part) for part in values["parts"]]
        values["fingerprint"] = fingerprint(*values["parts"])
    row = await _updated(connection, content, **values)
    if row is None:
        raise IllegalTransition(f"Content {content.id} has changed since it was read.")
    return content_of(row)


async def _updated(connection: AsyncConnection, content: Content, **values: Any) -> Row[Any] | None:
    """The row after the update; None where it no longer has the state and fence that ``content`` carries."""
    result: Result[Any] = await connection.execute(
        update(table)
        .where(
            table.c.id == content.id,
            table.c.state == content.state.value,
            table.c.fence == content.fence,
        )
        .values(**values)
        .returning(table)
    )
    return result.one_or_none()


async def claim(
    connection: AsyncConnection,
    content: Content,
    *,
    now: datetime,
    lease_until: datetime,
    who: str,
    owner: str = "",
) -> Content:
    """``queued → posting`` with a larger fence: whoever held the row before has lost it.

    Args:
        lease_until: real time.
        owner: the run that claims; that same run, resumed after a crash, need not wait for the lease.
    """
    return await change(
        connection,
        content,
        ContentState.POSTING,
        now=now,
        who=who,
        fence=content.fence + 1,
        attempts=content.attempts + 1,
        lease_until=lease_until,
        lease_owner=owner,
    )


async def due(
    connection: AsyncConnection,
    account_id: str,
    now: datetime,
    *,
    after: tuple[datetime, str] | None = None,
    limit: int = 20,
) -> list[Content]:
    """Queued content whose time has come, oldest first; rows that another transaction holds are left out.

    Args:
        after: slot and id of the last one of an earlier page.
    """
    rows = await connection.execute(
        select(table)
        .where(
            table.c.account_id == account_id,
            table.c.state == ContentState.QUEUED.value,
            table.c.due_at <= now,
            or_(table.c.not_before.is_(None), table.c.not_before <= now),
            *_behind(after),
        )
        .order_by(table.c.due_at, table.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [content_of(row) for row in rows]


def _behind(last: tuple[datetime, str] | None) -> Iterator[ColumnElement[bool]]:
    if last is not None:
        slot, content_id = last
        yield table.c.due_at >= slot  # for the index
        yield or_(table.c.due_at > slot, table.c.id > content_id)


async def next_due(
    connection: AsyncConnection, account_id: str, *, after: datetime | None = None
) -> datetime | None:
    """When the next queued content may be tried (its slot, or the end of its back-off), or None.

    Args:
        after: leave out what could have been tried by then.
    """
    queued = select(table.c.due_at, table.c.not_before).where(
        table.c.account_id == account_id, table.c.state == ContentState.QUEUED.value
    )
    direct = queued.where(table.c.not_before.is_(None)).order_by(table.c.due_at).limit(1)
    if after is not None:
        direct = direct.where(table.c.due_at > after)
    plain = (await connection.execute(direct)).first()
    waiting = await connection.execute(
        select(table.c.due_at, table.c.not_before).where(
            table.c.account_id == account_id, _is(ContentState.QUEUED), table.c.not_before.is_not(None)
        )
    )
    delayed = [max(row[0], row[1]) for row in waiting]
    times = [at for at in delayed if after is None or at > after] + ([plain[0]] if plain is not None else [])
    return min(times, default=None)


async def stranded(
    connection: AsyncConnection, account_id: str, wall: datetime, *, owner: str = ""
) -> list[Content]:
    """Content in ``posting`` whose publisher is gone: its lease (real time) ran out, or ``owner`` held it.

    Args:
        owner: the run that asks, where it is resumed after a crash: what it held itself is stranded.
    """
    gone = table.c.lease_until < wall
    if owner:
        gone = or_(gone, table.c.lease_owner == owner)
    rows = await connection.execute(
        select(table)
        .where(table.c.account_id == account_id, table.c.state == ContentState.POSTING.value, gone)
        .order_by(table.c.due_at, table.c.id)
        .with_for_update(skip_locked=True)
    )
    return [content_of(row) for row in rows]


async def in_states(
    connection: AsyncConnection,
    states: Sequence[ContentState],
    *,
    account_id: str | None = None,
    newest_first: bool = False,
    limit: int = 200,
) -> list[Content]:
    """Content in any of ``states``, by due time.

    Each state is read by itself along its index, so that the many rows of one (published long ago) need not
    be sorted to find the first few of all.
    """
    first = []
    for state in dict.fromkeys(states):
        one = select(table.c.id, table.c.due_at).where(table.c.state == state.value)
        if account_id is not None:
            one = one.where(table.c.account_id == account_id)
        first.append(select(one.order_by(*_by_time(table.c, newest_first)).limit(limit).subquery()))
    if not first:
        return []
    every = union_all(*first).subquery()
    chosen = select(every.c.id).order_by(*_by_time(every.c, newest_first)).limit(limit)
    rows = await connection.execute(
        select(table).where(table.c.id.in_(chosen)).order_by(*_by_time(table.c, newest_first))
    )
    return [content_of(row) for row in rows]


def _by_time(columns: Any, newest_first: bool) -> tuple[Any, Any]:
    if newest_first:
        return columns.due_at.desc(), columns.id.desc()
    return columns.due_at, columns.id


async def posted_since(connection: AsyncConnection, account_id: str, since: datetime) -> list[Content]:
    """What went live at or after ``since``, oldest first."""
    rows = await connection.execute(
        select(table)
        .where(
            table.c.account_id == account_id,
            table.c.state == ContentState.POSTED.value,
            table.c.posted_at >= since,
        )
        .order_by(table.c.posted_at)
    )
    return [content_of(row) for row in rows]


async def recent_texts(connection: AsyncConnection, account_id: str, *, limit: int = 500) -> list[str]:
    """Texts (parts joined by a blank line) that were, are or will be published, newest first."""
    dead = [ContentState.REJECTED.value, ContentState.CANCELLED.value, ContentState.MISSED.value]
    rows = await connection.execute(
        select(table.c.parts)
        .where(table.c.account_id == account_id, table.c.state.not_in(dead))
        .order_by(table.c.created_at.desc())
        .limit(limit)
    )
    return ["\n\n".join(row[0]) for row in rows]


async def queued_times(
    connection: AsyncConnection, account_ids: Collection[str], after: datetime
) -> dict[str, list[datetime]]:
    """By account the slots still to come, soonest first: a post that is moved must not land on one of them.

    Each account is read by itself along the index, and no further than its first 200.
    """
    found: dict[str, list[datetime]] = {account_id: [] for account_id in sorted(account_ids)}
    each = [
        select(
            select(table.c.account_id, table.c.due_at)
            .where(
                table.c.account_id == account_id,
                table.c.state == ContentState.QUEUED.value,
                table.c.due_at > after,
            )
            .order_by(table.c.due_at)
            .limit(200)
            .subquery()
        )
        for account_id in found
    ]
    for account_id, due_at in await connection.execute(union_all(*each)) if each else ():
        found[account_id].append(due_at)
    return {account_id: sorted(times) for account_id, times in found.items()}


async def awaiting_since(
    connection: AsyncConnection, account_id: str, *, older_than: datetime, due_by: datetime
) -> list[Content]:
    """Content that has waited for approval since before ``older_than`` and was due by ``due_by``."""
    rows = await connection.execute(
        select(table)
        .where(
            table.c.account_id == account_id,
            table.c.state == ContentState.AWAITING_APPROVAL.value,
            table.c.state_since < older_than,
            table.c.due_at <= due_by,
        )
        .with_for_update(skip_locked=True)
    )
    return [content_of(row) for row in rows]


async def unapproved(
    connection: AsyncConnection, account_id: str, kinds: Collection[ContentKind]
) -> list[Content]:
    """Queued content of these kinds that nobody has approved and of which nothing is live."""
    live = select(post_parts.c.content_id).where(post_parts.c.content_id == table.c.id).exists()
    rows = await connection.execute(
        select(table)
        .where(
            table.c.account_id == account_id,
            table.c.state == ContentState.QUEUED.value,
            table.c.kind.in_(sorted(kind.value for kind in kinds)),
            table.c.approved_by.is_(None),
            ~live,
        )
        .with_for_update(skip_locked=True)
    )
    return [content_of(row) for row in rows]


async def count_by_state(connection: AsyncConnection, account_id: str | None = None) -> dict[str, int]:
    """How many pieces of content are in each state, of all accounts or of one."""
    query = select(table.c.state, func.count()).group_by(table.c.state)
    if account_id is not None:
        query = query.where(table.c.account_id == account_id)
    rows = await connection.execute(query)
    return {row[0]: int(row[1]) for row in rows}


async def count_of_each(
    connection: AsyncConnection, states: Sequence[ContentState]
) -> dict[str, dict[str, int]]:
    """By account, how many pieces of content are in each of these states; none where there are none.

    To count what is published for ever takes the longer the more there is: ask for what passes.
    """
    c = table.c
    query = select(c.account_id, c.state, func.count()).where(c.state.in_([one.value for one in states]))
    found: dict[str, dict[str, int]] = {}
    for account_id, state, count in await connection.execute(query.group_by(c.account_id, c.state)):
        found.setdefault(account_id, {})[state] = int(count)
    return found


def _is(state: ContentState) -> ColumnElement[bool]:
    """The state, written into the statement: a partial index is only used where its condition can be seen."""
    return table.c.state == bindparam("is_state", state.value, literal_execute=True)
