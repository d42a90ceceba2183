"""The model endpoint is dead for a whole day of account time: no slot stays empty."""

from __future__ import annotations

import itertools
from datetime import timedelta
from pathlib import Path

from stonechat.content.writing.fallback import RetryPatience
from stonechat.core.events import WriterFellBack
from stonechat.core.model import Content
from stonechat.core.states import ContentState
from stonechat.database.repositories import content, drafts
from stonechat_aviary.opening import open_aviary
from tests.support.clock import ManualClock
from tests.support.content import Studio, studio

DAY = timedelta(hours=24)


async def reserve_size(s: Studio) -> int:
    async with s.database.read("test") as connection:
        return await drafts.reserve_size(connection, s.account.id)


async def publish_due(s: Studio) -> list[Content]:
    """What posting does, in short: everything that is due goes out at its time."""
    now = s.clock.now()
    async with s.database.begin("test.publish") as connection:
        out = []
        for one in await content.due(connection, s.account.id, now, limit=100):
            held = await content.claim(connection, one, now=now, lease_until=now, who="test")
            out.append(
                await content.change(
                    connection, held, ContentState.POSTED, now=now, who="test", posted_at=one.due_at
                )
            )
    return out


async def test_a_dead_endpoint_for_a_day_leaves_no_slot_empty(tmp_path: Path) -> None:
    clock = ManualClock()
    once = RetryPatience(attempts=1)
    async with (
        open_aviary() as aviary,
        studio(tmp_path, clock, model_url=aviary.address.model_url, patience=once) as s,
    ):
        await s.planner.plan(s.run())
        for _ in range(4):
            await s.planner.check(s.run("content.check_queue"))
        assert await reserve_size(s) == 16, "two days' worth is stocked while all is well"

        aviary.panel.everybody.model.down = True
        began = clock.now()
        day: list[Content] = []
        for _ in range(48):
            await s.planner.check(s.run("content.check_queue"))
            await clock.advance(minutes=30)
            day += await publish_due(s)
        assert len(day) >= s.account.posts_per_day
        times = [began, *(one.due_at for one in day), began + DAY]
        widest = max(after - before for before, after in itertools.pairwise(times))
        assert widest <= timedelta(hours=8), "nowhere does a third of the day stay empty"
        assert len({one.parts for one in day}) == len(day), "no reserve draft is drawn twice"
        assert len(day) > len([one for one in day if one.propensity]), "the reserve served"
        assert any(isinstance(event, WriterFellBack) and event.to == "reserve" for event in s.heard)
        left = await reserve_size(s)
        assert 0 < left < 16

        aviary.panel.everybody.model.down = False
        for _ in range(5):
            await s.planner.check(s.run("content.check_queue"))
        await s.planner.plan(s.run())
        assert await reserve_size(s) == 16, "restocked by itself"
        assert await s.planner.missing(s.account) == 0
