"""Limits: properties of the next free slot."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stonechat.config.settings import PostingSettings
from stonechat.core.quiet_hours import QuietHours
from stonechat.posting.limits import DAY, HOUR, Limits, limits_for, next_slot

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

ages = st.lists(st.integers(0, 2000), max_size=40).map(lambda mins: [NOW - n * MINUTE for n in mins])


@given(history=ages, spacing=st.integers(0, 90), per_hour=st.integers(1, 6), per_day=st.integers(1, 30))
def test_the_next_slot_keeps_every_limit(
    history: list[datetime], spacing: int, per_hour: int, per_day: int
) -> None:
    slot = next_slot(history, Limits(spacing * MINUTE, per_hour, per_day), NOW)
    assert slot is not None
    assert slot >= NOW
    assert all(abs(slot - one) >= spacing * MINUTE for one in history)
    assert sum(slot - HOUR < one <= slot for one in history) < per_hour
    assert sum(slot - DAY < one <= slot for one in history) < per_day


@given(history=ages, spacing=st.integers(1, 90))
def test_no_earlier_minute_would_have_done(history: list[datetime], spacing: int) -> None:
    slot = next_slot(history, Limits(spacing * MINUTE, 100, 100), NOW)
    assert slot is not None
    earlier = NOW
    while earlier < slot:
        assert any(abs(earlier - one) < spacing * MINUTE for one in history)
        earlier += MINUTE


def test_a_limit_of_zero_has_no_slot() -> None:
    assert next_slot([], Limits(MINUTE, 1, 0), NOW) is None


@pytest.mark.parametrize(
    ("at", "ends"),
    [
        (datetime(2026, 1, 5, 22, 30, tzinfo=UTC), datetime(2026, 1, 6, 6, 0, tzinfo=UTC)),  # 23:30 in Vienna
        (datetime(2026, 1, 5, 3, 0, tzinfo=UTC), datetime(2026, 1, 5, 6, 0, tzinfo=UTC)),
        (datetime(2026, 1, 5, 12, 0, tzinfo=UTC), None),
        # the night in which Vienna's clocks go forward: 07:00 is 05:00 UTC
        (datetime(2026, 3, 29, 0, 30, tzinfo=UTC), datetime(2026, 3, 29, 5, 0, tzinfo=UTC)),
        # the night in which they go back: 07:00 is 06:00 UTC
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 6, 0, tzinfo=UTC)),
    ],
)
def test_quiet_hours_end_by_the_accounts_own_clock(at: datetime, ends: datetime | None) -> None:
    assert QuietHours(time(23), time(7), "Europe/Vienna").ends(at) == ends


def test_a_new_account_warms_up_to_the_full_number() -> None:
    settings = PostingSettings(per_day=30, warm_up=timedelta(days=10), quiet_hours="23:00-07:00")
    allowed = [
        limits_for(settings, reply=False, timezone="UTC", added=NOW, now=NOW + timedelta(days=day)).per_day
        for day in range(12)
    ]
    assert allowed == sorted(allowed)
    assert (allowed[0], allowed[10]) == (3, 30)
