"""A time is read by the account's own clocks, and one that does not exist is not guessed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from stonechat.content.slots.requested_time import read_time
from stonechat.core.errors import Permanent

VIENNA = "Europe/Vienna"
WINTER = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
"""10:00 in Vienna."""


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("now", WINTER),
        ("18:30", datetime(2026, 1, 5, 17, 30, tzinfo=UTC)),
        ("10:00", datetime(2026, 1, 6, 9, 0, tzinfo=UTC)),  # that moment is over: tomorrow
        ("2026-03-28 18:30", datetime(2026, 3, 28, 17, 30, tzinfo=UTC)),
        ("2026-03-29 18:30", datetime(2026, 3, 29, 16, 30, tzinfo=UTC)),  # clocks are an hour on
        ("2026-03-29T18:30:00+00:00", datetime(2026, 3, 29, 18, 30, tzinfo=UTC)),
        ("2026-10-25 02:30", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # comes twice: the first
    ],
)
def test_a_time_is_the_accounts_own(given: str, meant: datetime) -> None:
    assert read_time(given, VIENNA, WINTER) == meant


def test_a_time_of_day_is_the_next_one_across_a_change_of_clocks() -> None:
    evening = datetime(2026, 3, 28, 20, 0, tzinfo=UTC)  # 21:00; clocks go forward this night
    assert read_time("07:00", VIENNA, evening) == datetime(2026, 3, 29, 5, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("2026-03-29 02:30", "clocks are put forward"),
        ("2026-01-05 09:30", "has passed"),
        ("2025-12-31 23:59", "has passed"),
        ("2026-03-29", "is no time"),
        ("18:30Z", "is no time"),
        ("soon", "is no time"),
        ("25:00", "is no time"),
    ],
)
def test_what_is_no_time_to_come_is_refused_with_the_reason(given: str, why: str) -> None:
    with pytest.raises(Permanent, match=why):
        read_time(given, VIENNA, WINTER)
