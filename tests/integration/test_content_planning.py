"""Planning, writing, reviewing and storing, with a real database and a real endpoint."""

from __future__ import annotations

import itertools
from datetime import timedelta
from pathlib import Path

from tests.support.clock import ManualClock
from tests.support.content import ACCOUNT, studio

from stonechat.core.events import ContentPlanned
from stonechat.core.model import ContentKind, Metrics, Opportunity
from stonechat.core.states import ContentState, OpportunityState
from stonechat.database import content, drafts, opportunities


async def test_a_plan_fills_the_queue_with_reviewed_posts_in_their_hour_blocks(tmp_path: Path) -> None:
    clock = ManualClock()
    async with studio(tmp_path, clock) as s:
        work = await s.planner.plan(s.run())
        async with s.database.read("test") as connection:
            queued = await content.in_states(connection, (ContentState.QUEUED,))
        assert (work.done, work.due) == (8, 8), work
        assert len(queued) == 8
        for one in queued:
            first, last = s.arms.hours(one.arm) or (0, 0)
            assert first <= one.due_at.hour < last
            assert one.due_at > clock.now()
            assert one.propensity == 1 / 6**4 and one.prompt_version.startswith("post-")
            assert one.writer_model == "m-large" and one.cost_usd > 0
        topics = [one.arm["topic"] for one in queued]
        assert all(a != b for a, b in itertools.pairwise(topics))
        assert sum(isinstance(event, ContentPlanned) for event in s.heard) == 8
        assert await s.planner.missing(s.account) == 0
        assert s.spool.size("content") == 0


async def test_a_repeated_run_writes_nothing_twice(tmp_path: Path) -> None:
    async with studio(tmp_path, ManualClock()) as s:
        run = s.run()
        await s.planner.plan(run)
        orders = run.remembered["choose"]
        again = s.run()
        again.run_id, again.remembered = run.run_id, {"choose": orders}
        calls = len(s.endpoint.calls)
        for order in orders:
            await s.planner._fill(s.account, order)
        async with s.database.read("test") as connection:
            assert len(await content.in_states(connection, (ContentState.QUEUED,))) == 8
        assert calls == len(s.endpoint.calls)


async def test_the_queue_check_stocks_the_reserve(tmp_path: Path) -> None:
    async with studio(tmp_path, ManualClock()) as s:
        await s.planner.plan(s.run())
        for _ in range(4):
            await s.planner.check(s.run("content.check_queue"))
        async with s.database.read("test") as connection:
            assert await drafts.reserve_size(connection, s.account.id) == 16
        assert (await s.planner.check(s.run("content.check_queue"))).due == 0


async def test_an_opportunity_is_answered_once_and_waits_for_approval(tmp_path: Path) -> None:
    clock = ManualClock()
    async with studio(tmp_path, clock) as s:
        found = Opportunity(
            id="o1",
            account_id=ACCOUNT.id,
            post_id="900",
            author="reader",
            text="How do you keep an evening free when work runs late?",
            url="u",
            posted_at=clock.now() - timedelta(hours=1),
            found_at=clock.now(),
            state=OpportunityState.FOUND,
            source="mentions",
            invited=True,
            metrics=Metrics(likes=1),
        )
        async with s.database.begin("test") as connection:
            await opportunities.add(connection, [found])
        work = await s.replier.reply(s.run("content.replies"))
        await s.replier.reply(s.run("content.replies"))
        async with s.database.read("test") as connection:
            held = await content.in_states(connection, (ContentState.AWAITING_APPROVAL,))
        assert work.done == 1
        assert [(one.kind, one.in_reply_to, one.opportunity_id) for one in held] == [
            (ContentKind.REPLY, "900", "o1")
        ]
        assert len(s.endpoint.calls) == 1
        assert 'their_post: "How do you keep' in s.endpoint.calls[0][2]
