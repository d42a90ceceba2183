"""What the recent calls say."""

from __future__ import annotations

from datetime import timedelta

import pytest

from stonechat.resilience.state_machine import BreakerPolicy
from stonechat.resilience.window import Window

POLICY = BreakerPolicy(
    consecutive=5, minimum_calls=8, window=timedelta(minutes=10), slow_call=timedelta(seconds=9)
)


def filled(calls: str, *, slow: float = 1.0) -> Window:
    """One call a second; ``F`` failed, ``.`` passed, ``S`` passed slowly."""
    window = Window(POLICY)
    for at, sign in enumerate(calls):
        window.add(float(at), failed=sign == "F", took=10.0 if sign == "S" else slow)
    return window


@pytest.mark.parametrize(
    ("calls", "trouble"),
    [
        ("", ""),
        ("FFFF", ""),
        ("FFFFF", "5 failures in a row"),
        ("FFFF.FFFF", "8 of 9 calls failed"),
        ("FFFFFFF.", ""),
        ("FFFF.FFFF.", ""),
        (".F.F.F", ""),
        (".F.F.F.F", "4 of 8 calls failed"),
        ("..F..F..F", ""),
        ("SSSSSSSS", "8 of 8 calls were slow"),
        ("SSSSSSS.", ""),
        ("SSSSS...", ""),
    ],
)
def test_the_window_says_why_a_breaker_must_open(calls: str, trouble: str) -> None:
    assert filled(calls).trouble(float(len(calls))) == trouble


def test_old_calls_are_not_counted_but_failures_in_a_row_are_however_old() -> None:
    window = filled("FFFF")
    assert window.counts(5000.0).calls == 0
    window.add(5000.0, failed=True, took=1.0)
    assert window.trouble(5000.0) == "5 failures in a row"


def test_memory_is_bounded() -> None:
    window = Window(POLICY)
    for _ in range(5000):
        window.add(0.0, failed=False, took=0.0)
    assert window.counts(0.0).calls == 1000
