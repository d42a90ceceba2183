"""What is kept for how long, and forgetting the rest in small steps that keep nobody waiting.

History and receipts of posts, the content itself, the reward log and the models are kept for ever. Every
other family that grows has a duration in the settings (``KEEP_…``). Of a post's metrics all readings are
kept while they can still teach something, then the last of each day, in the end the last of all.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from stonechat.config.settings import RetentionSettings
from stonechat.core.clock import Clock
from stonechat.core.model import ContentKind
from stonechat.core.states import AlertState, OpportunityState, RunState
from stonechat.database.engine import Database
from stonechat.database.schema import (
    account_metrics,
    alerts,
    audit,
    budget_entries,
    budget_marks,
    content_metadata,
    job_runs,
    job_steps,
    metrics_snapshots,
    outbox,
    rejected_drafts,
    reply_opportunities,
    reserve_drafts,
    rewards,
    state_history,
)

BATCH = 500
"""Rows that are deleted together: milliseconds in which SQLite's one writer is ours."""

WINDOW = 20_000
"""Ids that are looked through together, so that a look is short on a large table too."""

PATIENCE = timedelta(days=7)
"""For so long after its maturity a post may still be judged (account time): its readings stay."""

BREATH = timedelta(milliseconds=20)
"""Real time between two batches, in which whoever waits to write does."""


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of rows that are kept for a time.

    Attributes:
        name: as ``stonechat db prune`` prints it.
        policy: the setting that decides.
        key: the column by which its rows are deleted.
        old: which rows may go.
        also: another table whose rows go with them, by a column that holds the same key.
    """

    name: str
    policy: str
    key: sa.Column[Any]
    old: ColumnElement[bool]
    also: tuple[sa.Column[Any], ...] = ()

    @property
    def table(self) -> sa.Table:
        """Where the rows are."""
        return self.key.table

    @property
    def numbered(self) -> bool:
        """Whether its rows have ascending numbers, so that they can be looked through in windows."""
        return isinstance(self.key.type, sa.Integer)


@dataclass(frozen=True, slots=True)
class Pruned:
    """What happened to one family.

    Attributes:
        rows: how many went, or would go.
        batches: in how many transactions.
        longest: the longest of them (real time).
    """

    family: str
    policy: str
    table: str
    rows: int
    batches: int = 0
    longest: timedelta = timedelta()


def families(keep: RetentionSettings, clock: Clock, dialect: str, *, maturity: timedelta) -> list[Family]:
    """Every family and which of its rows may go now.

    Args:
        maturity: the age (account time) at which learning judges a post.
    """
    now, wall = clock.now(), clock.wall()
    ended = [s.value for s in RunState if s not in (RunState.SCHEDULED, RunState.RUNNING)]
    runs, history, opportunity = job_runs.c, state_history.c, reply_opportunities.c
    quiet = (AlertState.RESOLVED.value, AlertState.INACTIVE.value)
    closed = (OpportunityState.SKIPPED.value, OpportunityState.EXPIRED.value)
    young = maturity + PATIENCE
    full = now - max(keep.metrics_full, young)
    return [
        Family(
            "runs of jobs and their steps",
            "KEEP_RUNS",
            runs.run_id,
            runs.state.in_(ended) & (runs.state_since < wall - keep.runs) & _has_a_newer_run(),
            (job_steps.c.run_id,),
        ),
        Family(
            "history of runs",
            "KEEP_RUNS",
            history.id,
            (history.kind == "run") & (history.at < wall - keep.runs) & _not_the_last_line(),
        ),
        Family(
            "history of sessions, breakers, alerts, switches and opportunities",
            "KEEP_HISTORY",
            history.id,
            history.kind.not_in(("content", "run"))
            & (history.at < now - keep.history)
            & _not_the_last_line(),
        ),
        Family(
            "readings of posts: one a day",
            "KEEP_METRICS_FULL",
            metrics_snapshots.c.id,
            _judged(full) & _has_a_later_reading(metrics_snapshots, dialect, same_day=True),
        ),
        Family(
            "readings of posts: the last",
            "KEEP_METRICS",
            metrics_snapshots.c.id,
            _judged(now - max(keep.metrics, keep.metrics_full, young))
            & _has_a_later_reading(metrics_snapshots, dialect, same_day=False),
        ),
        Family(
            "readings of accounts: one a day",
            "KEEP_METRICS_FULL",
            account_metrics.c.id,
            (account_metrics.c.captured_at < now - keep.metrics_full)
            & _has_a_later_reading(account_metrics, dialect, same_day=True),
        ),
        Family(
            "rejected drafts", "KEEP_DRAFTS", rejected_drafts.c.id, rejected_drafts.c.at < now - keep.drafts
        ),
        Family(
            "drafts that left the reserve",
            "KEEP_DRAFTS",
            reserve_drafts.c.id,
            reserve_drafts.c.drawn_at < now - keep.drafts,
        ),
        Family(
            "opportunities not taken",
            "KEEP_OPPORTUNITIES",
            opportunity.id,
            opportunity.state.in_(closed) & (opportunity.state_since < now - keep.opportunities) & _unused(),
        ),
        Family("messages sent", "KEEP_ALERTS", outbox.c.id, outbox.c.sent_at < wall - keep.alerts),
        Family(
            "alerts resolved",
            "KEEP_ALERTS",
            alerts.c.id,
            alerts.c.state.in_(quiet) & (alerts.c.state_since < wall - keep.alerts) & _unsilenced(wall),
        ),
        Family("audit trail", "KEEP_AUDIT", audit.c.id, audit.c.at < now - keep.audit),
        Family(
            "calls of models paid for",
            "KEEP_COSTS",
            budget_entries.c.id,
            budget_entries.c.settled_at.is_not(None) & (budget_entries.c.reserved_at < now - keep.costs),
        ),
        Family("marks of budgets", "KEEP_COSTS", budget_marks.c.period, budget_marks.c.at < now - keep.costs),
    ]


class Retention:
    """Forgets what the policy lets go, or counts it.

    Args:
        maturity: see :func:`families`.
    """

    def __init__(
        self, database: Database, clock: Clock, keep: RetentionSettings, *, maturity: timedelta
    ) -> None:
        self._database = database
        self._clock = clock
        self._keep = keep
        self._maturity = maturity

    def families(self) -> list[Family]:
        """Every family, with what may go of it now."""
        return families(self._keep, self._clock, self._database.dialect, maturity=self._maturity)

    async def count(self) -> list[Pruned]:
        """How much would go; nothing is changed.

        Raises:
            Transient: the database is away.
        """
        return [await self._walk(family, self._nothing) for family in self.families()]

    async def prune(self, told: Callable[[Pruned], None] | None = None) -> list[Pruned]:
        """Forget what may go, a batch at a time; a crash in between leaves the rest for the next time.

        Raises:
            Transient: the database is away; what was forgotten until then is.
        """
        done = []
        for family in self.families():
            pruned = await self._walk(family, self._delete)
            done.append(pruned)
            if told is not None:
                told(pruned)
        return done

    async def _walk(
        self, family: Family, act: Callable[[Family, Sequence[Any]], Awaitable[tuple[int, timedelta]]]
    ) -> Pruned:
        rows, batches, longest = 0, 0, timedelta()
        async for keys in self._found(family):
            gone, took = await act(family, keys)
            rows, batches, longest = rows + gone, batches + bool(took), max(longest, took)
        return Pruned(family.name, family.policy, family.table.name, rows, batches, longest)

    async def _found(self, family: Family) -> AsyncIterator[list[Any]]:
        """Keys that may go, ``BATCH`` at a time, in their order: nothing is looked at twice."""
        table, key = family.table, family.key
        last, end = None, None
        if family.numbered:
            async with self._database.read("retention.look") as connection:
                low, high = (await connection.execute(sa.select(sa.func.min(key), sa.func.max(key)))).one()
            if high is None:
                return
            last, end = int(low) - 1, int(high)
        while True:
            query = sa.select(key).select_from(table).where(family.old).order_by(key).limit(BATCH).distinct()
            if last is not None:
                query = query.where(key > last)
            until = None if end is None or last is None else last + WINDOW
            if until is not None:
                query = query.where(key <= until)
            async with self._database.read("retention.look") as connection:
                keys = [row[0] for row in await connection.execute(query)]
            if keys:
                yield keys
                last = keys[-1]
            if len(keys) < BATCH:
                if until is None or end is None or until >= end:
                    return
                last = until

    async def _nothing(self, family: Family, keys: Sequence[Any]) -> tuple[int, timedelta]:
        count = sa.select(sa.func.count()).select_from(family.table)
        async with self._database.read("retention.look") as connection:
            found = await connection.execute(count.where(family.key.in_(keys) & family.old))
        return int(found.scalar_one()), timedelta()

    async def _delete(self, family: Family, keys: Sequence[Any]) -> tuple[int, timedelta]:
        began = self._clock.monotonic()
        async with self._database.begin("retention.prune") as connection:
            # the condition again: what changed since the look stays
            which = family.key.in_(keys) & family.old
            gone = [row[0] for row in await connection.execute(sa.select(family.key).where(which))]
            for column in family.also:
                await connection.execute(sa.delete(column.table).where(column.in_(gone)))
            deleted = await connection.execute(
                sa.delete(family.table).where(family.key.in_(gone) & family.old)
            )
        took = timedelta(seconds=self._clock.monotonic() - began)
        await self._clock.sleep_real(BREATH)
        return int(deleted.rowcount), took


def _has_a_newer_run() -> ColumnElement[bool]:
    """The newest tick and the newest end of each job and account stay: the schedule goes on from there."""
    run = job_runs.c
    later = job_runs.alias("later")
    later_tick = sa.exists().where(
        later.c.job == run.job,
        later.c.account_id.is_not_distinct_from(run.account_id),
        later.c.trigger == "schedule",
        later.c.tick > run.tick,
    )
    ended_later = sa.exists().where(
        later.c.job == run.job,
        later.c.account_id.is_not_distinct_from(run.account_id),
        later.c.ended_at > run.ended_at,
    )
    return ((run.trigger != "schedule") | later_tick) & (run.ended_at.is_(None) | ended_later)


def _not_the_last_line() -> ColumnElement[bool]:
    """Numbers of the history only grow (fencing tokens begin there): the largest stays."""
    every = state_history.alias("every")
    return state_history.c.id < sa.select(sa.func.max(every.c.id)).scalar_subquery()


def _judged(before: datetime) -> ColumnElement[bool]:
    """Readings from before then of posts that have their line in the reward log, or never get one."""
    shot, post = metrics_snapshots.c, content_metadata.c
    judged = sa.exists().where(rewards.c.account_id == post.account_id, rewards.c.post_id == post.post_id)
    waits = sa.exists().where(
        post.account_id == shot.account_id,
        post.post_id == shot.post_id,
        post.kind != ContentKind.REPLY.value,
        ~judged,
    )
    return (shot.captured_at < before) & ~waits


def _has_a_later_reading(table: sa.Table, dialect: str, *, same_day: bool) -> ColumnElement[bool]:
    later = table.alias("later")
    which = [later.c.account_id == table.c.account_id, later.c.captured_at > table.c.captured_at]
    if "post_id" in table.c:
        which.append(later.c.post_id == table.c.post_id)
    if same_day:
        which.append(_day(later.c.captured_at, dialect) == _day(table.c.captured_at, dialect))
    return sa.exists().where(*which)


def _day(column: Any, dialect: str) -> ColumnElement[Any]:
    """The day in UTC."""
    if dialect == "postgresql":
        return sa.func.date_trunc("day", sa.func.timezone("UTC", column))
    return sa.func.substr(sa.type_coerce(column, sa.String), 1, 10)


def _unused() -> ColumnElement[bool]:
    """No content of ours came from it."""
    return ~sa.exists().where(content_metadata.c.opportunity_id == reply_opportunities.c.id)


def _unsilenced(wall: datetime) -> ColumnElement[bool]:
    return alerts.c.silenced_until.is_(None) | (alerts.c.silenced_until < wall)
