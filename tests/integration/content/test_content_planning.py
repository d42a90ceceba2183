"""Planning, writing, reviewing and storing, with a real database and a real endpoint."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from stonechat.content.budget import BudgetLimits, Limit
from stonechat.content.review import Draft
from stonechat.content.voice import Voice
from stonechat.content.writing.fallback import RetryPatience
from stonechat.content.writing.judge import ModelJudge, Opinion
from stonechat.content.writing.writing_task import Assignment
from stonechat.core.events import ContentPlanned
from stonechat.core.model import Content, ContentKind, Metrics, Opportunity
from stonechat.core.states import ContentState, OpportunityState
from stonechat.database.repositories import content, drafts, opportunities
from tests.support.clock import ManualClock
from tests.support.content import ACCOUNT, studio


async def test_a_plan_fills_the_queue_with_reviewed_posts_in_their_hour_blocks(
    tmp_path: Path, any_database_url: str
) -> None:
    clock = ManualClock()
    async with studio(tmp_path, clock, url=any_database_url) as s:
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
        assert len(topics) == 8
        assert all(a != b for a, b in itertools.pairwise(topics))
        assert sum(isinstance(event, ContentPlanned) for event in s.heard) == 8
        assert await s.planner.missing(s.account) == 0
        assert s.spool.size("content") == 0


async def test_a_repeated_run_writes_nothing_twice(tmp_path: Path) -> None:
    async with studio(tmp_path, ManualClock()) as s:
        run = s.run()
        await s.planner.plan(run)
        remembered = run.remembered["choose"]
        orders = [Assignment.model_validate(one) for one in remembered]
        again = s.run()
        again.run_id, again.remembered = run.run_id, {"choose": remembered}
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


async def test_where_the_plan_job_never_runs_the_queue_check_fills_the_queue(tmp_path: Path) -> None:
    async with studio(tmp_path, ManualClock()) as s:
        await s.planner.check(s.run("content.check_queue"))
        async with s.database.read("test") as connection:
            assert len(await content.in_states(connection, (ContentState.QUEUED,))) == 8
        assert await s.planner.missing(s.account) == 0


async def test_a_spent_budget_hands_the_slots_to_the_reserve_and_the_plan_goes_on_when_it_is_free_again(
    tmp_path: Path,
) -> None:
    clock = ManualClock()
    async with studio(tmp_path, clock) as s:
        await s.planner._restock(s.account, s.run())
    poor = BudgetLimits(day=Limit(usd=0.000001))  # less than what the drafts of the reserve have cost today
    async with studio(tmp_path, clock, limits=poor) as s:
        run = s.run()
        work = await s.planner.plan(run)
        async with s.database.read("test") as connection:
            queued = await content.in_states(connection, (ContentState.QUEUED,))
        assert not s.endpoint.calls, "generation stops before the limit, not after it"
        assert len(queued) == work.done >= 1, "the reserve serves"
        assert run.woken == [("content.plan", clock.now() + timedelta(hours=15))], "09:00 until midnight UTC"


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


async def test_two_planners_at_once_never_take_one_slot_twice(tmp_path: Path, any_database_url: str) -> None:
    async with studio(tmp_path, ManualClock(), url=any_database_url) as s:
        await asyncio.gather(s.planner.plan(s.run()), s.planner.plan(s.run()), s.planner.plan(s.run()))
        async with s.database.read("test") as connection:
            queued = await content.in_states(connection, (ContentState.QUEUED,))
    times = [one.due_at for one in queued]
    assert len(times) >= s.account.posts_per_day
    assert all(b - a >= timedelta(minutes=20) for a, b in itertools.pairwise(times))
    days = [at.date() for at in times]
    assert all(days.count(day) <= s.account.posts_per_day for day in days)


async def test_drafts_are_ranked_and_a_second_model_may_only_say_no(tmp_path: Path) -> None:
    async def longest_first(account_id: str, found: Sequence[Content]) -> list[float]:
        return [float(len(one.parts[0])) for one in found]

    asked: list[str] = []

    async def no_kettles(account_id: str, draft: Draft, voice: Voice) -> Opinion:
        asked.append(draft.text)
        return Opinion(read=True, against="kettles again" if "kettle" in draft.text else "")

    async with studio(tmp_path, ManualClock()) as s:
        drafter = replace(s.drafter, rank=longest_first, judge=no_kettles)
        texts = [
            "A kettle takes four long minutes, and that is enough for a look out of the window.",
            "Tea first.  Then the inbox.",
            "The bench by the river is free at noon, whatever the calendar says.",
        ]
        s.endpoint.answer = lambda system, prompt, rng: json.dumps(
            {"drafts": [{"parts": [text]} for text in texts]}
        )
        order = (await s.planner._orders(s.account, 1, "run"))[0]
        single = order.model_copy(update={"kind": ContentKind.SINGLE})
        outcome = await drafter.write(s.account, single)
        async with s.database.read("test") as connection:
            refused = await drafts.rejected(connection)
        assert isinstance(outcome.stored, Content) and outcome.stored.parts == (texts[2],)
        assert [(one.step, one.why) for one in refused] == [("judge", "kettles again")]
        assert asked == [texts[0], texts[2]], "each opinion costs a call: the best first, and no further"


async def test_the_model_judge_speaks_json_within_the_budget_and_says_when_it_could_not_read(
    tmp_path: Path,
) -> None:
    async with studio(tmp_path, ManualClock(), patience=RetryPatience(attempts=1)) as s:
        judge = ModelJudge(s.drafter.chain)
        draft = Draft(ContentKind.SINGLE, ("A walk after lunch helps.",))
        s.endpoint.answer = lambda *_: json.dumps({"verdict": "reject", "reason": "too thin"})
        assert await judge(ACCOUNT.id, draft, s.drafter.voice) == Opinion(True, "the judge: too thin")
        s.endpoint.answer = lambda *_: json.dumps({"verdict": "pass", "reason": ""})
        assert await judge(ACCOUNT.id, draft, s.drafter.voice) == Opinion(read=True)
        s.endpoint.always = "503"
        assert await judge(ACCOUNT.id, draft, s.drafter.voice) == Opinion(read=False)


async def test_rejected_drafts_are_kept_and_their_reasons_feed_the_next_prompt(tmp_path: Path) -> None:
    async with studio(tmp_path, ManualClock()) as s:
        bad = json.dumps({"drafts": [{"parts": ["Studies show that a walk is guaranteed to help."]}]})
        s.endpoint.answer = lambda *_: bad
        order = Assignment.model_validate((await s.planner._orders(s.account, 1, "run"))[0])
        outcome = await s.drafter.write(s.account, order.model_copy(update={"kind": ContentKind.SINGLE}))
        assert outcome.stored is None and outcome.why == ("guarantees something",)
        assert len(s.endpoint.calls) == 2 and "avoid: guarantees something" in s.endpoint.calls[1][2]
        assert s.spool.size("content") == 0


async def test_while_posting_is_held_no_money_is_spent_on_a_backlog(tmp_path: Path) -> None:
    clock = ManualClock()
    async with studio(tmp_path, clock) as s:
        for _ in range(6):
            await s.planner.plan(s.run())
            await clock.advance(hours=12)
        async with s.database.read("test") as connection:
            assert len(await content.in_states(connection, (ContentState.QUEUED,))) == 8
        assert len(s.endpoint.calls) == 8
