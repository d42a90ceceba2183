"""How times, durations and counts read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from stonechat.core.states import AlertState, BreakerState, LayerState, RunState
from stonechat.dashboard import formatting

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.05, "50 ms"),
        (2.34, "2.3 s"),
        (59, "59 s"),
        (300, "5 min"),
        (7200, "2 h"),
        (3 * 86400, "3 days"),
    ],
)
def test_durations_read_in_their_own_unit(seconds: float, text: str) -> None:
    assert formatting.duration(timedelta(seconds=seconds)) == text


def test_what_is_unknown_is_a_dash_and_never_a_zero() -> None:
    assert formatting.count(None) == formatting.percent(None) == formatting.duration(None) == "\N{EN DASH}"
    assert formatting.count(0) == "0"


@pytest.mark.parametrize(("number", "text"), [(1234, "1,234"), (12_345, "12.3k"), (4_500_000, "4.5M")])
def test_large_counts_are_short(number: int, text: str) -> None:
    assert formatting.count(number) == text


def test_times_read_relative_to_now_and_tell_the_exact_one() -> None:
    shown = formatting.moment(NOW - timedelta(minutes=5), NOW)
    assert "5 min ago" in shown
    assert "Mon 05 Jan 2026 11:55:00 UTC" in shown
    assert "in 2 h" in formatting.moment(NOW + timedelta(hours=2), NOW)


def test_what_is_due_is_late_only_after_a_real_minute() -> None:
    due = NOW - timedelta(hours=2)
    assert "late by 2 h" in formatting.upcoming(due, NOW, speed=1.0)
    assert ">now<" in formatting.upcoming(due, NOW, speed=1800.0)


@pytest.mark.parametrize("state", [*LayerState, *BreakerState, *AlertState, *RunState])
def test_no_state_is_told_by_colour_alone(state: str) -> None:
    assert formatting.sign(state)
    known_apart = {formatting.tone(one): formatting.sign(one) for one in [*LayerState, *BreakerState]}
    assert len(set(known_apart.values())) == len(known_apart)
