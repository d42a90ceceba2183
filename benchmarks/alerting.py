"""How long from a fault to its message, by rule, and what a look at a thousand accounts costs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from stonechat.alerting import rules
from stonechat.alerting.engine import LOOK_EVERY, Alerting
from stonechat.alerting.finding import Finding
from stonechat.alerting.state_machine import Timing
from stonechat.alerting.telling import look
from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import SystemClock
from stonechat.core.events import EventStream
from stonechat.core.model import Account
from stonechat.core.states import BreakerState, LayerState, SessionState
from stonechat.database import open_database
from stonechat.database.repositories import accounts
from stonechat.database.repositories.accounts import SessionRow
from stonechat.database.repositories.alerts import AlertRow
from stonechat.jobs import JobStatus
from stonechat.monitoring import HealthBoard, LayerHealth
from stonechat.resilience.circuit_breaker import BreakerStatus

START = datetime(2026, 1, 5, tzinfo=UTC)
BOUND = 120.0
"""Nothing critical stays untold for longer (seconds)."""

Row = dict[str, Any]


async def bench_alerting(*, size: int = 1_000, repetitions: int = 5) -> list[Row]:
    """Rows of ``{"measure", "ours", "peer", "ratio", "goal", "met"}``.

    Fault to message is what the rules and the state machine take on their own clock, looked at as often as
    the engine looks; each rule begins at each moment between two looks. The looks are timed for real, on a
    database with ``size`` accounts of which every one is logged out.
    """
    rows = [_told_after(name, finding) for name, finding in _findings().items()]
    worst = max(row["ours"] for row in rows)
    rows.append(_row("worst of all rules, s", worst, BOUND))
    rows += await _looks(size, repetitions)
    return rows


def _findings() -> dict[str, Callable[[], list[Finding]]]:
    def layer(part: str, state: LayerState) -> Callable[[], list[Finding]]:
        return lambda: rules.layer_findings([LayerHealth(part, state, START, "why", "", START)], "host")

    def breaker() -> list[Finding]:
        status = BreakerStatus(
            name="model", state=BreakerState.OPEN, since=START, why="no answer", who="breaker", calls=5,
            failures=5, consecutive=5, rejected=0, openings=1, opened_at=START, open_for=timedelta(minutes=1),
            retry_after=None, probe_overdue=timedelta(), stuck=False,
        )  # fmt: skip
        return rules.breaker_findings([status], [])

    def job(state: str, *, critical: bool) -> Callable[[], list[Finding]]:
        status = JobStatus(
            "posting.sweep", "x:a", timedelta(hours=1), START, None, None, state, "why", None, critical, ""
        )
        return lambda: rules.job_findings([status])

    return {
        "database down": layer("database", LayerState.DOWN),
        "browser down": layer("browser", LayerState.DOWN),
        "posting down": layer("posting", LayerState.DOWN),
        "session locked": lambda: rules.session_findings(
            [SessionRow("x:a", SessionState.LOCKED, START, "why")]
        ),
        "critical job fails": job("failing", critical=True),
        "critical job late": job("late", critical=True),
        "breaker opens": breaker,
    }


def _told_after(name: str, finding: Callable[[], list[Finding]]) -> Row:
    """Median and worst over the moments between two looks at which the fault may begin."""
    found = []
    for offset in (0.0, 0.5, 1.0, 1.5):
        known: dict[str, AlertRow] = {}
        now = START + LOOK_EVERY - timedelta(seconds=offset)
        while True:
            current = [replace(one, since=None) for one in finding()]
            result = look(known, current, now, Timing(), "host")
            known = dict(result.alerts)
            if result.messages:
                break
            now += LOOK_EVERY
        found.append((now - START).total_seconds())
    median = statistics.median(found)
    return _row(f"{name}: fault to message, s (median {median:.1f})", max(found), BOUND)


async def _looks(size: int, repetitions: int) -> list[Row]:
    clock = SystemClock()
    events = EventStream(clock)
    with TemporaryDirectory(prefix="stonechat-bench-") as folder:
        url = f"sqlite:///{Path(folder) / 'bench.db'}"
        async with open_database(url, DatabaseSettings(), clock) as database:
            async with database.begin("bench.fill") as connection:
                for number in range(size):
                    account = Account(f"x:{number}", "x", str(number))
                    await accounts.put(connection, account, clock.now())
                    await accounts.set_session(
                        connection, account.id, SessionState.LOCKED, now=clock.now(), why="the site says so"
                    )
            board = HealthBoard(clock, events)
            alerting = Alerting([], Timing(), clock, events, board, host="bench")
            alerting.connect(database=database)
            first = await _timed(alerting)
            later = [await _timed(alerting) for _ in range(repetitions)]
    return [
        _row(f"first look at {size} accounts that are all logged out, s", first, 5.0),
        _row(f"a look at {size} accounts, s", statistics.median(later), 1.0),
    ]


async def _timed(alerting: Alerting) -> float:
    alerting._observer._looks = 0  # every look of the bench reads sessions, queues and jobs anew
    began = time.perf_counter()
    await alerting.look()
    return time.perf_counter() - began


def _row(measure: str, ours: float, goal: float) -> Row:
    met = "yes" if ours <= goal else "no"
    return {"measure": measure, "ours": round(ours, 3), "peer": None, "ratio": None, "goal": goal, "met": met}
