"""Account time and real time."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stonechat.core.clock import DrivenClock, ScaledClock, SystemClock

EPOCH = datetime(2026, 1, 5, 8, tzinfo=UTC)


def test_two_scaled_clocks_of_the_same_origin_agree() -> None:
    origin = time.time()
    one, other = ScaledClock(1800, EPOCH, origin), ScaledClock(1800, EPOCH, origin)
    assert abs(one.now() - other.now()) < timedelta(seconds=1800 * 0.05)


def test_account_time_runs_at_its_speed() -> None:
    clock = ScaledClock(3600, EPOCH, time.time() - 10)
    assert timedelta(hours=10) <= clock.now() - EPOCH < timedelta(hours=10.2)


async def test_sleeping_in_account_time_takes_less_real_time() -> None:
    clock = ScaledClock(3600, EPOCH, time.time())
    before = clock.now()
    started = time.monotonic()
    await clock.sleep(timedelta(minutes=1))
    assert clock.now() - before >= timedelta(minutes=1)
    assert time.monotonic() - started < 30  # a minute would have passed on the machine's clock


def test_a_clock_cannot_stand_still_or_run_backwards() -> None:
    for speed in (0, -1):
        with pytest.raises(ValueError, match="greater than 0"):
            ScaledClock(speed, EPOCH, 0)


def test_all_times_carry_their_zone() -> None:
    for clock in (SystemClock(), ScaledClock(2, EPOCH, time.time())):
        assert clock.now().utcoffset() == timedelta(0)
        assert clock.wall().utcoffset() == timedelta(0)


def test_whoever_maps_a_driven_clock_reads_the_time_that_its_driver_gave_it(tmp_path: Path) -> None:
    DrivenClock.create(tmp_path / "clock", EPOCH)
    driver, reader = DrivenClock(1800, tmp_path / "clock"), DrivenClock(1800, tmp_path / "clock")
    assert reader.now() == EPOCH
    driver.advance(timedelta(hours=2))
    assert reader.now() == EPOCH + timedelta(hours=2)


async def test_who_sleeps_on_a_driven_clock_wakes_when_it_was_moved_so_far_and_not_before(
    tmp_path: Path,
) -> None:
    DrivenClock.create(tmp_path / "clock", EPOCH)
    clock = DrivenClock(1_000_000, tmp_path / "clock")
    asleep = asyncio.create_task(clock.sleep(timedelta(hours=1)))
    await asyncio.sleep(0)
    clock.advance(timedelta(minutes=59))
    await asyncio.sleep(0.05)
    assert not asleep.done()
    clock.advance(timedelta(minutes=1))
    await asleep


def test_a_driven_clock_needs_its_file_and_a_speed(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        DrivenClock(1800, tmp_path / "clock")
    DrivenClock.create(tmp_path / "clock", EPOCH)
    with pytest.raises(ValueError, match="greater than 0"):
        DrivenClock(0, tmp_path / "clock")
