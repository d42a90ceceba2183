"""When the demo's clock waits, and for what."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from stonechat.core.clock import DrivenClock
from stonechat.core.events import Event, EventStream, RunEnded, RunStarted
from stonechat.core.states import RunState
from stonechat.startup.pacing import LONGEST_WAIT, PATIENCE, RunsAtWork, driven
from tests.support.clock import ManualClock
from tests.support.waiting import eventually


class Scene:
    """Runs at work, told by events."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.events = EventStream(self.clock)
        self.runs = RunsAtWork(self.clock)
        self.events.subscribe(self.runs.hear)


def began(job: str = "posting.sweep", *, late: float = 0) -> Event:
    return RunStarted(job=job, run_id=job, late=timedelta(seconds=late))


def ended(job: str = "posting.sweep") -> Event:
    return RunEnded(job=job, run_id=job, state=RunState.SUCCEEDED, took=timedelta(seconds=1))


async def test_a_run_that_takes_long_is_waited_for_until_it_ends() -> None:
    scene = Scene()
    scene.events.emit(began())
    assert not scene.runs.lag()
    await scene.clock.advance(seconds=PATIENCE + 0.1)
    assert scene.runs.lag()
    scene.events.emit(ended())
    assert not scene.runs.lag()


async def test_a_run_that_began_late_has_so_much_less_time() -> None:
    scene = Scene()
    scene.events.emit(began(late=3600))
    await scene.clock.advance(seconds=0.1)
    assert scene.runs.lag()


async def test_a_run_that_hangs_is_not_waited_for_for_ever() -> None:
    scene = Scene()
    scene.events.emit(began())
    await scene.clock.advance(seconds=LONGEST_WAIT)
    assert not scene.runs.lag()


async def test_what_may_lag_in_live_mode_is_not_waited_for() -> None:
    scene = Scene()
    scene.events.emit(began("harvesting.search", late=3600))
    await scene.clock.advance(seconds=PATIENCE + 0.1)
    assert not scene.runs.lag()


async def test_account_time_goes_on_while_it_is_driven_and_stands_while_a_run_lags(tmp_path: Path) -> None:
    DrivenClock.create(tmp_path / "clock", ManualClock().now())
    clock = DrivenClock(1800, tmp_path / "clock")
    events = EventStream(clock)
    start = clock.now()
    async with driven(clock, events):
        await eventually(lambda: clock.now() > start + timedelta(minutes=5))
        events.emit(began(late=PATIENCE * 1800 + 3600))
        await clock.sleep_real(timedelta(seconds=0.1))  # until the driver has looked
        stands = clock.now()
        await clock.sleep_real(timedelta(seconds=0.2))
        assert clock.now() == stands
        events.emit(ended())
        await eventually(lambda: clock.now() > stands)
    after = clock.now()
    await clock.sleep_real(timedelta(seconds=0.1))
    assert clock.now() == after
