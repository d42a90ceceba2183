"""Corners in which a post could go out twice, under the wrong post, or never: clocks, folds, equal words, crowds."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from stonechat.core.errors import Transient
from stonechat.core.events import PostContradicted
from stonechat.core.model import Account, Content, ContentKind
from stonechat.core.states import ContentState, SessionState
from stonechat.database import Database
from stonechat.database.repositories import opportunities, receipts
from stonechat.harvesting.candidate_filter import CandidateFilter, opportunities_from
from stonechat.networks.guarded import prove_by_session
from stonechat.posting import owner_decisions
from stonechat.posting.publish_result import PublishVerdict, Result
from tests.support.clock import ManualClock, OtherClock
from tests.support.network import FakeNetwork, Fault, foreign_post
from tests.support.posting import ACCOUNT, Desk, RunContext, desk_on, piece

FIVE = ("One.", "Two.", "Three.", "Four.", "Five.")


async def settle(desk: Desk, clock: ManualClock, *, rounds: int = 3) -> None:
    """Look up and publish, a minute apart."""
    for _ in range(rounds):
        await clock.advance(minutes=1)
        await desk.sweep().reconcile(RunContext(clock))
        await desk.sweep().sweep(RunContext(clock))


# --- threads that a profile folds ---------------------------------------------------------------------


async def test_the_middle_of_a_thread_that_the_profile_folds_is_found_on_the_threads_own_pages(
    desk: Desk, clock: ManualClock
) -> None:
    desk.network.folds = True
    desk.network.faults = [Fault.LOST_ANSWER]
    await desk.queue(piece("t", *FIVE, due_at=clock.now()))
    await desk.sweep().sweep(RunContext(clock))

    await settle(desk, clock)

    assert desk.network.texts_of(ACCOUNT) == list(FIVE)
    assert (await desk.find("t")).state is ContentState.POSTED


async def test_where_the_threads_page_cannot_be_read_nothing_is_sent_again(
    desk: Desk, clock: ManualClock
) -> None:
    desk.network.folds, desk.network.threading = True, False
    desk.network.faults = [Fault.LOST_ANSWER]
    await desk.queue(piece("t", *FIVE, due_at=clock.now()))
    await desk.sweep().sweep(RunContext(clock))

    await settle(desk, clock)
    assert (await desk.find("t")).state is ContentState.UNCONFIRMED
    assert desk.network.texts_of(ACCOUNT) == list(FIVE)

    desk.network.threading = True
    await settle(desk, clock, rounds=1)
    assert (await desk.find("t")).state is ContentState.POSTED
    assert desk.network.texts_of(ACCOUNT) == list(FIVE)


# --- clocks -------------------------------------------------------------------------------------------


async def test_a_host_whose_clock_is_ahead_of_the_networks_sends_nothing_twice(
    database: Database, clock: ManualClock
) -> None:
    network = FakeNetwork(OtherClock(clock, timedelta(minutes=-20)))
    desk = desk_on(database, clock, network=network)
    await desk.add_account(ACCOUNT)
    network.faults = [Fault.LOST_ANSWER]
    await desk.queue(piece("a", "Hello.", due_at=clock.now()))
    await desk.sweep().sweep(RunContext(clock))

    await settle(desk, clock)

    assert network.texts_of(ACCOUNT) == ["Hello."]
    assert (await desk.find("a")).state is ContentState.POSTED


class Frozen:
    """A publisher that stands still between the intent and the click until it is let go."""

    def __init__(self, desk: Desk) -> None:
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()
        desk.network.pause = self._pause
        self.task = asyncio.create_task(desk.publisher().publish(ACCOUNT, "a"))

    async def _pause(self, where: str) -> None:
        if where == "page/typed" and not self.reached.is_set():
            self.reached.set()
            await self.go_on.wait()


async def test_a_host_whose_clock_is_ahead_of_the_others_does_not_take_over_what_is_being_clicked(
    desk: Desk, database: Database, clock: ManualClock
) -> None:
    other = desk_on(database, OtherClock(clock, timedelta(minutes=10)), network=desk.network)
    await desk.queue(piece("a", "Hello.", due_at=clock.now()))
    first = Frozen(desk)
    await first.reached.wait()

    for _ in range(2):
        await other.sweep().reconcile(RunContext(clock))
        await other.sweep().sweep(RunContext(clock))
    first.go_on.set()
    await first.task
    for _ in range(3):
        await clock.advance(minutes=1)
        await other.sweep().reconcile(RunContext(clock))
        await other.sweep().sweep(RunContext(clock))

    assert desk.network.texts_of(ACCOUNT) == ["Hello."]
    assert (await desk.find("a")).state is ContentState.POSTED


async def test_a_machine_that_slept_before_the_click_does_not_click_when_it_wakes(
    desk: Desk, database: Database, clock: ManualClock
) -> None:
    """Its steady clock stood still meanwhile; another host has rightly taken the post over."""
    awake = OtherClock(clock)
    other = desk_on(database, awake, network=desk.network)
    await desk.queue(piece("a", "Hello.", due_at=clock.now()))
    first = Frozen(desk)
    await first.reached.wait()

    for _ in range(4):
        awake.slept += timedelta(minutes=2)
        await other.sweep().reconcile(RunContext(clock))
        await other.sweep().sweep(RunContext(clock))
    assert desk.network.texts_of(ACCOUNT) == ["Hello."]
    clock.jump(awake.slept)
    first.go_on.set()

    assert (await first.task).verdict is not PublishVerdict.POSTED
    assert desk.network.texts_of(ACCOUNT) == ["Hello."]
    assert (await desk.find("a")).state is ContentState.POSTED


async def believed_absent(
    desk: Desk, other: Desk, clock: ManualClock
) -> tuple[asyncio.Task[Result], asyncio.Event]:
    """A post that was accepted and does not show for long; its publisher waits before the receipt."""
    desk.network.delay = timedelta(hours=1)
    stands, go_on = asyncio.Event(), asyncio.Event()

    async def pause(where: str) -> None:
        if where == "page/toast" and not stands.is_set():
            stands.set()
            await go_on.wait()

    desk.network.pause = pause
    task = asyncio.create_task(desk.publisher().publish(ACCOUNT, "a"))
    await stands.wait()
    for _ in range(3):
        await clock.advance(minutes=1)
        await other.sweep().reconcile(RunContext(clock))
    assert (await desk.find("a")).state is ContentState.QUEUED
    desk.network.pause = None
    return task, go_on


async def test_a_receipt_that_comes_after_the_post_was_cancelled_is_kept_and_told(
    desk: Desk, database: Database, clock: ManualClock
) -> None:
    await desk.queue(piece("a", "Hello.", due_at=clock.now()))
    task, go_on = await believed_absent(desk, desk_on(database, clock, network=desk.network), clock)
    async with database.begin("test.cancel") as connection:
        await owner_decisions.cancel(connection, "a", who="owner", now=clock.now())
    go_on.set()

    assert (await task).verdict is PublishVerdict.LOST

    async with database.read("test.parts") as connection:
        assert await receipts.confirmed_parts(connection, "a") == {0: "1000"}
    assert len(desk.told_of(PostContradicted)) == 1


async def test_a_receipt_that_comes_while_the_next_try_is_under_way_makes_it_a_post(
    desk: Desk, database: Database, clock: ManualClock
) -> None:
    """The next try is refused; the one after it must not send what is known to be live by then."""
    await desk.queue(piece("a", "Hello.", due_at=clock.now()))
    other = desk_on(database, clock, network=desk.network)
    first, go_on = await believed_absent(desk, other, clock)
    desk.network.faults = [Fault.REFUSED]
    second = Frozen(other)
    await second.reached.wait()
    go_on.set()
    assert (await first).verdict is PublishVerdict.LOST
    second.go_on.set()
    assert (await second.task).verdict is PublishVerdict.REFUSED
    await clock.advance(minutes=1)

    assert (await other.publisher().publish(ACCOUNT, "a")).verdict is PublishVerdict.POSTED

    assert desk.network.texts_of(ACCOUNT) == ["Hello."]
    assert (await desk.find("a")).post_id == "1000"


# --- equal words --------------------------------------------------------------------------------------


async def test_two_unclear_replies_with_the_same_words_end_below_their_own_posts(
    desk: Desk, clock: ManualClock
) -> None:
    for name, answered in (("a", "7"), ("b", "9")):
        await desk.queue(
            piece(name, "Thank you!", due_at=clock.now(), kind=ContentKind.REPLY, in_reply_to=answered)
        )
    desk.network.faults = [Fault.NOT_ACCEPTED, Fault.LOST_ANSWER]
    for name in ("a", "b"):
        assert (await desk.publisher().publish(ACCOUNT, name)).verdict is PublishVerdict.UNCONFIRMED

    await settle(desk, clock)

    assert sorted((post.text, post.in_reply_to) for post in desk.network.ledger) == [
        ("Thank you!", "7"),
        ("Thank you!", "9"),
    ]


# --- crowds, and people left alone --------------------------------------------------------------------


async def test_however_much_is_held_what_can_go_goes(desk: Desk, clock: ManualClock) -> None:
    held = [
        replace(
            piece(f"held {number}", f"Held {number}.", due_at=clock.now()),
            approved_by="owner",
            approved_digest="of another text",
        )
        for number in range(45)
    ]
    await desk.queue(*held, piece("z", "Free.", due_at=clock.now() + timedelta(seconds=1)))
    await clock.advance(seconds=2)

    await desk.sweep().sweep(RunContext(clock))

    assert desk.network.texts_of(ACCOUNT) == ["Free."]


async def reply_to(desk: Desk, name: str, post_id: str, author: str, clock: ManualClock) -> Content:
    post = foreign_post(post_id, author, "What do you think?", clock.now())
    sieve = CandidateFilter(freshness=timedelta(days=1), invited=True)
    [found] = opportunities_from([post], ACCOUNT, sieve, source="mentions", now=clock.now())
    async with desk.database.begin("test.opportunity") as connection:
        await opportunities.add(connection, [found])
    return piece(
        name,
        f"{name}: much.",
        due_at=clock.now(),
        kind=ContentKind.REPLY,
        in_reply_to=post_id,
        opportunity_id=found.id,
    )


@pytest.mark.parametrize(
    ("second", "expected"), [("wren", PublishVerdict.MOVED), ("dunnock", PublishVerdict.POSTED)]
)
async def test_an_author_who_may_have_been_answered_is_left_alone_too(
    desk: Desk, clock: ManualClock, second: str, expected: PublishVerdict
) -> None:
    await desk.queue(await reply_to(desk, "a", "70", "wren", clock))
    await desk.queue(await reply_to(desk, "b", "90", second, clock))
    desk.network.faults = [Fault.LOST_ANSWER]
    assert (await desk.publisher().publish(ACCOUNT, "a")).verdict is PublishVerdict.UNCONFIRMED

    result = await desk.publisher().publish(ACCOUNT, "b")

    assert result.verdict is expected, result.why


async def test_an_author_who_has_blocked_us_is_never_answered_again(desk: Desk, clock: ManualClock) -> None:
    await desk.queue(await reply_to(desk, "a", "70", "Wren", clock))
    await desk.queue(await reply_to(desk, "b", "90", "wren", clock))
    desk.network.faults = [Fault.BLOCKED]
    assert (await desk.publisher().publish(ACCOUNT, "a")).verdict is PublishVerdict.ENDED

    await clock.advance(days=30)  # whatever the pause between two answers to one author is
    assert (await desk.publisher().publish(ACCOUNT, "b")).verdict is not PublishVerdict.POSTED

    async with desk.database.read("test.muted") as connection:
        assert await opportunities.opted_out(connection, ACCOUNT.id) == {"wren"}
    assert desk.network.texts_of(ACCOUNT) == []


async def test_what_a_human_queued_again_gets_its_own_time_to_be_looked_up(
    desk: Desk, clock: ManualClock
) -> None:
    desk.network.faults = [Fault.NOT_ACCEPTED, Fault.NOT_ACCEPTED]
    desk.network.healthy = False
    await desk.queue(piece("a", "Hello.", due_at=clock.now()))
    await desk.sweep().sweep(RunContext(clock))
    await clock.advance(hours=3)
    await desk.sweep().reconcile(RunContext(clock))
    assert (await desk.find("a")).state is ContentState.FAILED

    desk.network.healthy = True
    async with desk.database.begin("test.again") as connection:
        await owner_decisions.queue_again(
            connection, "a", who="owner", now=clock.now(), why="it is not there"
        )
    await desk.sweep().sweep(RunContext(clock))
    await desk.sweep().reconcile(RunContext(clock))
    assert (await desk.find("a")).state is ContentState.UNCONFIRMED
    await settle(desk, clock)

    assert desk.network.texts_of(ACCOUNT) == ["Hello."]


class TwoSessions(FakeNetwork):
    """The first account has no session, which is known without asking the site; the site does not answer."""

    async def session(self, account: Account) -> SessionState:
        if account.id == ACCOUNT.id:
            return SessionState.EXPIRED
        raise Transient("The site does not answer.")


async def test_an_account_without_a_session_does_not_prove_that_the_site_works(clock: ManualClock) -> None:
    other = replace(ACCOUNT, id="x:wren", handle="wren")
    with pytest.raises(Transient):
        await prove_by_session(TwoSessions(clock), ACCOUNT, other)
    await prove_by_session(FakeNetwork(clock), ACCOUNT, other)
    with pytest.raises(Transient, match="limits"):
        await prove_by_session(FakeNetwork(clock, state=SessionState.RATE_LIMITED), ACCOUNT, other)
