"""The board's answers, its verdict, and what happens to a check that hangs or breaks."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from stonechat.core.clock import SystemClock
from stonechat.core.errors import Transient
from stonechat.core.events import EventStream, LayerChanged, Stamped
from stonechat.core.states import LayerState
from stonechat.monitoring import LAYERS, HealthBoard, ProbeResult, degraded, down, ok, open_board
from tests.support.clock import ManualClock
from tests.support.waiting import eventually


class Mood:
    """A check that answers as it is told."""

    def __init__(self, result: ProbeResult) -> None:
        self.result = result
        self.asked = 0

    async def __call__(self) -> ProbeResult:
        self.asked += 1
        return self.result


def board() -> tuple[HealthBoard, ManualClock, list[Stamped]]:
    clock = ManualClock()
    events = EventStream(clock)
    seen: list[Stamped] = []
    events.subscribe(seen.append)
    return HealthBoard(clock, events), clock, seen


async def test_what_was_never_checked_is_unknown_and_not_well() -> None:
    health, _, _ = board()
    assert [one.state for one in health.layers()] == [LayerState.UNKNOWN] * 10
    assert health.verdict().state is LayerState.UNKNOWN


async def test_all_well_is_said_in_one_sentence() -> None:
    health, _, _ = board()
    for layer in LAYERS:
        health.register(layer, Mood(ok()))
    await health.check_all()
    assert health.verdict().sentence == "Running normally."


async def test_the_verdict_names_the_root_cause_and_what_suffers() -> None:
    health, _, _ = board()
    for layer in LAYERS:
        health.register(layer, Mood(ok()))
    health.register("browser", Mood(down("Chromium was killed")))
    health.register("posting", Mood(down("no page")))
    await health.check_all()
    verdict = health.verdict()
    assert verdict.root == "browser"
    assert verdict.sentence == "Browser is down: Chromium was killed. Because of it: posting."


async def test_since_is_when_the_state_changed_and_each_change_is_one_event() -> None:
    health, clock, seen = board()
    mood = Mood(ok())
    health.register("cache", mood)
    await health.check("cache")
    await clock.advance(seconds=30)
    mood.result = degraded("Redis is away")
    for _ in range(5):
        await health.check("cache")
        await clock.advance(seconds=10)
    assert health.layer("cache").since == clock.wall() - timedelta(seconds=50)
    changes = [stamped.event for stamped in seen if isinstance(stamped.event, LayerChanged)]
    assert [change.after for change in changes] == [LayerState.OK, LayerState.DEGRADED]


async def test_of_several_checks_the_worst_holds() -> None:
    health, _, _ = board()
    health.register("posting", Mood(ok("2 queued")), name="queue")
    health.register("posting", Mood(down("none published")), name="flow")
    await health.check("posting")
    assert (health.layer("posting").state, health.layer("posting").detail) == (LayerState.DOWN, "2 queued")


async def test_a_check_that_raises_means_down_with_its_reason() -> None:
    health, _, _ = board()

    async def fails() -> ProbeResult:
        raise Transient("no route to the server")

    async def breaks() -> ProbeResult:
        raise KeyError("oops")

    health.register("database", fails)
    health.register("cache", breaks)
    await health.check_all()
    assert health.layer("database").cause == "no route to the server"
    assert health.layer("cache").cause == "the check failed: KeyError: 'oops'"
    assert health.is_down("database") == "no route to the server"


async def test_an_old_answer_is_no_longer_believed() -> None:
    health, clock, _ = board()
    health.register("cache", Mood(ok()), every=timedelta(seconds=10))
    await health.check("cache")
    await clock.advance(seconds=59)
    assert health.layer("cache").state is LayerState.OK
    await clock.advance(seconds=2)
    assert health.layer("cache").state is LayerState.UNKNOWN


async def test_a_check_that_hangs_is_down_and_does_not_hold_up_the_others() -> None:
    async def hangs() -> ProbeResult:
        await asyncio.Event().wait()
        return ok()

    clock = SystemClock()
    well = Mood(ok())
    async with open_board(clock, EventStream(clock)) as health:
        health.register("browser", hangs, timeout=timedelta(milliseconds=100))
        health.register("cache", well, every=timedelta(milliseconds=10))
        await eventually(lambda: well.asked >= 2 and health.layer("browser").state is LayerState.DOWN)
        assert health.layer("browser").cause == "no answer within 0.1 s"
