"""The rules: pure functions from what is known now to findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from stonechat.alerting.finding import CRITICAL, INFO, REMEDIES, SESSION_REMEDIES, WARNING, Finding
from stonechat.core.events import (
    BreakerChanged,
    Event,
)
from stonechat.core.states import BreakerState, LayerState, SessionState
from stonechat.database.repositories.accounts import SessionRow
from stonechat.jobs import JobStatus
from stonechat.monitoring import LayerHealth
from stonechat.resilience.circuit_breaker import BreakerStatus

DOWN_FOR = timedelta(seconds=20)
DEGRADED_FOR = timedelta(minutes=2)
VITAL = frozenset({"startup", "jobs", "posting", "browser", "database", "network"})
"""Parts without which nothing is published: their trouble is critical."""

OWN = frozenset({"startup", "browser", "cache", "database"})
"""Parts of which each host has its own; the others are judged by rows, and every host sees the same."""

FLAPS, FLAP_PERIOD = 4, timedelta(hours=1)
PROBE_OVERDUE = timedelta(minutes=2)
OCCURRENCE_LASTS = timedelta(hours=1)
"""How long an occurrence is shown as firing (real time)."""


@dataclass(frozen=True, slots=True)
class AccountStock:
    """How much an account has ahead of it. ``pool`` is open reply opportunities; ``full``: once reached."""

    account_id: str
    handle: str
    queued: int
    waiting: int
    pool: int
    pool_low: int
    full: bool


@dataclass(frozen=True, slots=True)
class Opened:
    """A breaker opened at ``at`` (monotonic seconds)."""

    breaker: str
    at: float


def layer_findings(parts: Sequence[LayerHealth], host: str) -> list[Finding]:
    """Layers that are down or degraded. Sessions have a rule of their own, which says more."""
    found = []
    for health in parts:
        if health.layer == "session" or health.state not in (LayerState.DOWN, LayerState.DEGRADED):
            continue
        is_down = health.state is LayerState.DOWN
        vital = is_down and health.layer in VITAL
        found.append(
            Finding(
                rule="layer",
                about=health.layer,
                part=health.layer,
                severity=CRITICAL if vital else WARNING,
                title=f"{health.layer.capitalize()} is {health.state.value}",
                body=health.cause or "No cause is known.",
                remedy=health.remedy or REMEDIES.get(health.layer, ""),
                wait=DOWN_FOR if is_down else DEGRADED_FOR,
                host=host if health.layer in OWN else "",
            )
        )
    return found


def breaker_findings(breakers: Sequence[BreakerStatus], openings: Sequence[Opened]) -> list[Finding]:
    """Breakers that are open, open for long, not probing, or opening again and again."""
    found = []
    for one in breakers:
        part = one.name.split("/")[0]
        shut = one.state in (BreakerState.OPEN, BreakerState.HALF_OPEN, BreakerState.FORCED_OPEN)

        def finding(
            rule: str,
            severity: str,
            title: str,
            body: str,
            remedy: str,
            one: BreakerStatus = one,
            part: str = part,
        ) -> Finding:
            return Finding(rule, one.name, part, severity, title, body, remedy, detail=True)

        flaps = sum(1 for opened in openings if opened.breaker == one.name)
        if shut and one.stuck:
            title = f"The breaker {one.name} has been open for {_minutes(one.open_for)} min"
            found.append(finding("breaker_stuck", CRITICAL, title, one.why, REMEDIES.get(part, "")))
        elif shut:
            title = f"The breaker {one.name} is {one.state.value.replace('_', ' ')}"
            remedy = (
                f"`stonechat breakers reset {one.name}` ends it."
                if one.state is BreakerState.FORCED_OPEN
                else "It probes and closes by itself."
            )
            found.append(finding("breaker_open", WARNING, title, one.why, remedy))
        if one.probe_overdue >= PROBE_OVERDUE:
            title = f"The breaker {one.name} is open and does not probe"
            body = f"A probe has been due for {_minutes(one.probe_overdue)} min."
            found.append(
                finding("breaker_not_probing", CRITICAL, title, body, "Restart the process and report this.")
            )
        if flaps >= FLAPS:
            title = f"The breaker {one.name} opens again and again"
            body = f"{flaps} times within an hour; last: {one.why}."
            found.append(finding("breaker_flapping", WARNING, title, body, REMEDIES.get(part, "")))
    return found


def job_findings(jobs: Sequence[JobStatus]) -> list[Finding]:
    """Jobs that fail or do not run when they should."""
    found = []
    for job in jobs:
        if job.paused is not None or job.state not in ("failing", "late"):
            continue
        layer = job.name.split(".")[0]
        whose = f" for {job.account_id}" if job.account_id else ""
        late = job.state == "late"
        found.append(
            Finding(
                rule="job_late" if late else "job_failing",
                about=f"{job.name}/{job.account_id or ''}",
                part="jobs" if late else layer,
                severity=CRITICAL if job.critical else WARNING,
                title=f"The job {job.name} {'does not run' if late else 'keeps failing'}{whose}",
                body=job.why or (job.last.error if job.last else "") or "No cause is known.",
                remedy=f"`stonechat jobs history {job.name}` shows its runs.",
                wait=DOWN_FOR,
                account_id=job.account_id,
                detail=True,
            )
        )
    return found


def session_findings(sessions: Sequence[SessionRow]) -> list[Finding]:
    """Sessions that the network does not accept."""
    return [
        Finding(
            rule="session_trouble",
            about=row.account_id,
            part="session",
            severity=WARNING if row.state is SessionState.RATE_LIMITED else CRITICAL,
            title=f"The session of {row.account_id} is {row.state.value.replace('_', ' ')}",
            body=f"{row.why.rstrip('.')}. Publishing to this account has stopped; its posts wait.",
            remedy=SESSION_REMEDIES.get(row.state, ""),
            account_id=row.account_id,
        )
        for row in sessions
        if row.state is not SessionState.VALID
    ]


def stock_findings(stocks: Sequence[AccountStock]) -> list[Finding]:
    """Queues that run dry, and pools of reply opportunities that have fallen too low."""
    found = []
    for stock in stocks:
        if stock.queued == 0:
            held = f"; {stock.waiting} wait for your approval" if stock.waiting else ""
            found.append(
                Finding(
                    rule="queue_dry",
                    about=stock.account_id,
                    part="content",
                    severity=WARNING,
                    title=f"Nothing is queued for @{stock.handle}",
                    body=f"No post is scheduled{held}.",
                    remedy="`stonechat jobs run content.plan` fills it; see its last error under Jobs.",
                    wait=timedelta(minutes=2),
                    account_id=stock.account_id,
                    detail=True,
                )
            )
        if stock.full and stock.pool < stock.pool_low:
            found.append(
                Finding(
                    rule="pool_low",
                    about=stock.account_id,
                    part="harvesting",
                    severity=INFO,
                    title=f"Few reply opportunities for @{stock.handle}",
                    body=f"{stock.pool} are open, fewer than {stock.pool_low}.",
                    remedy="Add HARVEST_QUERIES, or lower HARVEST_POOL_LOW.",
                    wait=timedelta(minutes=5),
                    account_id=stock.account_id,
                    detail=True,
                )
            )
    return found


def opening(event: Event, at: float) -> Opened | None:
    """The opening of a breaker, for the rule on flapping."""
    if (
        isinstance(event, BreakerChanged)
        and event.before is BreakerState.CLOSED
        and event.after is BreakerState.OPEN
    ):
        return Opened(event.breaker, at)
    return None


def _minutes(duration: timedelta) -> int:
    return round(duration.total_seconds() / 60)
