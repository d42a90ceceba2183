"""The engine on real databases: one run of a name, one of a partition, and only the newest claim keeps steps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from stonechat.core.states import RunState
from stonechat.jobs import Json, open_store, runs_url_beside
from stonechat.jobs.execution.durable_runs import LOST, ClaimedRun, Execution
from stonechat.jobs.execution.run_request import RunRequest
from stonechat.jobs.execution.run_store import RunStore
from tests.support.waiting import eventually

START = datetime(2026, 1, 5, 9, tzinfo=UTC)


def name(job: str, number: int = 1) -> str:
    return RunRequest(job, None, START + timedelta(minutes=number), "a test").run_id


@dataclass
class House:
    """An open engine whose runs stay in their body until they are let go."""

    execution: Execution
    begun: dict[str, ClaimedRun] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def store(self) -> RunStore:
        return self.execution.store

    async def put(self, job: str, number: int = 1, queue: str = "database") -> bool:
        request = RunRequest(job, None, START + timedelta(minutes=number), "a test")
        (new,) = await self.store.enqueue([(queue, request)])
        return new

    async def begins(self, run_id: str) -> ClaimedRun:
        await eventually(lambda: run_id in self.begun)
        return self.begun[run_id]


@asynccontextmanager
async def open_house(url: str, executor_id: str = "one", *, places: int = 4) -> AsyncIterator[House]:
    houses: list[House] = []

    async def body(run: ClaimedRun, value: Json) -> Json:
        houses[0].begun[run.run_id] = run
        houses[0].order.append(run.run_id)
        await houses[0].released.wait()
        return {"state": "succeeded"}

    async with open_store(runs_url_beside(url)) as store:
        execution = Execution(executor_id, store, {"database": places}, timedelta(seconds=0.1))
        houses.append(House(execution))
        async with execution.running(body):
            yield houses[0]
            houses[0].released.set()


async def _result(value: Json) -> Json:
    return value


async def test_a_name_is_run_once_and_runs_of_a_partition_take_turns(any_database_url: str) -> None:
    async with open_house(any_database_url) as house:
        assert await house.put("a.job", 1)
        assert await house.put("a.job", 2)
        assert not await house.put("a.job", 1, "another queue")
        assert await house.put("b.job")
        await house.begins(name("a.job", 1))
        await house.begins(name("b.job"))
        assert name("a.job", 2) not in house.begun, "two of a partition at once"
        house.released.set()
        await house.begins(name("a.job", 2))
        assert not await house.put("a.job", 1), "it has been"


async def test_a_hundred_orders_for_one_run_at_once_make_one(any_database_url: str) -> None:
    async with open_house(any_database_url) as house:
        answers = await asyncio.gather(*(house.put("a.job") for _ in range(100)))
        assert answers.count(True) == 1
        await house.begins(name("a.job"))
        house.released.set()
        assert house.order == [name("a.job")]


async def test_hosts_that_ask_for_the_same_runs_at_once_do_not_block_each_other(
    any_database_url: str,
) -> None:
    requests = [RunRequest("a.job", f"account {number}", START, "a test") for number in range(30)]
    async with open_house(any_database_url) as house:
        asked = [[("database", one) for one in order] for order in (requests, requests[::-1]) * 5]
        answers = await asyncio.gather(*(house.store.enqueue(one) for one in asked))
        assert sum(answer.count(True) for answer in answers) == len(requests), "one of a name is new"
        house.released.set()


async def test_places_bound_the_runs_at_once(any_database_url: str) -> None:
    async with open_house(any_database_url, places=1) as house:
        await house.put("first.job")
        await house.begins(name("first.job"))
        await house.put("second.job")
        await house.put("third.job")
        active = await house.store.active()
        assert sorted(run.state for run in active) == [RunState.RUNNING, *[RunState.SCHEDULED] * 2]
        house.released.set()
        await house.begins(name("second.job"))
        await house.begins(name("third.job"))


async def test_a_holder_that_was_taken_over_can_keep_nothing_more(any_database_url: str) -> None:
    async with open_house(any_database_url) as house:
        await house.put("a.job")
        run_id = name("a.job")
        old = await house.begins(run_id)
        assert await old.held()
        assert (await house.store.held("one"))[0].takeovers == 0
        (held,) = await house.store.held(run_ids=[run_id])
        del house.begun[run_id]
        await house.store.resume([held])  # somebody takes this process for dead
        await house.begins(run_id)
        assert (await house.store.held("one"))[0].takeovers == 1


@pytest.mark.parametrize("lost", ["taken over", "cancelled"])
async def test_a_run_that_was_lost_keeps_no_further_step(any_database_url: str, lost: str) -> None:
    kept: list[str] = []
    stopped = asyncio.Event()

    async def body(run: ClaimedRun, _: Json) -> Json:
        first = not kept
        kept.append("begun")
        if not first:
            assert await run.step("one", lambda: _result("not run")) == {"x": [1, "ü"]}
            assert [step.name for step in await run.recorded()] == ["one"]
            kept.append(str(await run.step("two", lambda: _result("again"))))
            return {"state": "succeeded"}
        assert await run.step("one", lambda: _result({"x": [1, "ü"]})) == {"x": [1, "ü"]}
        held = await run.execution.store.held(run_ids=[run.run_id])
        if lost == "cancelled":
            await run.execution.store.cancel(run.run_id, note="a test")
        else:
            await run.execution.store.resume(held)
        try:
            await run.step("two", lambda: _result("never kept"))
            kept.append("wrong")
        except LOST:
            kept.append("refused")
            raise
        finally:
            stopped.set()

    request = RunRequest("a.job", None, START, "a test")
    async with (
        open_store(runs_url_beside(any_database_url)) as store,
        Execution("one", store, {"database": 4}, timedelta(seconds=0.1)).running(body),
    ):
        await store.enqueue([("database", request)])
        await stopped.wait()

        async def ended() -> bool:
            run = await store.find(request.run_id)
            return run is not None and run.state in (RunState.SUCCEEDED, RunState.SKIPPED)

        await eventually(ended)
        names = [(step.name, step.result) for step in await store.steps(request.run_id)]
    assert "wrong" not in kept and "refused" in kept
    if lost == "taken over":
        assert names == [("one", {"x": [1, "ü"]}), ("two", "again")]
    else:
        assert names == [("one", {"x": [1, "ü"]})]
