"""Posts that were due and not published are unhealthy, whatever the processes say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from stonechat.core.states import LayerState
from stonechat.monitoring.outcome import Flow, judge_flow

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def flow(due: float | None = None, posted: float | None = None, off: str = "") -> Flow:
    """``due`` and ``posted`` in minutes ago."""

    def ago(minutes: float | None) -> datetime | None:
        return None if minutes is None else NOW - timedelta(minutes=minutes)

    return Flow("x:bird", 0 if due is None else 1, ago(due), ago(posted), off)


def test_nothing_due_is_well_however_long_ago_the_last_post_was() -> None:
    assert judge_flow([flow(posted=10_000)], NOW, HOUR).state is LayerState.OK


def test_due_for_less_than_the_patience_is_well() -> None:
    assert judge_flow([flow(due=59)], NOW, HOUR).state is LayerState.OK


def test_due_and_none_published_is_down_and_says_since_when() -> None:
    result = judge_flow([flow(due=90)], NOW, HOUR)
    assert (result.state, result.cause) == (
        LayerState.DOWN,
        "1 due on x:bird and none published for 90 min",
    )


def test_working_off_a_backlog_is_well() -> None:
    assert judge_flow([flow(due=500, posted=5)], NOW, HOUR).state is LayerState.OK


def test_held_by_the_owner_is_shown_and_not_a_failure() -> None:
    assert judge_flow([flow(due=500, off="holiday")], NOW, HOUR).state is LayerState.DEGRADED


def test_one_account_that_stands_still_is_not_hidden_by_another_that_works() -> None:
    assert judge_flow([flow(due=5, posted=1), flow(due=500)], NOW, HOUR).state is LayerState.DOWN
