"""What a human decides: approved bytes are the posted bytes, and nothing is decided twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from stonechat.content.costs import costs
from stonechat.content.review import Bounds
from stonechat.content.review.similarity import History
from stonechat.core.errors import Permanent
from stonechat.core.ids import digest
from stonechat.core.model import Approval, Content
from stonechat.core.states import ContentState
from stonechat.database.repositories import content, drafts, state_history
from tests.support import decided
from tests.support.clock import ManualClock
from tests.support.content import ACCOUNT, Studio, studio
from tests.support.text_rules import PlainRules

HELD = replace(ACCOUNT, posts_per_day=2, approval=Approval.ALL)


async def held(s: Studio) -> list[Content]:
    await s.planner.plan(s.run())
    async with s.database.read("test") as connection:
        return await content.in_states(connection, (ContentState.AWAITING_APPROVAL,))


def bounds(s: Studio) -> Bounds:
    return Bounds(s.drafter.voice, PlainRules(), History())


async def test_what_was_seen_is_what_is_approved(tmp_path: Path) -> None:
    clock = ManualClock()
    async with studio(tmp_path, clock, account=HELD) as s:
        first, second = await held(s)
        done = await decided.approve(s.database, clock, first.id, "owner", seen=digest(*first.parts))
        assert done.state is ContentState.QUEUED and done.parts == first.parts
        assert (done.approved_by, done.approved_digest) == ("owner", digest(*first.parts))
        with pytest.raises(Permanent):
            await decided.approve(s.database, clock, first.id, "owner")
        await decided.edit(
            s.database, clock, second.id, "owner", ["Tea first, then the inbox."], bounds=bounds(s)
        )
        with pytest.raises(Permanent) as caught:
            await decided.approve(s.database, clock, second.id, "owner", seen=digest(*second.parts))
        assert "changed since it was shown" in caught.value.what


async def test_an_edit_passes_the_same_review_and_approves_its_own_text(tmp_path: Path) -> None:
    clock = ManualClock()
    async with studio(tmp_path, clock) as s:
        await s.planner.plan(s.run())
        async with s.database.read("test") as connection:
            one = (await content.in_states(connection, (ContentState.QUEUED,)))[0]
        with pytest.raises(Permanent) as caught:
            await decided.edit(
                s.database, clock, one.id, "owner", ["More at shop.example.com today."], bounds=bounds(s)
            )
        assert "links" in caught.value.what
        long = ["A very long walk. " * 30]
        with pytest.raises(Permanent):
            await decided.edit(
                s.database, clock, one.id, "owner", long, bounds=bounds(s), despite=frozenset({"length"})
            )
        text = ["More at shop.example.com today."]
        done = await decided.edit(
            s.database, clock, one.id, "owner", text, bounds=bounds(s), despite=frozenset({"links"})
        )
        assert done.parts == tuple(text) and done.approved_digest == digest(*text)
        async with s.database.read("test") as connection:
            changes = await state_history.of(connection, "content", one.id)
        assert changes[-1].why == "text edited" and changes[-1].who == "owner"


async def test_a_rejected_post_frees_its_slot_and_stays_rejected(tmp_path: Path) -> None:
    clock = ManualClock()
    async with studio(tmp_path, clock, account=HELD) as s:
        first, _ = await held(s)
        assert await s.planner.missing(HELD) == 0
        await decided.reject(s.database, clock, first.id, "owner", why="not our tone")
        assert await s.planner.missing(HELD) == 1
        for decide in (decided.approve(s.database, clock, first.id, "owner"),):
            with pytest.raises(Permanent):
                await decide
        with pytest.raises(Permanent):
            await decided.reject(s.database, clock, "no-such-id", "owner", why="")


async def test_the_writer_is_told_why_the_owner_rejected(tmp_path: Path) -> None:
    clock = ManualClock()
    async with studio(tmp_path, clock, account=HELD) as s:
        first, second = await held(s)
        await decided.reject(s.database, clock, first.id, "owner", why="we never speak of money")
        await decided.reject(s.database, clock, second.id, "owner")
        await s.planner.plan(s.run())
        prompts = [prompt for _, _, prompt in s.endpoint.calls]
        assert "we never speak of money" in prompts[-1] and "we never speak of money" not in prompts[0]
        async with s.database.read("test") as connection:
            told = await drafts.rejected(connection, HELD.id)
            changes = await state_history.of(connection, "content", first.id)
        assert [(one.step, one.why) for one in told if one.step == "owner"] == [
            ("owner", "we never speak of money")
        ]
        assert changes[-1].why == "we never speak of money"


async def test_a_reserve_draft_approved_ahead_needs_no_second_approval(tmp_path: Path) -> None:
    clock = ManualClock()
    async with studio(tmp_path, clock, account=HELD) as s:
        await s.planner.plan(s.run())
        await s.planner.check(s.run("content.check_queue"))
        async with s.database.begin("test") as connection:
            kept = await drafts.reserve(connection, HELD.id)
            assert await drafts.approve_reserve(connection, kept[0].id, "owner")
            assert await drafts.discard(connection, kept[1].id, clock.now())
            assert not await drafts.discard(connection, kept[1].id, clock.now())
        await clock.advance(hours=48)
        voice = s.drafter.voice
        drawn = await s.content_store.draw(HELD, voice, clock.now() + timedelta(hours=1), "drawn-1")
        again = await s.content_store.draw(HELD, voice, clock.now() + timedelta(hours=1), "drawn-1")
        assert drawn is not None and again is not None and drawn.id == again.id
        assert drawn.state is ContentState.QUEUED and drawn.approved_digest == digest(*kept[0].parts)


async def test_costs_are_told_by_post_and_by_thousand_impressions(tmp_path: Path) -> None:
    clock = ManualClock()
    async with studio(tmp_path, clock) as s:
        await s.planner.plan(s.run())
        until = clock.now() + timedelta(days=1)
        told = await costs(s.database, ACCOUNT.id, clock.now() - timedelta(days=1), until)
        assert told.spent_usd > 0 and (told.posts, told.per_post_usd, told.per_thousand_usd) == (
            0,
            None,
            None,
        )
