"""When layer 5 is down: no browser, nobody served, or a breaker that lets nothing through."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from stonechat.browser.health import PoolHealth
from stonechat.core.states import BreakerState, LayerState
from stonechat.resilience.circuit_breaker import BreakerStatus
from stonechat.startup.build_browser import judge_pool

SINCE = datetime(2026, 1, 5, tzinfo=UTC)
WELL = PoolHealth(
    up=True,
    why="",
    version="156",
    since=SINCE,
    contexts=1,
    limit=3,
    leases=(),
    queued={},
    longest_wait=timedelta(),
)


def breaker(state: BreakerState) -> BreakerStatus:
    return BreakerStatus(
        name="browser/h",
        state=state,
        since=SINCE,
        why="5 failures in a row",
        who="breaker",
        calls=5,
        failures=5,
        consecutive=5,
        rejected=0,
        openings=1,
        opened_at=SINCE,
        open_for=timedelta(),
        retry_after=None,
        probe_overdue=timedelta(),
        stuck=False,
    )


@pytest.mark.parametrize(
    ("health", "cause"),
    [
        (replace(WELL, up=False, why="killed"), "killed"),
        (replace(WELL, exhausted="4 wait"), "every context is in use: 4 wait"),
        (replace(WELL, breaker=breaker(BreakerState.OPEN)), "its breaker is open: 5 failures in a row"),
        (
            replace(WELL, breaker=breaker(BreakerState.HALF_OPEN)),
            "its breaker is half open: 5 failures in a row",
        ),
    ],
)
def test_it_is_down_where_nothing_gets_through_and_says_why(health: PoolHealth, cause: str) -> None:
    assert judge_pool(health).state is LayerState.DOWN
    assert judge_pool(health).cause == cause


def test_it_is_well_with_a_browser_that_serves() -> None:
    assert judge_pool(replace(WELL, breaker=breaker(BreakerState.CLOSED))).state is LayerState.OK
