"""Reads everything that the pages show. Each method opens one short read and closes it before it returns."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from stonechat.browser.failure_artifacts import FailureArtifactFolder, FailureArtifacts
from stonechat.browser.health import PoolHealth
from stonechat.cache import FallbackCache
from stonechat.content.costs import Statement
from stonechat.content.writing.pipeline import WritingPipeline
from stonechat.core.clock import Clock
from stonechat.core.errors import NotFound
from stonechat.core.model import Content, Snapshot
from stonechat.core.states import ContentState
from stonechat.dashboard.alert_board import AlertBoard
from stonechat.dashboard.post_lines import handles_of_accounts, latest_metrics, post_line
from stonechat.dashboard.view_models import (
    AccountLine,
    BootedStep,
    GoingLive,
    NextAction,
    PostLine,
    Queue,
    QueueLine,
)
from stonechat.dashboard.wording import kind_said
from stonechat.database import Database
from stonechat.database.repositories import (
    accounts,
    content,
    desk,
    drafts,
    media,
    metrics,
    opportunities,
    receipts,
    state_history,
)
from stonechat.database.repositories import audit as audit_rows
from stonechat.database.repositories.accounts import Switch
from stonechat.database.repositories.alerts import AlertRow
from stonechat.database.repositories.audit import AuditRow
from stonechat.database.repositories.drafts import ReserveDraft
from stonechat.database.repositories.job_progress import RunEnd
from stonechat.database.repositories.opportunities import MutedAuthor
from stonechat.database.repositories.outbox import OutboxRow
from stonechat.database.repositories.receipts import Attempt
from stonechat.database.repositories.state_history import Change
from stonechat.jobs import JobService, JobStatus
from stonechat.learning.reports import LearningReports
from stonechat.monitoring import HealthBoard, Meters
from stonechat.monitoring.figures import AccountFigures, Figures
from stonechat.networks.registry import Registry
from stonechat.owner.log_in import SessionImport
from stonechat.posting.queue import QueueRow
from stonechat.resilience import Breakers
from stonechat.resilience.circuit_breaker import BreakerStatus


class NotOpen(Exception):
    """The part that this page reads is not open yet (or no longer)."""


class DashboardData:
    """Usable before anything else is open: what is not connected yet is shown as *starting*.

    Args:
        borrowed_voices: handles of accounts that speak with the words of the example.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        board: HealthBoard,
        meters: Meters,
        mode: str,
        steps: Callable[[], Sequence[BootedStep]],
        ready: Callable[[], bool],
        told: AlertBoard | None = None,
        borrowed_voices: Sequence[str] = (),
    ) -> None:
        self.told = told or AlertBoard()
        self.borrowed_voices = borrowed_voices
        self.clock = clock
        self.board = board
        self.meters = meters
        self.mode = mode
        self.steps = steps
        self.ready = ready
        self.database: Database | None = None
        self.cache: FallbackCache | None = None
        self.breakers: Breakers | None = None
        self.runner: JobService | None = None
        self.drafter: WritingPipeline | None = None
        self.networks: Registry | None = None
        self.session_import: SessionImport | None = None
        self.figures: Figures | None = None
        self.going_live: GoingLive | None = None
        self._learning: LearningReports | None = None
        self._pool: Callable[[], PoolHealth] | None = None
        self._costs: Callable[[], Awaitable[Statement]] | None = None
        self.evidence: FailureArtifactFolder | None = None
        self._queue: Callable[[], Awaitable[Sequence[QueueRow]]] | None = None
        self.outdate: Callable[[], None] = _nothing_kept
        self.spacing = timedelta()

    def connect(
        self,
        *,
        database: Database | None = None,
        cache: FallbackCache | None = None,
        breakers: Breakers | None = None,
        runner: JobService | None = None,
        learning: LearningReports | None = None,
        pool: Callable[[], PoolHealth] | None = None,
        costs: Callable[[], Awaitable[Statement]] | None = None,
        evidence: FailureArtifactFolder | None = None,
        queue: Callable[[], Awaitable[Sequence[QueueRow]]] | None = None,
        outdate: Callable[[], None] | None = None,
        drafter: WritingPipeline | None = None,
        networks: Registry | None = None,
        session_import: SessionImport | None = None,
        figures: Figures | None = None,
        spacing: timedelta | None = None,
        going_live: GoingLive | None = None,
    ) -> None:
        """Show these from now on; called by startup as each part opens, in any number of calls."""
        self.database = database or self.database
        self.cache = cache or self.cache
        self.breakers = breakers or self.breakers
        self.runner = runner or self.runner
        self.going_live = going_live or self.going_live
        self._learning = learning or self._learning
        self._pool = pool or self._pool
        self._costs = costs or self._costs
        self.evidence = evidence or self.evidence
        self._queue = queue or self._queue
        self.outdate = outdate or self.outdate
        self.drafter = drafter or self.drafter
        self.networks = networks or self.networks
        self.session_import = session_import or self.session_import
        self.figures = figures or self.figures
        self.spacing = spacing if spacing is not None else self.spacing

    def open_database(self) -> Database:
        """The database, or ``NotOpen``."""
        if self.database is None:
            raise NotOpen("database")
        return self.database

    async def accounts(self, account_id: str | None = None) -> list[AccountLine]:
        """All accounts or the one, each with its session and with what holds its posting."""
        async with self.open_database().read("dashboard.accounts") as connection:
            held = {one.account_id: one for one in await accounts.switched_off(connection) if _own(one)}
            return [
                AccountLine(one, await accounts.session(connection, one.id), held.get(one.id))
                for one in await accounts.every(connection)
                if account_id in (None, one.id)
            ]

    async def reserve(self, account_id: str | None = None) -> list[ReserveDraft]:
        """The drafts kept for when no model can write, by account, in the order in which they are drawn."""
        async with self.open_database().read("dashboard.reserve") as connection:
            every = [one for one in await accounts.every(connection) if account_id in (None, one.id)]
            return [draft for one in every for draft in await drafts.reserve(connection, one.id)]

    async def switches(self) -> list[Switch]:
        """What a human has turned off."""
        async with self.open_database().read("dashboard.switches") as connection:
            return await accounts.switched_off(connection)

    async def queue(self, account_id: str | None = None) -> Queue:
        """What waits for approval, its time, confirmation or a human; of all accounts or of one."""
        now = self.clock.now()
        if self._queue is None:
            raise NotOpen("queue")
        rows = [row for row in await self._queue() if account_id in (None, row.content.account_id)]
        async with self.open_database().read("dashboard.queue") as connection:
            handles = await handles_of_accounts(connection)
            each = await content.count_by_state(connection, account_id)
            asked = {row.content.opportunity_id for row in rows if row.content.opportunity_id}
            authors = await opportunities.authors(connection, asked)
        lines = [
            QueueLine(
                row.content,
                handles.get(row.content.account_id, ""),
                row.held,
                row.next_action,
                row.next_at,
                row.content.due_at < now,
                row.pictures,
                authors.get(row.content.opportunity_id or "", ""),
                self.networks.price_of(row.content, len(row.pictures)) if self.networks else "",
            )
            for row in rows
        ]

        def of(*states: ContentState) -> tuple[QueueLine, ...]:
            return tuple(line for line in lines if line.content.state in states)

        return Queue(
            of(ContentState.AWAITING_APPROVAL),
            of(ContentState.QUEUED, ContentState.POSTING),
            of(ContentState.UNCONFIRMED),
            of(ContentState.FAILED),
            each,
            of(ContentState.MISSED),
        )

    async def posts(self, account_id: str | None = None, *, limit: int = 20) -> list[PostLine]:
        """The newest published posts with their newest metrics."""
        async with self.open_database().read("dashboard.posts") as connection:
            handles = await handles_of_accounts(connection)
            rows = await desk.newest_posted(connection, account_id, limit=limit)
            shots = await latest_metrics(connection, rows)
        return [post_line(row, handles, shots) for row in rows]

    async def rehearsals(self, account_id: str | None = None, *, limit: int = 50) -> list[PostLine]:
        """What shadow mode would have posted, newest first."""
        async with self.open_database().read("dashboard.rehearsals") as connection:
            handles = await handles_of_accounts(connection)
            rows = await receipts.rehearsed(connection, account_id=account_id, limit=limit)
        return [post_line(row, handles, {}) for row in rows]

    async def post(
        self, content_id: str
    ) -> tuple[PostLine, list[Change], list[Attempt], list[Snapshot]] | None:
        """One piece of content: its history, every try, and its metrics over time."""
        async with self.open_database().read("dashboard.post") as connection:
            row = await content.find(connection, content_id)
            if row is None:
                return None
            handles = await handles_of_accounts(connection)
            changes = await state_history.of(connection, "content", content_id)
            tries = await receipts.attempts(connection, content_id)
            shots = await metrics.of_post(connection, row.account_id, row.post_id) if row.post_id else []
            pictures = await media.of(connection, row.id)
        newest = {(row.account_id, row.post_id or ""): shots[-1]} if shots else {}
        line = replace(post_line(row, handles, newest), pictures=tuple(pictures))
        return line, changes, tries, shots

    async def picture(self, content_id: str, sha256: str) -> tuple[str, bytes] | None:
        """Type and bytes of a picture of a piece of content, or None."""
        async with self.open_database().read("dashboard.picture") as connection:
            return await media.shown(connection, content_id, sha256)

    @property
    def maturity(self) -> timedelta:
        """The age at which a post is judged.

        Raises:
            NotOpen: learning is not open yet.
        """
        if self._learning is None:
            raise NotOpen("learning")
        return self._learning.maturity

    async def learning(self, account_id: str | None = None) -> list[dict[str, Any]]:
        """What was learned, for each account (the learner's own summary)."""
        if self._learning is None:
            raise NotOpen("learning")
        now = self.clock.now()
        return [
            {"handle": account.handle} | await self._learning.summary(account.id, now)
            for account in (line.account for line in await self.accounts(account_id))
        ]

    async def arm_explained(self, content: Content) -> dict[str, Any] | None:
        """Why a post got its arm; None where none was chosen or it is known no more."""
        if self._learning is None:
            return None
        try:
            return await self._learning.why(content)
        except NotFound:
            return None

    async def costs(self) -> Statement:
        """What the texts cost, and how the budgets stand."""
        if self._costs is None:
            raise NotOpen("costs")
        return await self._costs()

    async def jobs(self) -> list[JobStatus]:
        """Every job and account, next tick first."""
        if self.runner is None:
            raise NotOpen("jobs")
        return sorted(await self.runner.status(), key=lambda job: (job.next_tick, job.name))

    async def run_times(self) -> dict[tuple[str, str | None], list[RunEnd]]:
        """By job and account: how long its latest runs took, oldest first."""
        if self.runner is None:
            raise NotOpen("jobs")
        return await self.runner.operations.times()

    def breaker_status(self) -> list[BreakerStatus]:
        """How each breaker stands."""
        return self.breakers.status() if self.breakers is not None else []

    def pool(self) -> PoolHealth:
        """The browser pool.

        Raises:
            NotOpen: it is not open yet.
        """
        if self._pool is None:
            raise NotOpen("browser pool")
        return self._pool()

    async def failures(
        self, *, run_id: str = "", content_id: str = "", limit: int = 20
    ) -> list[FailureArtifacts]:
        """What was kept of failed operations in the browser on this host, newest first."""
        if self.evidence is None:
            return []
        return await asyncio.to_thread(
            self.evidence.newest, run_id=run_id, content_id=content_id, limit=limit
        )

    def elsewhere(self, *hosts: str) -> str:
        """The other hosts among those that did something; "" where this host did it, or nobody is named."""
        here = platform.node() or "host"
        if any(one == here or one.startswith(f"{here}-") for one in hosts):
            return ""
        return ", ".join(sorted({one for one in hosts if one}))

    async def alerts(self, *, limit: int = 50) -> list[AlertRow]:
        """Alerts, those that fire first, then the newest; see :class:`AlertBoard`."""
        return await self.told.alerts(self.database, self.board, limit)

    async def undelivered(self) -> list[OutboxRow]:
        """Messages about alerts that could not be delivered: they wait, or were given up."""
        return await self.told.undelivered(self.database, self.board)

    async def firing(self) -> list[AlertRow]:
        """Alerts that fire now."""
        return [alert for alert in await self.alerts() if alert.state.value == "firing"]

    async def muted(self) -> list[MutedAuthor]:
        """Who gets no replies, by account."""
        async with self.open_database().read("dashboard.muted") as connection:
            return await opportunities.muted(connection)

    async def account_figures(self) -> Sequence[AccountFigures]:
        """The accounts in numbers; while the database is away as they were read last.

        Raises:
            NotOpen: they were not read yet.
        """
        found = await self.figures.recent() if self.figures is not None else ()
        if self.figures is None or self.figures.read_at is None:
            raise NotOpen("figures of the accounts")
        return found

    async def audit(self, *, limit: int = 100) -> list[AuditRow]:
        """What the owner did, newest first."""
        async with self.open_database().read("dashboard.audit") as connection:
            return await audit_rows.newest(connection, limit=limit)

    async def next_actions(self, queue: Queue, *, limit: int = 3) -> list[NextAction]:
        """What happens next: the next post, then the next jobs, soonest first."""
        posts = [
            NextAction(f"{kind_said(line.content.kind.value)} by @{line.handle}", line.content.due_at)
            for line in queue.ahead
        ]
        jobs = [] if self.runner is None else [job for job in await self.jobs() if job.paused is None]
        return posts[:1] + [NextAction(job.name, job.next_tick) for job in jobs[: limit - 1]]


def _nothing_kept() -> None:
    """What is read is not kept, so nothing can be out of date."""


def _own(switch: Switch) -> bool:
    return switch.scope == f"posting/{switch.account_id}"
