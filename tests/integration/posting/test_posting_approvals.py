"""Approval, editing, expiry and late policies at their corners: nothing stands still or is lost unsaid."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from stonechat.alerting.event_rules import event_finding
from stonechat.config.settings import DatabaseSettings
from stonechat.content.review import Bounds
from stonechat.content.review.similarity import History
from stonechat.content.voice import load_voice
from stonechat.core.errors import Permanent
from stonechat.core.events import PostEnded, PostHeld
from stonechat.core.ids import digest
from stonechat.core.model import Approval, ContentKind, LatePolicy
from stonechat.core.states import ContentState
from stonechat.database import open_database
from stonechat.database.repositories import accounts, wakeups
from stonechat.networks.x_picture_limits import refuse_pictures
from stonechat.posting import attachments, owner_decisions
from stonechat.posting.jobs import SWEEP
from stonechat.posting.queue import queue_rows
from tests.support import decided
from tests.support.clock import ManualClock
from tests.support.network import Fault
from tests.support.pictures import png, ready
from tests.support.posting import ACCOUNT, Desk, RunContext, desk_on, open_desk, piece
from tests.support.text_rules import PlainRules

STRICT = replace(ACCOUNT, approval=Approval.ALL)
HELD = ContentState.AWAITING_APPROVAL


@pytest.fixture
async def desk(any_database_url: str) -> AsyncIterator[Desk]:
    async with open_desk(any_database_url, STRICT) as made:
        yield made


def clock_of(desk: Desk) -> ManualClock:
    assert isinstance(desk.clock, ManualClock)
    return desk.clock


def bounds() -> Bounds:
    return Bounds(load_voice(), PlainRules(), History())


async def sweep(desk: Desk, run: str = "run") -> None:
    await desk.sweep().sweep(RunContext(desk.clock, run_id=run))


async def test_a_stricter_policy_asks_about_what_is_queued_already(desk: Desk) -> None:
    """Queued under ``none``, then the owner sets ``all``: each piece waits for a yes, and can be given one."""
    clock, later = clock_of(desk), desk.clock.now() + timedelta(hours=5)
    approved = replace(piece("yes", "Approved.", due_at=clock.now()), approved_by="owner")
    await desk.queue(piece("a", "One.", due_at=clock.now()), piece("b", "Two.", due_at=later), approved)
    await sweep(desk)
    assert [(await desk.find(name)).state for name in ("a", "b", "yes")] == [HELD, HELD, ContentState.POSTED]
    assert {event.content_id for event in desk.told_of(PostHeld)} == {"a", "b"}  # type: ignore[attr-defined]
    await decided.approve(desk.database, clock, "a", "owner")
    await sweep(desk, "again")
    assert [post.text for post in desk.network.ledger] == ["Approved.", "One."]


async def test_a_policy_for_replies_leaves_posts_alone(desk: Desk) -> None:
    await desk.add_account(replace(ACCOUNT, approval=Approval.REPLIES))
    reply = piece("r", "Thanks.", due_at=desk.clock.now(), kind=ContentKind.REPLY, in_reply_to="7")
    await desk.queue(piece("a", "One.", due_at=desk.clock.now()), reply)
    await sweep(desk)
    assert [(await desk.find(name)).state for name in ("a", "r")] == [ContentState.POSTED, HELD]


async def test_what_waits_for_approval_is_not_given_up_before_its_slot(desk: Desk) -> None:
    clock = clock_of(desk)
    start = clock.now()
    near = replace(piece("near", "Soon.", due_at=start + timedelta(hours=1)), state=HELD, state_since=start)
    far = replace(piece("far", "Later.", due_at=start + timedelta(days=6)), state=HELD, state_since=start)
    await desk.queue(near, far)
    rows = await queue_rows(desk.database, desk.rules, {"x_web": desk.network}, clock)
    assert [row.next_at for row in rows] == [start + timedelta(days=2), far.due_at]
    await clock.advance(days=3)
    await sweep(desk)
    assert [(await desk.find(name)).state for name in ("near", "far")] == [ContentState.MISSED, HELD]
    await clock.advance(days=3)
    await sweep(desk, "again")
    assert (await desk.find("far")).state is ContentState.MISSED


async def test_what_was_missed_is_told_and_shown_and_a_human_can_bring_it_back(desk: Desk) -> None:
    """Who queues it again has read it: that counts as the approval that it lacked."""
    clock = clock_of(desk)
    await desk.queue(replace(piece("a", "One.", due_at=clock.now()), state=HELD, state_since=clock.now()))
    await clock.advance(days=2, minutes=1)
    await sweep(desk)
    (told,) = desk.told_of(PostEnded)
    assert isinstance(told, PostEnded) and (told.state, told.why) == ("missed", "nobody approved it in time")
    finding = event_finding(told)
    assert finding is not None and "stonechat queue again a" in finding.remedy
    (row,) = await queue_rows(desk.database, desk.rules, {"x_web": desk.network}, clock)
    assert (row.content.state, row.held) == (ContentState.MISSED, "nobody approved it in time")

    async with desk.database.begin("test") as connection:
        again = await owner_decisions.queue_again(
            connection, "a", who="owner", now=clock.now(), why="still good"
        )
    assert (again.approved_by, again.approved_digest) == ("owner", digest("One."))
    await sweep(desk, "again")
    assert [post.text for post in desk.network.ledger] == ["One."]


async def test_a_post_that_misses_its_slot_says_so_and_leaves_the_list_after_days(desk: Desk) -> None:
    clock = clock_of(desk)
    await desk.add_account(replace(ACCOUNT, late_policy=LatePolicy.MISS))
    await desk.queue(piece("a", "One.", due_at=clock.now()))
    await clock.advance(hours=3)
    await sweep(desk)
    (told,) = desk.told_of(PostEnded)
    assert isinstance(told, PostEnded) and "more than the grace" in told.why

    async def shown() -> list[str]:
        rows = await queue_rows(desk.database, desk.rules, {"x_web": desk.network}, clock)
        return [row.content.id for row in rows]

    assert await shown() == ["a"]
    await clock.advance(days=4)
    assert await shown() == []


async def test_a_reply_that_nobody_approved_is_counted_and_no_alert(desk: Desk) -> None:
    reply = replace(
        piece("r", "Thanks.", due_at=desk.clock.now(), kind=ContentKind.REPLY, in_reply_to="7"),
        state=HELD,
        state_since=desk.clock.now(),
    )
    await desk.queue(reply)
    await clock_of(desk).advance(days=3)
    await sweep(desk)
    (told,) = desk.told_of(PostEnded)
    assert event_finding(told) is None
    assert await queue_rows(desk.database, desk.rules, {"x_web": desk.network}, desk.clock) == []


async def test_an_edit_cannot_lose_a_picture_unsaid(desk: Desk) -> None:
    now = desk.clock.now()
    thread = piece("t", "One thing first.", "Another thing.", "And the last thing.", due_at=now)
    await desk.queue(replace(thread, state=HELD))
    async with desk.database.begin("test") as connection:
        await attachments.attach(
            connection, "t", ready(png(1)), "a square", part=2, who="owner", now=now, refuse=refuse_pictures
        )
    shorter = ["One thing comes first.", "And another thing last."]
    with pytest.raises(Permanent, match="Part 3 of content t has a picture"):
        await decided.edit(desk.database, desk.clock, "t", "owner", shorter, bounds=bounds())
    same = [*shorter, "Now a third thing, with a square."]
    done = await decided.edit(desk.database, desk.clock, "t", "owner", same, bounds=bounds())
    assert done.parts == tuple(same) and done.media_digest is not None


async def test_who_approves_while_another_edits_approves_one_text_byte_for_byte(postgres_url: str) -> None:
    """On two hosts at once: whoever comes second finds what the first has written, or is refused."""
    clock = ManualClock()
    async with (
        open_database(postgres_url, DatabaseSettings(), clock) as here,
        open_database(postgres_url, DatabaseSettings(), clock) as there,
    ):
        desk = desk_on(here, clock)
        async with here.begin("test") as connection:
            await accounts.put(connection, STRICT, clock.now())
        for number in range(12):
            name, before = f"c{number}", "The kettle takes four minutes."
            after = ["Use the four minutes for the window."]
            await desk.queue(replace(piece(name, before, due_at=clock.now()), state=HELD))
            await asyncio.gather(
                decided.edit(here, clock, name, "ann", after, bounds=bounds()),
                decided.approve(there, clock, name, "ben"),
            )
            row = await desk.find(name)
            assert row.state is ContentState.QUEUED and row.approved_digest == digest(*row.said())


async def test_what_is_live_of_a_thread_is_not_edited_any_more_and_the_rest_may_be(desk: Desk) -> None:
    """Half of it went out, then the policy became stricter: it is finished, and nobody rewrites what is read."""
    clock = clock_of(desk)
    await desk.add_account(ACCOUNT)
    await desk.queue(piece("t", "One thing first.", "Another thing.", due_at=clock.now()))
    async with desk.database.begin("test") as connection:
        for part in (0, 1):
            await attachments.attach(
                connection,
                "t",
                ready(png(part)),
                "a square",
                part=part,
                who="a",
                now=clock.now(),
                refuse=refuse_pictures,
            )
    desk.network.faults = [Fault.HALF_KNOWN]
    await sweep(desk)
    half = await desk.find("t")
    assert half.state is ContentState.QUEUED and len(desk.network.ledger) == 1

    rewritten = ["Something else first.", "Another thing."]
    with pytest.raises(Permanent, match="live already"):
        await decided.edit(desk.database, clock, "t", "owner", rewritten, bounds=bounds())
    async with desk.database.begin("test") as connection:
        with pytest.raises(Permanent, match="Part 1 of content t is live"):
            await attachments.attach(
                connection,
                "t",
                ready(png(9)),
                "late",
                part=0,
                who="a",
                now=clock.now(),
                refuse=refuse_pictures,
            )
    async with desk.database.begin("test") as connection:
        with pytest.raises(Permanent, match="is live already"):
            await attachments.detach(connection, "t", who="a", now=clock.now())
    better = ["One thing first.", "And then a better thing."]
    await decided.edit(desk.database, clock, "t", "owner", better, bounds=bounds())
    await desk.add_account(STRICT)
    await clock.advance(minutes=1)
    await sweep(desk, "again")
    assert [post.text for post in desk.network.ledger] == better
    assert [len(post.pictures) for post in desk.network.ledger] == [1, 1]


async def test_a_thread_that_has_begun_is_finished_under_a_stricter_policy(desk: Desk) -> None:
    clock = clock_of(desk)
    await desk.add_account(ACCOUNT)
    await desk.queue(piece("t", "One.", "Two.", due_at=clock.now()))
    desk.network.faults = [Fault.HALF_KNOWN]
    await sweep(desk)
    await desk.add_account(STRICT)
    await clock.advance(minutes=1)
    await sweep(desk, "again")
    assert [post.text for post in desk.network.ledger] == ["One.", "Two."]


async def test_what_is_let_go_after_its_time_wakes_the_publishing(desk: Desk) -> None:
    """The rows tell of times to come: who lets something go whose time has come says so, or it waits for a tick."""
    clock = clock_of(desk)

    async def woken() -> list[tuple[str, str | None]]:
        async with desk.database.begin("test") as connection:
            found = await wakeups.waiting(connection)
            await wakeups.followed(connection, found)
        return [(one.job, one.account_id) for one in found]

    late = replace(piece("late", "Late.", due_at=clock.now()), state=HELD)
    early = replace(piece("early", "Early.", due_at=clock.now() + timedelta(hours=3)), state=HELD)
    missed = replace(piece("missed", "Missed.", due_at=clock.now()), state=ContentState.MISSED)
    await desk.queue(late, early, missed)
    await clock.advance(hours=1)
    await decided.approve(desk.database, clock, "early", "owner")
    assert await woken() == []
    await decided.approve(desk.database, clock, "late", "owner")
    assert await woken() == [(SWEEP, ACCOUNT.id)]
    async with desk.database.begin("test") as connection:
        await owner_decisions.queue_again(
            connection, "missed", who="owner", now=clock.now(), why="still good"
        )
    assert await woken() == [(SWEEP, ACCOUNT.id)]
    for scope, account_id in (("posting", None), (f"posting/{ACCOUNT.id}", ACCOUNT.id), ("job/a.b", None)):
        async with desk.database.begin("test") as connection:
            now = clock.now()
            await accounts.switch_off(
                connection, scope, account_id=account_id, who="owner", why="trip", now=now
            )
            await accounts.switch_on(connection, scope, who="owner", why="back", now=now)
        assert await woken() == ([(SWEEP, ACCOUNT.id)] if "posting" in scope else []), scope
