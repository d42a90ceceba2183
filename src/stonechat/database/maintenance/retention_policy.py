"""The retention policy: every group of rows that may be deleted, and from which age.

History and receipts of posts, the content itself with the descriptions of its pictures, the reward log and
the models are in no rule: they are kept for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from stonechat.config.settings import RetentionSettings
from stonechat.core.model import ContentKind
from stonechat.core.states import AlertState, OpportunityState
from stonechat.core.transitions import FINAL_CONTENT
from stonechat.database.schema.tables import (
    account_metrics,
    alerts,
    audit,
    budget_entries,
    budget_marks,
    content_media,
    content_metadata,
    doubtful_readings,
    media_bytes,
    metrics_snapshots,
    outbox,
    page_loads,
    rejected_drafts,
    reply_opportunities,
    reserve_drafts,
    rewards,
    state_history,
)

PATIENCE = timedelta(days=7)
"""For so long after its maturity a post may still be judged (account time): its readings stay."""


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """One kind of rows that are kept for a time.

    Attributes:
        name: as ``stonechat db prune`` prints it.
        policy: the setting that decides.
        key: the column by which its rows are deleted.
        old: which rows may go.
        also: another table whose rows go with them, by a column that holds the same key.
        at_once: rows that go in one transaction, where they are so large that it is fewer than usual.
        revived: rows may be taken into use again by a row elsewhere; they are locked before the last look.
    """

    name: str
    policy: str
    key: sa.Column[Any]
    old: ColumnElement[bool]
    also: tuple[sa.Column[Any], ...] = ()
    at_once: int | None = None
    revived: bool = False

    @property
    def table(self) -> sa.Table:
        """Where the rows are."""
        return self.key.table

    @property
    def numbered(self) -> bool:
        """Whether its rows have ascending numbers, so that they can be looked through in windows."""
        return isinstance(self.key.type, sa.Integer)


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """The settings at one moment.

    Attributes:
        now: account time, which content, readings and costs are counted in.
        wall: real time, which runs and alerts are counted in.
        dialect: ``sqlite`` or ``postgresql``.
        maturity: the age (account time) at which learning judges a post.
    """

    keep: RetentionSettings
    now: datetime
    wall: datetime
    dialect: str
    maturity: timedelta

    def rules(self) -> list[RetentionRule]:
        """Every rule, with which rows may go by it now."""
        return [
            *self._history(),
            *self._readings(),
            *self._drafts(),
            self._pictures(),
            *self._told(),
            *self._costs(),
        ]

    def _history(self) -> list[RetentionRule]:
        line = state_history.c
        of_others = (line.kind != "content") & (line.at < self.now - self.keep.history)
        others = "history of sessions, breakers, alerts, switches and opportunities"
        return [
            RetentionRule(others, "KEEP_HISTORY", line.id, of_others & _not_the_last_line()),
        ]

    def _readings(self) -> list[RetentionRule]:
        shot, account = metrics_snapshots, account_metrics
        full = self.now - max(self.keep.metrics_full, self.maturity + PATIENCE)
        last = min(full, self.now - self.keep.metrics)
        same_day = _has_a_later_reading(shot, self.dialect, same_day=True)
        any_later = _has_a_later_reading(shot, self.dialect, same_day=False)
        of_account = (account.c.captured_at < self.now - self.keep.metrics_full) & _has_a_later_reading(
            account, self.dialect, same_day=True
        )
        daily, one = "KEEP_METRICS_FULL", "KEEP_METRICS"
        return [
            RetentionRule("readings of posts: one a day", daily, shot.c.id, _judged(full) & same_day),
            RetentionRule("readings of posts: the last", one, shot.c.id, _judged(last) & any_later),
            RetentionRule("readings of accounts: one a day", daily, account.c.id, of_account),
            RetentionRule(
                "readings kept apart", daily, doubtful_readings.c.id, doubtful_readings.c.captured_at < full
            ),
            RetentionRule("counts of page loads", daily, page_loads.c.id, page_loads.c.hour < full),
        ]

    def _drafts(self) -> list[RetentionRule]:
        before, opportunity = self.now - self.keep.drafts, reply_opportunities.c
        closed = (OpportunityState.SKIPPED.value, OpportunityState.EXPIRED.value)
        not_taken = opportunity.state.in_(closed) & (
            opportunity.state_since < self.now - self.keep.opportunities
        )
        return [
            RetentionRule(
                "rejected drafts", "KEEP_DRAFTS", rejected_drafts.c.id, rejected_drafts.c.at < before
            ),
            RetentionRule(
                "drafts that left the reserve",
                "KEEP_DRAFTS",
                reserve_drafts.c.id,
                reserve_drafts.c.drawn_at < before,
            ),
            RetentionRule(
                "opportunities not taken", "KEEP_OPPORTUNITIES", opportunity.id, not_taken & _unused()
            ),
        ]

    def _pictures(self) -> RetentionRule:
        """Bytes that nothing needs any more. What failed or was missed may be queued again: its stay."""
        piece = content_metadata.c
        over = piece.state.in_(sorted(state.value for state in FINAL_CONTENT)) & (
            piece.state_since < self.now - self.keep.media
        )
        needed = sa.select(content_media.c.sha256).join(
            content_metadata, piece.id == content_media.c.content_id
        )
        old = media_bytes.c.sha256.not_in(needed.where(~over))
        return RetentionRule(
            "bytes of pictures long published",
            "KEEP_MEDIA",
            media_bytes.c.sha256,
            old,
            at_once=20,
            revived=True,
        )

    def _told(self) -> list[RetentionRule]:
        before = self.wall - self.keep.alerts
        quiet = alerts.c.state.in_((AlertState.RESOLVED.value, AlertState.INACTIVE.value))
        old = quiet & (alerts.c.state_since < before) & _unsilenced(self.wall)
        return [
            RetentionRule("messages sent", "KEEP_ALERTS", outbox.c.id, outbox.c.sent_at < before),
            RetentionRule("alerts resolved", "KEEP_ALERTS", alerts.c.id, old),
            RetentionRule("audit trail", "KEEP_AUDIT", audit.c.id, audit.c.at < self.now - self.keep.audit),
        ]

    def _costs(self) -> list[RetentionRule]:
        entry, before = budget_entries.c, self.now - self.keep.costs
        settled = entry.settled_at.is_not(None) & (entry.reserved_at < before)
        return [
            RetentionRule("calls of models paid for", "KEEP_COSTS", entry.id, settled),
            RetentionRule(
                "marks of budgets", "KEEP_COSTS", budget_marks.c.period, budget_marks.c.at < before
            ),
        ]


def _not_the_last_line() -> ColumnElement[bool]:
    """The row with the largest number stays, so that numbers of the history never repeat."""
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
