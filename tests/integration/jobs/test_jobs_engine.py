"""The engine's books on real databases: one run of a name, one of a lane, and only the newest claim keeps steps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from stonechat.jobs.engine import LOST, Engine, EngineRun, Enqueued, Recorded, open_engine

from stonechat.jobs.job import Json
from stonechat.jobs.service import runs_url_beside
from tests.support.waiting import eventually

NOW = timedelta()


@dataclass
class House:
    """An open engine whose runs stay in their body until they are let go."""

    engine: Engine
    begun: dict[str, EngineRun] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def put(self, run_id: str, *, lane: str = "", handicap: timedelta = NOW) -> Enqueued:
        return await self.engine.enqueue(
            run_id, {"a": 1}, queue="database", lane=lane or run_id, handicap=handicap
        )

    async def begins(self, run_id: str) -> EngineRun:
        await eventually(lambda: run_id in self.begun)
        return self.begun[run_id]


@asynccontextmanager
async def open_house(url: str, executor_id: str = "one", *, places: int = 4) -> AsyncIterator[House]:
    houses: list[House] = []

    async def body(run: EngineRun, value: Json) -> Json:
        houses[0].begun[run.run_id] = run
        houses[0].order.append(run.run_id)
        await houses[0].released.wait()
        return value

    async with open_engine(
        runs_url_beside(url),
        executor_id=executor_id,
        queues={"database": places},
        poll=timedelta(seconds=1),
        body=body,
    ) as engine:
        houses.append(House(engine))
        yield houses[0]
        houses[0].released.set()


def _step(name: str, result: Json = None) -> Recorded:
    return Recorded(name, result, datetime.now(UTC), datetime.now(UTC))


async def test_a_name_is_run_once_and_a_lane_is_not_run_twice_at_once(any_database_url: str) -> None:
    async with open_house(any_database_url) as house:
        assert await house.put("a@1", lane="a") is Enqueued.NEW
        assert await house.put("a@2", lane="a") is Enqueued.BUSY
        assert await house.put("a@1", lane="b") is Enqueued.KNOWN
        await house.begins("a@1")
        assert await house.put("a@2", lane="a") is Enqueued.BUSY, "at work, not only waiting"
        house.released.set()

        async def free() -> bool:
            return await house.put("a@2", lane="a") is Enqueued.NEW

        await eventually(free)
        assert await house.put("a@1", lane="c") is Enqueued.KNOWN, "it has been"
        await house.begins("a@2")
        assert house.order == ["a@1", "a@2"]


async def test_a_hundred_requests_for_one_run_at_once_make_one(any_database_url: str) -> None:
    async with open_house(any_database_url) as house:
        answers = await asyncio.gather(*(house.put("a@1", lane="a") for _ in range(100)))
        assert answers.count(Enqueued.NEW) == 1
        await house.begins("a@1")
        house.released.set()
        assert house.order == ["a@1"]


async def test_places_bound_the_runs_and_those_with_less_handicap_go_first(any_database_url: str) -> None:
    async with open_house(any_database_url, places=1) as house:
        await house.put("first")
        await house.begins("first")
        await house.put("late", handicap=timedelta(hours=1))
        await house.put("soon")
        await house.put("later", handicap=timedelta(hours=2))
        assert house.order == ["first"], "one place"
        house.released.set()
        await house.begins("later")
        assert house.order == ["first", "soon", "late", "later"]


async def test_only_the_newest_claim_keeps_steps(any_database_url: str) -> None:
    async with open_house(any_database_url) as house:
        await house.put("a@1")
        run = await house.begins("a@1")
        assert await run.step("one", lambda: asyncio.sleep(0, result={"x": [1, "ü"]})) == {"x": [1, "ü"]}
        (kept,) = await run.recorded()
        assert (kept.name, kept.result) == ("one", {"x": [1, "ü"]})
        with pytest.raises(LOST):
            await asyncio.to_thread(house.engine.keep, "a@1", "a token of yesterday", _step("two"), 2)
        assert [step.name for step in await run.recorded()] == ["one"]


async def test_a_holder_that_was_taken_over_can_keep_nothing_more(any_database_url: str) -> None:
    async with open_house(any_database_url) as house:
        await house.put("a@1")
        old = await house.begins("a@1")
        del house.begun["a@1"]
        assert await house.engine.recover("one") == 1  # somebody takes this process for dead
        new = await house.begins("a@1")
        assert new.owner != old.owner
        assert (await old.held(), await new.held()) == (False, True)
        with pytest.raises(LOST):
            await old.step("one", lambda: asyncio.sleep(0, result=1))
        await new.step("one", lambda: asyncio.sleep(0, result=2))
        assert [step.result for step in await new.recorded()] == [2]


async def test_a_cancelled_run_can_keep_no_further_step(any_database_url: str) -> None:
    async with open_house(any_database_url) as house:
        await house.put("a@1")
        run = await house.begins("a@1")
        await run.step("one", lambda: asyncio.sleep(0, result=1))
        await house.engine.cancel("a@1")
        with pytest.raises(LOST):
            await run.step("two", lambda: asyncio.sleep(0, result=2))
