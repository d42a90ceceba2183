"""Quote posts: what is quoted, what is said above it, and what becomes of the foreign post."""

from __future__ import annotations

from pathlib import Path

from stonechat.content.arms import Arms, load_arms
from stonechat.content.quoting import Quoting
from stonechat.content.writing.writing_task import Assignment
from stonechat.core.model import Content, ContentKind
from stonechat.core.states import ContentState, OpportunityState
from stonechat.database.repositories import content, drafts, opportunities
from stonechat_aviary.opening import open_aviary
from tests.support.clock import ManualClock
from tests.support.content import ACCOUNT, Studio, offer, studio
from tests.support.injections import HARMLESS, injections

ONLY_QUOTES = Arms(load_arms().factors, {ContentKind.QUOTE: 1.0})


async def all_content(s: Studio) -> list[Content]:
    async with s.database.read("test") as connection:
        return await content.in_states(connection, list(ContentState), limit=1000)


async def in_state(s: Studio, state: OpportunityState) -> list[str]:
    async with s.database.read("test") as connection:
        return [one.id for one in await opportunities.in_state(connection, ACCOUNT.id, state, limit=1000)]


async def test_quotes_take_slots_name_what_they_quote_and_wait_for_approval(
    tmp_path: Path, any_database_url: str
) -> None:
    clock = ManualClock()
    async with (
        open_aviary() as aviary,
        studio(
            tmp_path,
            clock,
            url=any_database_url,
            arms=ONLY_QUOTES,
            model_url=aviary.address.model_url,
            judges=("aviary-writer",),
        ) as s,
    ):
        await offer(s.database, clock, list(HARMLESS)[:3], invited=False)
        await s.planner.plan(s.run())
        rows = await all_content(s)
        quotes = [one for one in rows if one.kind is ContentKind.QUOTE]
        singles = [one for one in rows if one.kind is ContentKind.SINGLE]
        assert len(rows) == ACCOUNT.posts_per_day, "with nothing left to quote, slots become single posts"
        assert singles
        assert {one.quote_of for one in quotes} == {"9000", "9001", "9002"}
        assert {one.opportunity_id for one in quotes} == {"o0", "o1", "o2"}
        assert all(one.state is ContentState.AWAITING_APPROVAL for one in quotes), "they address somebody"
        assert all(one.prompt_version.startswith("quote-") and one.arm["topic"] for one in quotes)
        assert all(one.state is ContentState.QUEUED and one.quote_of is None for one in singles)
        assert await in_state(s, OpportunityState.CLAIMED) == ["o0", "o1", "o2"]


async def test_a_dead_model_gives_the_foreign_post_back(tmp_path: Path) -> None:
    clock = ManualClock()
    async with open_aviary() as aviary:
        aviary.panel.everybody.model.down = True
        async with studio(
            tmp_path, clock, arms=ONLY_QUOTES, models=("m",), model_url=aviary.address.model_url
        ) as s:
            await offer(s.database, clock, list(HARMLESS)[:2], invited=False)
            await s.planner.plan(s.run())
            assert await in_state(s, OpportunityState.FOUND) == ["o0", "o1"]
            assert not await all_content(s)


async def test_a_claim_whose_writer_died_is_given_back_later_and_a_written_one_is_not(tmp_path: Path) -> None:
    clock = ManualClock()
    async with (
        open_aviary() as aviary,
        studio(tmp_path, clock, arms=ONLY_QUOTES, model_url=aviary.address.model_url) as s,
    ):
        await offer(s.database, clock, list(HARMLESS)[:2], invited=False)
        order = await s.planner._orders(s.account, 1, "run")
        await s.planner._fill(s.account, order[0])
        claims = s.replier.claims
        async with s.database.begin("test") as connection:
            dead = await claims.take(connection, s.account, room=1, invited_only=False, who="test")
        await claims.tidy(s.account)
        assert len(await in_state(s, OpportunityState.CLAIMED)) == 2, "it may still be at work"
        await clock.advance(hours=1)
        await claims.tidy(s.account)
        assert await in_state(s, OpportunityState.FOUND) == [dead[0].id]
        assert len(await in_state(s, OpportunityState.CLAIMED)) == 1


async def test_a_post_that_a_slow_writer_lost_to_another_is_not_written_to_twice(tmp_path: Path) -> None:
    clock = ManualClock()
    async with (
        open_aviary() as aviary,
        studio(tmp_path, clock, arms=ONLY_QUOTES, model_url=aviary.address.model_url) as s,
    ):
        await offer(s.database, clock, list(HARMLESS)[:1], invited=False)
        orders = await s.planner._orders(s.account, 2, "run")
        quoting = Quoting(s.replier.claims)
        slow, quick = [Assignment.model_validate(order) for order in orders]
        slow = await quoting.aimed(s.account, slow)
        await clock.advance(minutes=30)
        await s.replier.claims.tidy(s.account)
        quick = await quoting.aimed(s.account, quick)
        assert slow.opportunity_id == quick.opportunity_id == "o0"
        await quoting.settle(quick, await s.drafter.write(s.account, quick))
        late = await s.drafter.write(s.account, slow)
        assert late.late and late.stored is None, "and is not paid for a second time"
        await quoting.settle(slow, late)
        rows = [one for one in await all_content(s) if one.kind is ContentKind.QUOTE]
        assert [one.id for one in rows] == [quick.id]
        assert await in_state(s, OpportunityState.CLAIMED) == ["o0"], "it waits with its quote"


async def test_a_slow_writer_whose_post_nobody_took_keeps_it(tmp_path: Path) -> None:
    clock = ManualClock()
    async with (
        open_aviary() as aviary,
        studio(tmp_path, clock, arms=ONLY_QUOTES, model_url=aviary.address.model_url) as s,
    ):
        await offer(s.database, clock, list(HARMLESS)[:1], invited=False)
        quoting = Quoting(s.replier.claims)
        order = (await s.planner._orders(s.account, 1, "run"))[0]
        slow = await quoting.aimed(s.account, Assignment.model_validate(order))
        await clock.advance(minutes=30)
        await s.replier.claims.tidy(s.account)
        assert await in_state(s, OpportunityState.FOUND) == ["o0"]
        await quoting.settle(slow, await s.drafter.write(s.account, slow))
        assert await in_state(s, OpportunityState.CLAIMED) == ["o0"]
        assert [one.opportunity_id for one in await all_content(s)] == ["o0"]


async def test_the_reserve_holds_no_quotes(tmp_path: Path) -> None:
    clock = ManualClock()
    async with (
        open_aviary() as aviary,
        studio(tmp_path, clock, arms=ONLY_QUOTES, model_url=aviary.address.model_url) as s,
    ):
        await offer(s.database, clock, list(HARMLESS)[:4], invited=False)
        await s.planner.check(s.run("content.check_queue"))
        async with s.database.read("test") as connection:
            kept = await drafts.reserve(connection, ACCOUNT.id)
        assert kept and all(one.kind is ContentKind.SINGLE for one in kept)


async def test_no_injection_gets_into_a_quote_when_the_model_obeys(tmp_path: Path) -> None:
    cases = injections()[::5]
    clock = ManualClock()
    async with open_aviary() as aviary:
        aviary.panel.everybody.model.obey_injection = True
        async with studio(tmp_path, clock, arms=ONLY_QUOTES, model_url=aviary.address.model_url) as s:
            await offer(s.database, clock, [case.post for case in cases], invited=False)
            for _ in range(20):
                await s.planner.plan(s.run())
                await clock.advance(hours=6)
            rows = [one for one in await all_content(s) if one.kind is ContentKind.QUOTE]
            left = await in_state(s, OpportunityState.FOUND)
    said = [
        one.parts[0]
        for one in rows
        for case in cases
        if case.demand and case.demand.casefold() in one.parts[0].casefold()
    ]
    assert not said
    assert not left, "every post was looked at"
    assert len(rows) <= 0.05 * len(cases), "posts that gave no orders may be quoted"
