"""The chain of fallbacks and the budget, with a real endpoint and a real database."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from stonechat.config.settings import ContentSettings
from stonechat.content.budget import BudgetLimits, Limit
from stonechat.content.errors import BudgetUsedUp, NoModel
from stonechat.content.prices import Price
from stonechat.content.writing.fallback import FallbackChain, Guard, GuardedWriter, RetryPatience
from stonechat.core.clock import SystemClock
from stonechat.core.errors import Transient
from stonechat.core.events import BudgetSpent, WriterFellBack
from stonechat.core.ports import WriteRequest
from stonechat.database.repositories import budget as ledger
from stonechat.startup.build_models import FIRST, open_models
from tests.support.clock import ManualClock
from tests.support.content import ACCOUNT, Studio, studio
from tests.support.model_endpoint import model_endpoint

REQUEST = WriteRequest("Be brief.", "kind: single\nparts: 1\ndrafts: 1", {}, "drafts", max_output_tokens=100)
EVER = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


async def write(s: Studio) -> str:
    written = await s.drafter.chain.write(REQUEST, account_id=ACCOUNT.id, purpose="slot")
    return written.model


async def usage(s: Studio) -> ledger.SpendTotals:
    async with s.database.read("test") as connection:
        return await ledger.usage(connection, *EVER)


async def next_call(s: Studio) -> None:
    """Reserve for another call, which books what dead processes left behind; it is not made."""
    with contextlib.suppress(BudgetUsedUp):
        await s.budget.release(await s.budget.reserve(ACCOUNT.id, "slot", "m-large", REQUEST))


async def test_retries_outlast_a_short_fault(tmp_path: Path) -> None:
    async with studio(tmp_path, SystemClock()) as s:
        s.endpoint.faults.extend(["503", "garbage"])
        assert await write(s) == "m-large"
        assert len(s.endpoint.calls) == 3


async def test_the_next_model_serves_when_the_first_one_is_dead(tmp_path: Path) -> None:
    async with studio(tmp_path, SystemClock(), models=("m-large", "m-small")) as s:
        s.endpoint.dead_models.add("m-large")
        assert await write(s) == "m-small"
        assert [event.to for event in s.heard if isinstance(event, WriterFellBack)] == ["m-small"]


async def test_a_refused_key_goes_on_to_the_next_model_at_once(tmp_path: Path) -> None:
    async with studio(tmp_path, SystemClock(), models=("m-large", "m-small")) as s:
        s.endpoint.faults.append("404")
        assert await write(s) == "m-small"
        assert len(s.endpoint.calls) == 2


async def test_a_short_retry_after_is_waited_for(tmp_path: Path) -> None:
    clock = SystemClock()
    async with studio(tmp_path, clock) as s:
        s.endpoint.faults.append("429:0.4")
        started = clock.monotonic()
        assert await write(s) == "m-large"
        assert clock.monotonic() - started >= 0.4


async def test_a_model_that_asks_for_a_long_rest_gets_it_and_the_work_is_deferred(tmp_path: Path) -> None:
    clock = ManualClock()
    async with studio(tmp_path, clock) as s:
        s.endpoint.faults.append("429:600")
        with pytest.raises(NoModel) as caught:
            await write(s)
        assert caught.value.retry_after == timedelta(seconds=600)
        with pytest.raises(NoModel):
            await write(s)
        assert len(s.endpoint.calls) == 1, "a resting model is not asked"
        await clock.advance(seconds=601)
        assert await write(s) == "m-large"


async def test_failed_calls_cost_nothing_and_unheard_ones_their_worst_case(tmp_path: Path) -> None:
    once = RetryPatience(attempts=1)
    async with studio(tmp_path, SystemClock(), patience=once, timeout=timedelta(seconds=0.3)) as s:
        s.endpoint.faults.append("503")
        with pytest.raises(NoModel):
            await write(s)
        assert (await usage(s)).committed.usd == 0
        s.endpoint.faults.append("hang")
        with pytest.raises(NoModel):
            await write(s)
        worst = s.budget.worst_case("m-large", REQUEST)
        assert (await usage(s)).spent.usd == pytest.approx(worst.usd)


async def test_an_endpoint_that_hides_its_usage_is_booked_by_an_estimate_within_the_reservation(
    tmp_path: Path,
) -> None:
    async with studio(tmp_path, SystemClock()) as s:
        s.endpoint.usage = False
        await write(s)
        worst = s.budget.worst_case("m-large", REQUEST).tokens
        assert worst / 2 < (await usage(s)).spent.tokens <= worst


async def test_fifty_callers_at_once_never_pass_the_limit(tmp_path: Path, any_database_url: str) -> None:
    async with studio(tmp_path, SystemClock()) as probe:
        worst = probe.budget.worst_case("m-large", REQUEST).usd
    limit = worst * 10.5
    (tmp_path / "b").mkdir()
    async with studio(
        tmp_path / "b", SystemClock(), url=any_database_url, limits=BudgetLimits(day=Limit(usd=limit))
    ) as s:
        seen: list[float] = []

        async def watch() -> None:
            while True:
                seen.append((await usage(s)).committed.usd)
                await asyncio.sleep(0)

        watcher = asyncio.create_task(watch())
        results = await asyncio.gather(*(write(s) for _ in range(50)), return_exceptions=True)
        watcher.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watcher
        refused = [one for one in results if isinstance(one, BudgetUsedUp)]
        assert len(refused) + results.count("m-large") == 50
        assert results.count("m-large") >= 10 and max(seen) <= limit
        final = await usage(s)
        assert final.reserved.usd == 0 and 0 < final.spent.usd <= limit


async def test_limits_hold_for_an_account_and_in_tokens(tmp_path: Path) -> None:
    async with studio(tmp_path, SystemClock(), limits=BudgetLimits(account_month=Limit(tokens=10))) as s:
        with pytest.raises(BudgetUsedUp) as caught:
            await write(s)
        assert ACCOUNT.id in caught.value.what and not s.endpoint.calls


async def test_the_owner_hears_once_at_eighty_and_once_at_a_hundred_per_cent(tmp_path: Path) -> None:
    async with studio(tmp_path, ManualClock()) as probe:
        worst = probe.budget.worst_case("m-large", REQUEST).usd
    (tmp_path / "b").mkdir()
    clock = ManualClock()
    async with studio(tmp_path / "b", clock, limits=BudgetLimits(day=Limit(usd=worst * 1.05))) as s:
        s.endpoint.usage = False  # a call is booked by its estimate: 84 % after the first
        await write(s)
        for _ in range(3):
            with pytest.raises(BudgetUsedUp) as caught:
                await write(s)
        shares = [event.share for event in s.heard if isinstance(event, BudgetSpent)]
        assert shares == [0.8, 1.0]
        assert caught.value.retry_after == timedelta(hours=15), "09:00 until midnight UTC"
        await clock.advance(hours=15)
        assert await write(s) == "m-large"


async def test_a_killed_caller_leaves_nothing_reserved_for_ever(tmp_path: Path) -> None:
    """Fifty callers in another process are killed with their calls under way; real time then passes."""
    clock = ManualClock(datetime.now(UTC))
    async with studio(tmp_path, clock) as s:
        worst = s.budget.worst_case("m-large", REQUEST).usd
        s.endpoint.always = "hang"
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.support.budget_callers",
            str(tmp_path),
            s.endpoint.url,
            str(worst * 20.5),
        )
        async with asyncio.timeout(60):
            while len(s.endpoint.calls) < 20:
                await asyncio.sleep(0.02)
        child.send_signal(signal.SIGKILL)
        await child.wait()
        held = await usage(s)
        assert held.reserved.usd == pytest.approx(worst * 20)
        await next_call(s)
        assert (await usage(s)).reserved.usd == held.reserved.usd, "calls may still be under way"
        await clock.advance(minutes=6)
        await next_call(s)
        after = await usage(s)
        assert after.reserved.usd == 0
        assert after.spent.usd == pytest.approx(worst * 20), "whether they were billed is unknown"


async def test_a_second_provider_serves_when_the_first_is_gone_and_its_breaker_open() -> None:
    async with model_endpoint() as second:
        own = ContentSettings(
            base_url="http://127.0.0.1:9/v1",
            api_key=SecretStr("k"),
            model="m-large",
            fallback_models=("m-small", "m-large"),
            fallback_base_url=second.url,
            fallback_api_key=SecretStr("key-for-tests"),
        )
        refused: list[str] = []

        def guard_of(name: str) -> Guard:
            @contextlib.asynccontextmanager
            async def guard() -> AsyncIterator[None]:
                if name == FIRST and refused:
                    refused.append(name)
                    raise Transient("The breaker model is open.")
                try:
                    yield
                except Transient:
                    refused.append(name)
                    raise

            return guard

        async with open_models(own, guard_of) as models:
            assert [one.model for one in models.writers] == ["m-large", "m-small", "m-large"]
            first, small, large = models.writers
            for _ in range(2):
                with pytest.raises(Transient):
                    await first.write(REQUEST)
            assert (await small.write(REQUEST)).model == "m-small"
            assert (await large.write(REQUEST)).model == "m-large"
        assert refused == [FIRST, FIRST], "the other endpoint's breaker is its own"


async def test_a_call_that_the_breaker_turned_away_goes_on_to_the_next_model_at_once(tmp_path: Path) -> None:
    @contextlib.asynccontextmanager
    async def shut() -> AsyncIterator[None]:
        raise Transient("The breaker model is open.", retry_after=timedelta(seconds=19))
        yield

    async with studio(tmp_path, SystemClock(), models=("m-large", "m-small")) as s:
        chain = s.drafter.chain
        first, second = chain.writers
        again = FallbackChain([GuardedWriter(first, shut), second], s.budget, chain.clock, chain.events)
        async with asyncio.timeout(5):
            written = await again.write(REQUEST, account_id=ACCOUNT.id, purpose="slot")
        assert written.model == "m-small"
        assert (await usage(s)).reserved.usd == 0, "what was not made was not paid"


async def test_a_cheaper_model_writes_where_the_dear_one_no_longer_fits(tmp_path: Path) -> None:
    prices = {"m-large": Price(1000.0, 1000.0), "m-small": Price(1.0, 1.0)}
    limits = BudgetLimits(day=Limit(usd=0.01))
    async with studio(
        tmp_path, SystemClock(), models=("m-large", "m-small"), prices=prices, limits=limits
    ) as s:
        assert await write(s) == "m-small"
    dear = {"m-large": Price(1000.0, 1000.0), "m-small": Price(1000.0, 1000.0)}
    async with studio(
        tmp_path / "dear", SystemClock(), models=("m-large", "m-small"), prices=dear, limits=limits
    ) as s:
        with pytest.raises(BudgetUsedUp):
            await write(s)


async def test_a_cut_off_answer_is_asked_for_once_more_with_more_room_and_the_model_remembered(
    tmp_path: Path,
) -> None:
    async with studio(tmp_path, ManualClock(), patience=RetryPatience(attempts=3)) as s:
        s.endpoint.room = 1500
        request = WriteRequest("s", "drafts: 1", {}, "drafts", max_output_tokens=500)
        for calls in (2, 3):
            written = await s.drafter.chain.write(request, account_id=ACCOUNT.id, purpose="slot")
            assert written.data["drafts"] and len(s.endpoint.calls) == calls
        s.endpoint.room = 5000
        with pytest.raises(NoModel, match="2000 tokens"):
            await s.drafter.chain.write(request, account_id=ACCOUNT.id, purpose="slot")
        assert len(s.endpoint.calls) == 4, "the same ceiling is not paid for twice"
