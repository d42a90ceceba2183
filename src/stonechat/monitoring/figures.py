"""Figures of each account, read from the database every minute: for meters, pages and service levels.

A scrape may not wait for the database, so it is told what was read last.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.clock import Clock
from stonechat.core.errors import Transient
from stonechat.core.model import Account, ContentKind
from stonechat.core.states import ContentState
from stonechat.database import Database
from stonechat.database.repositories import accounts, alerts, budget, content, publishing_plan, service_events
from stonechat.database.repositories.alerts import AlertRow
from stonechat.database.repositories.publishing_plan import PlannedPost
from stonechat.database.repositories.service_events import PlannedOutcome
from stonechat.monitoring.dependency_graph import explains
from stonechat.monitoring.service_levels import (
    CONFIRMED,
    MEASURED,
    ON_TIME,
    WINDOWS,
    LevelEvent,
    ServiceLevel,
    Span,
    judge_level,
)

FRESH = timedelta(seconds=2)
"""Real time for which figures serve everybody who looks; on a fast clock 30 seconds are half a day."""

EVERY = timedelta(seconds=30)
"""Real time between two readings."""

LONGEST = max(WINDOWS.values())
READ_WITHIN = timedelta(hours=24)
"""Account time after a post's maturity within which its metrics count as fresh."""

SLACK = timedelta(minutes=2)
"""Real time by which an incident begins before it is seen and ends after it is over."""

AGES = (
    ("under 1 h", timedelta(hours=1)),
    ("1 to 6 h", timedelta(hours=6)),
    ("6 to 24 h", timedelta(hours=24)),
)
OLDER = "older"


@dataclass(frozen=True, slots=True)
class AccountFigures:
    """One account in numbers; all spans are account time.

    Attributes:
        last_post: since its newest post; None before the first.
        overdue: by how long the oldest post that was planned and is not published is late.
        queue_days: for how many days of its plan something is queued.
        queued: posts ahead, by state.
        success: share of planned posts that are published, by window; None where none was due in it.
        pool: open reply opportunities by source and age.
        metrics_age, model_age: None before the first.
        spend: in US dollars by period (``day``, ``month``).
    """

    account_id: str
    last_post: timedelta | None
    overdue: timedelta
    queue_days: float
    queued: Mapping[str, int]
    success: Mapping[str, float | None]
    pool: Mapping[tuple[str, str], int]
    metrics_age: timedelta | None
    model_age: timedelta | None
    spend: Mapping[str, float]
    levels: tuple[ServiceLevel, ...]


@dataclass(frozen=True, slots=True)
class _Plan:
    """An account's posts: when the newest went out, those that are yet to, and how many are in each state."""

    last: datetime | None = None
    ahead: Sequence[PlannedPost] = ()
    counts: Mapping[str, int] = field(default_factory=dict)


async def _plans(connection: AsyncConnection, now: datetime) -> dict[str, _Plan]:
    """By account, asked once for all of them."""
    last = await publishing_plan.last_published(connection)
    unpublished = await publishing_plan.unpublished(connection, otherwise_since=now)
    counts = await content.count_of_each(connection, _AHEAD)
    return {
        one: _Plan(
            last.get(one),
            [post for post in unpublished.get(one, ()) if post.state in publishing_plan.UNDER_WAY],
            counts.get(one, {}),
        )
        for one in {*last, *unpublished, *counts}
    }


class Figures:
    """Reads the figures again and again, and keeps the last ones.

    Args:
        grace: how late a post may go out and still be on time.
        maturity: the age at which a post's metrics matter.
    """

    def __init__(self, database: Database, clock: Clock, *, grace: timedelta, maturity: timedelta) -> None:
        self._database = database
        self._clock = clock
        self._grace = grace
        self._maturity = maturity
        self.latest: tuple[AccountFigures, ...] = ()
        self.read_at: datetime | None = None
        self._read = -math.inf  # a moment of the clock that nobody sets back
        self._reading = asyncio.Lock()

    async def run(self) -> None:
        """Read until cancelled; while the database is away the last figures stay."""
        while True:
            with contextlib.suppress(Transient):
                await self.read()
            await self._clock.sleep_real(EVERY)

    async def recent(self) -> tuple[AccountFigures, ...]:
        """What whoever looks at them sees: no older than :data:`FRESH` where the database answers.

        While it is away the last ones stay; :attr:`read_at` says how old they are.
        """
        async with self._reading:
            if self._clock.monotonic() - self._read > FRESH.total_seconds():
                with contextlib.suppress(Transient):
                    await self.read()
        return self.latest

    async def read(self) -> tuple[AccountFigures, ...]:
        """Read now."""
        found: list[AccountFigures] = []
        async with self._database.read("monitoring.figures") as connection:
            known = list((await alerts.every(connection)).values())
            plans = await _plans(connection, self._clock.now())
            found += [
                await self._of(connection, account, known, plans.get(account.id, _Plan()))
                for account in await accounts.every(connection)
            ]
        self.latest, self.read_at = tuple(found), self._clock.wall()
        self._read = self._clock.monotonic()
        return self.latest

    async def _of(
        self, connection: AsyncConnection, account: Account, known: Sequence[AlertRow], plan: _Plan
    ) -> AccountFigures:
        now = self._clock.now()
        outcomes = await service_events.planned(connection, account.id, since=now - LONGEST)
        read = await service_events.measured(
            connection, account.id, since=now - LONGEST, age=self._maturity, within=READ_WITHIN
        )
        ages = await service_events.ages(connection, account.id)
        pool = await service_events.pool(connection, account.id)
        incidents = {part: self._incidents(known, part, account.id) for part in ("posting", "scraping")}
        return AccountFigures(
            account.id,
            None if plan.last is None else max(now - plan.last, timedelta()),
            _overdue(plan.ahead, now),
            _queued_ahead(plan.ahead, now) / max(account.posts_per_day, 1),
            {state.value: plan.counts.get(state.value, 0) for state in _AHEAD},
            {window: _success(outcomes, now - length, now) for window, length in WINDOWS.items()},
            Counter((source, _age_of(written, now)) for source, written in pool),
            _since(ages["metrics"], now),
            _since(ages["model"], now),
            await _spend(connection, account.id, now),
            (
                judge_level(ON_TIME, self._on_time(outcomes, now), now, incidents["posting"]),
                judge_level(CONFIRMED, _confirmed(outcomes, now), now, incidents["posting"]),
                judge_level(MEASURED, self._measured(read, now), now, incidents["scraping"]),
            ),
        )

    def _on_time(self, outcomes: Sequence[PlannedOutcome], now: datetime) -> list[LevelEvent]:
        found = []
        for one in outcomes:
            if one.kind is ContentKind.REPLY or one.planned_at + self._grace > now:
                continue
            until = one.posted_at or now
            found.append(LevelEvent(one.planned_at, until, until - one.planned_at <= self._grace))
        return found

    def _measured(self, read: Sequence[tuple[datetime, bool]], now: datetime) -> list[LevelEvent]:
        """By the moment of a post's maturity."""
        ripe = [(posted + self._maturity, good) for posted, good in read]
        return [
            LevelEvent(at, at + READ_WITHIN, good) for at, good in ripe if good or at + READ_WITHIN <= now
        ]

    def _incidents(self, known: Sequence[AlertRow], part: str, account_id: str) -> list[Span]:
        """When the part, or what it needs, was in trouble and an alert fired, in account time."""
        found = []
        for row in known:
            track, began = row.tracking, row.tracking.began_at or row.fired_at
            ours = row.account_id in (None, account_id) and row.rule != "service_level"
            if began is None or row.fired_at is None or not ours:
                continue
            if track.part == part or explains(track.part, part):
                ends = row.resolved_at or self._clock.wall()
                found.append((self._account_time(began - SLACK), self._account_time(ends + SLACK)))
        return found

    def _account_time(self, wall: datetime) -> datetime:
        return self._clock.now() - (self._clock.wall() - wall) * self._clock.speed


_AHEAD = (ContentState.QUEUED, ContentState.AWAITING_APPROVAL)
_ENDED = (ContentState.POSTED, ContentState.FAILED, ContentState.MISSED)


def _overdue(posts: Sequence[PlannedPost], now: datetime) -> timedelta:
    """Late by its slot; 0 where every post is ahead."""
    return max((now - post.planned_at for post in posts if post.planned_at < now), default=timedelta())


def _queued_ahead(posts: Sequence[PlannedPost], now: datetime) -> int:
    return sum(post.state is ContentState.QUEUED and post.due_at > now for post in posts)


def _success(outcomes: Sequence[PlannedOutcome], since: datetime, now: datetime) -> float | None:
    """Published of what was planned and has come to an end; replies apart."""
    ended = [
        one.state is ContentState.POSTED
        for one in outcomes
        if one.kind is not ContentKind.REPLY and since <= one.planned_at <= now and one.state in _ENDED
    ]
    return sum(ended) / len(ended) if ended else None


def _confirmed(outcomes: Sequence[PlannedOutcome], now: datetime) -> list[LevelEvent]:
    """Posts that were sent: whether it is known what became of them."""
    sent = [one for one in outcomes if one.state is ContentState.POSTED or one.unclear]
    return [
        LevelEvent(one.planned_at, one.posted_at or now, one.state is ContentState.POSTED)
        for one in sent
        if one.state in (ContentState.POSTED, ContentState.UNCONFIRMED, ContentState.FAILED)
    ]


def _since(at: datetime | None, now: datetime) -> timedelta | None:
    return None if at is None else max(now - at, timedelta())


async def pool_of(database: Database, clock: Clock, account_id: str) -> Mapping[tuple[str, str], int]:
    """An account's open reply opportunities by source and age of the post."""
    async with database.read("monitoring.pool") as connection:
        pool = await service_events.pool(connection, account_id)
    return Counter((source, _age_of(written, clock.now())) for source, written in pool)


def _age_of(written: datetime | None, now: datetime) -> str:
    if written is None:
        return OLDER
    return next((name for name, bound in AGES if now - written < bound), OLDER)


async def _spend(connection: AsyncConnection, account_id: str, now: datetime) -> dict[str, float]:
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    starts = {"day": day, "month": day.replace(day=1)}
    return {
        period: (await budget.usage(connection, since, now, account_id)).committed.usd
        for period, since in starts.items()
    }
