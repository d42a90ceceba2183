"""World time and ids."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stonechat.core.clock import DrivenClock
from stonechat_aviary.worldtime import FollowedClock, WorldClock, iso, snowflake, x_date


def test_world_time_runs_at_its_speed_from_its_epoch() -> None:
    real = [100.0]
    clock = WorldClock(1800.0, 1_000_000.0, 100.0, real=lambda: real[0])
    assert clock.now() == 1_000_000.0
    real[0] = 102.0
    assert clock.now() == 1_003_600.0
    clock.advance(60)
    assert clock.now() == 1_003_660.0


def test_a_followed_clock_says_what_stands_in_its_file_and_what_was_advanced_by_hand(tmp_path: Path) -> None:
    file = tmp_path / "clock"
    DrivenClock.create(file, datetime(2026, 1, 5, 8, tzinfo=UTC))
    followed = FollowedClock(1800.0, file)
    assert followed.now() == 1_767_600_000.0
    DrivenClock(1800, file).advance(timedelta(hours=1))
    assert followed.now() == 1_767_603_600.0
    followed.advance(60)
    assert followed.now() == 1_767_603_660.0


def test_a_speed_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        WorldClock(0, 0, 0)


def test_an_id_carries_its_time_as_x_ids_do() -> None:
    at = 1_767_600_000.25
    milliseconds = (int(snowflake(at, 5)) >> 22) + 1_288_834_974_657
    assert milliseconds == int(at * 1000)
    assert int(snowflake(at + 1, 0)) > int(snowflake(at, 4_000_000))


def test_dates_are_written_as_the_wire_writes_them() -> None:
    assert x_date(1_767_600_000.0) == "Mon Jan 05 08:00:00 +0000 2026"
    assert iso(1_767_600_000.5) == "2026-01-05T08:00:00.500Z"
