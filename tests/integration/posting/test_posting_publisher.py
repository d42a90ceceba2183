"""Publishing on a real SQLite file against a network in memory."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from stonechat.config.settings import DatabaseSettings
from stonechat.core.errors import Permanent
from stonechat.core.events import PostHeld, PostingStopped, PostPublished, PostReconciled, SessionChanged
from stonechat.core.model import Approval, ContentKind, LatePolicy, Mode
from stonechat.core.states import BreakerState, ContentState, SessionState
from stonechat.database import Database, open_database
from stonechat.database.repositories import accounts, content, receipts
from stonechat.networks.guarded import GuardedNetwork, Guards
from stonechat.posting import owner_decisions
from stonechat.posting.blocking import blocked_by
from stonechat.posting.gate import Blocked
from stonechat.posting.jobs import RECONCILE, SWEEP
from stonechat.posting.publish_result import PublishVerdict
from stonechat.posting.publisher import Publisher
from stonechat.posting.queue import queue_rows, story
from stonechat.posting.session_watch import SessionWatch
from stonechat.resilience.registry import open_breakers
from stonechat.resilience.state_machine import BreakerPolicy
from tests.support import decided
from tests.support.clock import ManualClock
from tests.support.network import FakeNetwork, Fault
from tests.support.posting import ACCOUNT, SETTINGS, Desk, RunContext, desk_on, piece
from tests.support.waiting import eventually


async def test_a_due_post_goes_out_and_gets_its_receipt(desk: Desk, clock: ManualClock) -> None:
    await desk.queue(piece("a", "Good morning.", due_at=clock.now()))
    work = await desk.sweep().sweep(RunContext(clock))
    posted = await desk.find("a")
    assert (posted.state, posted.post_id) == (ContentState.POSTED, "1000")
    assert desk.network.texts_of(ACCOUNT) == ["Good morning."]
    assert (work.done, work.due) == (1, 1)
    assert len(desk.told_of(PostPublished)) == 1


async def test_the_sweep_asks_to_be_woken_at_the_next_slot(desk: Desk, clock: ManualClock) -> None:
    later = clock.now() + timedelta(minutes=3)
    await desk.queue(piece("a", "Now.", due_at=clock.now()), piece("b", "Later.", due_at=later))
    ctx = RunContext(clock)
    await desk.sweep().sweep(ctx)
    assert ctx.woken == [(SWEEP, later)]


@pytest.mark.parametrize("fault", [Fault.LOST_ANSWER, Fault.RAISES_AFTER])
async def test_a_lost_answer_is_looked_up_and_found(desk: Desk, clock: ManualClock, fault: Fault) -> None:
    desk.network.faults = [fault]
    desk.network.rewrite = lambda text: text.replace("https://example.org/a/b", "https://t.co/x1")
    await desk.queue(piece("a", "Read  this: https://example.org/a/b\nit is good", due_at=clock.now()))
    ctx = RunContext(clock)
    work = await desk.sweep().sweep(ctx)
    assert (await desk.find("a")).state is ContentState.UNCONFIRMED
    assert (work.done, work.due) == (0, 1)
    assert RECONCILE in [job for job, _ in ctx.woken]
    await desk.sweep().reconcile(RunContext(clock))
    found = await desk.find("a")
    assert (found.state, found.post_id) == (ContentState.POSTED, "1000")
    assert [event.verdict for event in desk.told_of(PostReconciled)] == ["posted"]  # type: ignore[attr-defined]
    assert len(desk.network.ledger) == 1


async def test_a_publication_that_hangs_is_cut_off_and_found(database: Database, clock: ManualClock) -> None:
    desk = desk_on(
        database,
        clock,
        settings=SETTINGS.model_copy(update={"publish_timeout": timedelta(milliseconds=50)}),
    )
    await desk.add_account(ACCOUNT)
    desk.network.faults = [Fault.HANGS_AFTER]
    await desk.queue(piece("a", "Hello.", due_at=clock.now()))
    assert (await desk.publisher().publish(ACCOUNT, "a")).verdict is PublishVerdict.UNCONFIRMED
    await desk.reconciler().reconcile(ACCOUNT, desk.network)
    assert (await desk.find("a")).state is ContentState.POSTED


async def test_a_cancelled_run_leaves_the_post_to_be_looked_up(desk: Desk, clock: ManualClock) -> None:
    desk.network.faults = [Fault.HANGS_AFTER]
    await desk.queue(piece("a", "Hello.", due_at=clock.now()))
    run = asyncio.create_task(desk.publisher().publish(ACCOUNT, "a"))
    accepted = asyncio.Event()
    desk.network.step = lambda step: accepted.set() if step.startswith("network/accepted") else None
    await accepted.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert (await desk.find("a")).state is ContentState.UNCONFIRMED


async def test_absence_is_proven_only_after_the_grace_and_then_it_is_sent_once(
    desk: Desk, clock: ManualClock
) -> None:
    desk.network.faults = [Fault.NOT_ACCEPTED]
    await desk.queue(piece("a", "Hello.", due_at=clock.now()))
    await desk.sweep().sweep(RunContext(clock))
    assert (await desk.reconciler().reconcile(ACCOUNT, desk.network)).waiting == 1
    assert (await desk.find("a")).state is ContentState.UNCONFIRMED
    await clock.advance(seconds=10)
    assert (await desk.reconciler().reconcile(ACCOUNT, desk.network)).absent == 1
    await desk.sweep().sweep(RunContext(clock))
    assert desk.network.texts_of(ACCOUNT) == ["Hello."]


@pytest.mark.parametrize("fault", ["unhealthy", "shrunken", "session"])
async def test_a_read_that_is_not_healthy_proves_nothing_and_a_human_is_asked_in_the_end(
    desk: Desk, clock: ManualClock, fault: str
) -> None:
    await desk.queue(piece("a", "First.", due_at=clock.now()))
    await desk.sweep().sweep(RunContext(clock))
    await clock.advance(minutes=10)
    desk.network.faults = [Fault.NOT_ACCEPTED]
    await desk.queue(piece("b", "Second.", due_at=clock.now()))
    await desk.sweep().sweep(RunContext(clock))
    desk.network.healthy = fault != "unhealthy"
    desk.network.shrunken = fault == "shrunken"
    if fault == "session":
        desk.network.state = SessionState.EXPIRED
    await clock.advance(minutes=10)
    assert (await desk.reconciler().reconcile(ACCOUNT, desk.network)).waiting == 1
    await clock.advance(hours=2)
    assert (await desk.reconciler().reconcile(ACCOUNT, desk.network)).undecided == 1
    asked = await desk.find("b")
    assert asked.state is ContentState.FAILED
    assert "look at the profile" in asked.why


async def test_a_post_that_the_network_shows_late_is_still_found(desk: Desk, clock: ManualClock) -> None:
    desk.network.faults = [Fault.LOST_ANSWER]
    desk.network.delay = timedelta(minutes=1)
    await desk.queue(piece("a", "Hello.", due_at=clock.now()))
    await desk.sweep().sweep(RunContext(clock))
    assert (await desk.reconciler().reconcile(ACCOUNT, desk.network)).waiting == 1
    await clock.advance(seconds=61)
    assert (await desk.reconciler().reconcile(ACCOUNT, desk.network)).posted == 1


@pytest.mark.parametrize("fault", [Fault.HALF_THREAD, Fault.HALF_KNOWN])
async def test_a_thread_goes_on_after_its_last_confirmed_part(
    desk: Desk, clock: ManualClock, fault: Fault
) -> None:
    desk.network.faults = [fault]
    await desk.queue(piece("t", "One.", "Two.", "Three.", due_at=clock.now()))
    await desk.sweep().sweep(RunContext(clock))
    await clock.advance(minutes=1)
    await desk.sweep().reconcile(RunContext(clock))
    await desk.sweep().sweep(RunContext(clock))
    thread = await desk.find("t")
    assert thread.state is ContentState.POSTED
    assert thread.post_id == "1000"
    assert [(post.text, post.in_reply_to) for post in desk.network.ledger] == [
        ("One.", None),
        ("Two.", "1000"),
        ("Three.", "1001"),
    ]


async def test_shadow_mode_does_everything_but_the_final_click(
    database: Database, clock: ManualClock
) -> None:
    desk = desk_on(database, clock, mode=Mode.SHADOW)
    await desk.add_account(ACCOUNT)
    await desk.queue(piece("a", "Hello.", due_at=clock.now()))
    work = await desk.sweep().sweep(RunContext(clock))
    rehearsed = await desk.find("a")
    assert (rehearsed.state, rehearsed.why) == (ContentState.CANCELLED, "rehearsed in shadow mode")
    assert desk.network.ledger == []
    assert desk.network.calls == ["publish"]
    assert (work.done, work.due) == (1, 1)


async def test_a_text_that_is_refused_again_and_again_while_others_go_out_ends(
    database: Database, clock: ManualClock
) -> None:
    desk = desk_on(database, clock, settings=SETTINGS.model_copy(update={"max_attempts": 3}))
    await desk.add_account(ACCOUNT)
    desk.network.faults = [Fault.REFUSED, Fault.REFUSED, Fault.REFUSED]
    await desk.queue(piece("a", "Hello.", due_at=clock.now()))
    first = await desk.publisher().publish(ACCOUNT, "a")
    assert first.verdict is PublishVerdict.REFUSED
    assert (await desk.publisher().publish(ACCOUNT, "a")).verdict is PublishVerdict.HELD
    await clock.advance(seconds=31)
    assert (await desk.publisher().publish(ACCOUNT, "a")).verdict is PublishVerdict.REFUSED
    desk.network.faults = []
    await desk.queue(piece("b", "Another.", due_at=clock.now()))
    assert (await desk.publisher().publish(ACCOUNT, "b")).verdict is PublishVerdict.POSTED
    await clock.advance(seconds=31)
    desk.network.faults = [Fault.REFUSED]
    assert (await desk.publisher().publish(ACCOUNT, "a")).verdict is PublishVerdict.ENDED
    assert (await desk.find("a")).state is ContentState.FAILED


@pytest.mark.parametrize("fault", [Fault.NO_BROWSER, Fault.REFUSED])
async def test_no_post_fails_for_want_of_a_browser_or_of_a_site(
    desk: Desk, clock: ManualClock, fault: Fault
) -> None:
    desk.network.faults = [fault] * 30
    await desk.queue(piece("a", "Hello.", due_at=clock.now()))
    for _ in range(31):
        await desk.publisher().publish(ACCOUNT, "a")
        await clock.advance(minutes=11)
    assert (await desk.find("a")).state is ContentState.POSTED


async def test_a_troubled_session_stops_that_account_alone_and_is_taken_up_again(
    desk: Desk, clock: ManualClock
) -> None:
    other = replace(ACCOUNT, id="x:wren", handle="wren")
    await desk.add_account(other)
    desk.network.state = SessionState.CHALLENGED
    await desk.queue(
        piece("a", "Robin's.", due_at=clock.now()), piece("b", "Wren's.", due_at=clock.now(), account=other)
    )
    await desk.sweep().sweep(RunContext(clock))
    assert [event.after for event in desk.told_of(SessionChanged)] == [SessionState.CHALLENGED]  # type: ignore[attr-defined]
    calls = len(desk.network.calls)
    await desk.sweep().sweep(RunContext(clock))
    await desk.sweep().sweep(RunContext(clock))
    assert len(desk.network.calls) == calls  # no hammering
    desk.network.state = SessionState.VALID
    await desk.sweep().sweep(RunContext(clock, account_id=other.id))
    assert desk.network.texts_of(other) == ["Wren's."]
    await clock.advance(minutes=5)
    ctx = RunContext(clock)
    await desk.sweep().session(ctx)
    assert SWEEP in [job for job, _ in ctx.woken]
    await desk.sweep().sweep(RunContext(clock))
    assert desk.network.texts_of(ACCOUNT) == ["Robin's."]


async def test_a_switch_holds_posts_and_they_go_on_where_they_stopped(desk: Desk, clock: ManualClock) -> None:
    async with desk.database.begin("test") as connection:
        await accounts.switch_off(
            connection,
            f"posting/{ACCOUNT.id}",
            account_id=ACCOUNT.id,
            who="owner",
            why="trip",
            now=clock.now(),
        )
    await desk.queue(piece("a", "Hello.", due_at=clock.now()))
    work = await desk.sweep().sweep(RunContext(clock))
    assert (work.due, work.note) == (0, "switched off by owner: trip")
    assert len(desk.told_of(PostHeld)) == 1
    async with desk.database.begin("test") as connection:
        await accounts.switch_on(
            connection, f"posting/{ACCOUNT.id}", who="owner", why="back", now=clock.now()
        )
    await desk.sweep().sweep(RunContext(clock))
    assert (await desk.find("a")).state is ContentState.POSTED


async def test_an_open_breaker_holds_without_counting_a_failure(
    database: Database, clock: ManualClock
) -> None:
    probe = clock.now() + timedelta(seconds=30)
    desk = desk_on(database, clock, blocked=lambda _account: [Blocked("browser", "it is open", probe)])
    await desk.add_account(ACCOUNT)
    await desk.queue(piece("a", "Hello.", due_at=clock.now()))
    ctx = RunContext(clock)
    await desk.sweep().sweep(ctx)
    held = await desk.find("a")
    assert (held.state, held.attempts, held.why) == (ContentState.QUEUED, 0, "browser: it is open")
    assert ctx.woken == [(SWEEP, probe)]
    desk.blocked = lambda _account: [Blocked("browser", "it is open")]
    ctx = RunContext(clock)
    await desk.sweep().sweep(ctx)
    assert ctx.woken == [(SWEEP, clock.now() + timedelta(seconds=20))]


async def test_the_rate_limit_moves_posts_to_free_slots_in_order(
    database: Database, clock: ManualClock
) -> None:
    desk = desk_on(
        database, clock, settings=SETTINGS.model_copy(update={"min_spacing": timedelta(minutes=20)})
    )
    await desk.add_account(ACCOUNT)
    start = clock.now()
    await desk.queue(*(piece(f"p{n}", f"Post {n}.", due_at=start + timedelta(seconds=n)) for n in range(5)))
    for _ in range(110):
        await clock.advance(minutes=1)
        await desk.sweep().sweep(RunContext(clock))
    assert desk.network.texts_of(ACCOUNT) == [f"Post {n}." for n in range(5)]
    times = [post.created_at for post in desk.network.ledger]
    gaps = [later - earlier for earlier, later in pairwise(times) if later and earlier]
    assert min(gaps) >= timedelta(minutes=20)
    assert max(gaps) <= timedelta(minutes=22)


@pytest.mark.parametrize(
    ("policy", "state"),
    [
        (LatePolicy.PUBLISH, ContentState.POSTED),
        (LatePolicy.MISS, ContentState.MISSED),
        (LatePolicy.MOVE, ContentState.QUEUED),
    ],
)
async def test_a_late_post_follows_the_accounts_policy(
    desk: Desk, clock: ManualClock, policy: LatePolicy, state: ContentState
) -> None:
    account = replace(ACCOUNT, late_policy=policy)
    await desk.queue(piece("a", "Hello.", due_at=clock.now()))
    await clock.advance(hours=3)
    await desk.publisher().publish(account, "a")
    assert (await desk.find("a")).state is state


async def test_a_reply_waits_for_approval_and_what_was_approved_is_what_is_posted(
    desk: Desk, clock: ManualClock
) -> None:
    account = replace(ACCOUNT, approval=Approval.REPLIES)
    reply = piece("r", "Thank you!", due_at=clock.now(), kind=ContentKind.REPLY, in_reply_to="77")
    await desk.queue(replace(reply, state=ContentState.AWAITING_APPROVAL))
    await decided.approve(desk.database, clock, "r", "owner")
    async with desk.database.begin("test") as connection:
        row = await content.find(connection, "r")
        assert row is not None
        await content.amend(connection, row, parts=("Buy this!",))
    held = await desk.publisher().publish(account, "r")
    assert (held.verdict, held.why) == (PublishVerdict.HELD, "the text is not the one that was approved")
    async with desk.database.begin("test") as connection:
        row = await content.find(connection, "r")
        assert row is not None
        await content.amend(connection, row, parts=("Thank you!",))
    assert (await desk.publisher().publish(account, "r")).verdict is PublishVerdict.POSTED
    assert [(post.text, post.in_reply_to) for post in desk.network.ledger] == [("Thank you!", "77")]


async def test_a_publisher_that_dies_before_the_click_holds_the_post_only_until_its_run_is_resumed(
    desk: Desk, clock: ManualClock
) -> None:
    """Its intent stands, so the network is asked first; then the post goes out, once."""
    await desk.queue(piece("a", "Hello.", due_at=clock.now()))

    class Died(Exception):
        pass

    def die(step: str) -> None:
        if step == "intended":
            raise Died

    with pytest.raises(Died):
        await replace(desk, checkpoint=die).publisher().publish(ACCOUNT, "a", owner="run-1")
    assert await desk.reconciler().recover(ACCOUNT) == 0  # the lease still runs
    assert await desk.reconciler().recover(ACCOUNT, owner="run-1") == 1
    assert (await desk.publisher().publish(ACCOUNT, "a")).verdict is PublishVerdict.LOST
    assert (await desk.reconciler().reconcile(ACCOUNT, desk.network)).waiting == 1
    await clock.advance(seconds=70)
    assert (await desk.reconciler().reconcile(ACCOUNT, desk.network)).absent == 1
    assert (await desk.publisher().publish(ACCOUNT, "a")).verdict is PublishVerdict.POSTED
    assert len(desk.network.ledger) == 1


async def test_a_click_that_comes_too_late_is_not_made(desk: Desk, clock: ManualClock) -> None:
    """A process that was frozen after its intent wakes up: by then absence may have been proven."""
    await desk.queue(piece("a", "Hello.", due_at=clock.now()))

    def freeze(step: str) -> None:
        if step == "page/typed":
            clock._move(21)  # the frozen time passes at once

    desk.network.step = freeze
    result = await desk.publisher().publish(ACCOUNT, "a")
    assert result.verdict is PublishVerdict.REFUSED
    assert desk.network.ledger == []


async def test_two_hosts_cannot_both_take_the_last_slot(any_database_url: str, clock: ManualClock) -> None:
    settings = SETTINGS.model_copy(update={"per_hour": 1})
    async with (
        open_database(any_database_url, DatabaseSettings(), clock) as here,
        open_database(any_database_url, DatabaseSettings(), clock) as there,
    ):
        network = FakeNetwork(clock)
        first, second = (desk_on(one, clock, settings=settings, network=network) for one in (here, there))
        await first.add_account(ACCOUNT)
        for round_number in range(8):
            names = [f"{letter}{round_number}" for letter in "ab"]
            await first.queue(*(piece(name, f"{name}.", due_at=clock.now()) for name in names))
            verdicts = await asyncio.gather(
                first.publisher().publish(ACCOUNT, names[0]), second.publisher().publish(ACCOUNT, names[1])
            )
            assert sorted(one.verdict for one in verdicts) == [PublishVerdict.MOVED, PublishVerdict.POSTED]
            assert len(network.ledger) == round_number + 1
            await clock.advance(hours=20)


async def test_two_hosts_that_want_the_same_post_publish_it_once(
    any_database_url: str, clock: ManualClock
) -> None:
    async with (
        open_database(any_database_url, DatabaseSettings(), clock) as here,
        open_database(any_database_url, DatabaseSettings(), clock) as there,
    ):
        network = FakeNetwork(clock)
        first, second = (desk_on(one, clock, network=network) for one in (here, there))
        await first.add_account(ACCOUNT)
        for number in range(8):
            await first.queue(piece(f"p{number}", f"Post {number}.", due_at=clock.now()))
            verdicts = await asyncio.gather(
                first.publisher().publish(ACCOUNT, f"p{number}"),
                second.publisher().publish(ACCOUNT, f"p{number}"),
            )
            assert sorted(one.verdict for one in verdicts) == [PublishVerdict.LOST, PublishVerdict.POSTED]
        assert len(network.ledger) == 8


async def test_every_try_leaves_a_row(desk: Desk, clock: ManualClock) -> None:
    desk.network.faults = [Fault.NO_BROWSER, Fault.REFUSED, Fault.NOT_ACCEPTED]
    await desk.queue(piece("a", "Hello.", due_at=clock.now()))
    for _ in range(4):
        await desk.sweep().sweep(RunContext(clock))
        await clock.advance(minutes=11)
        await desk.sweep().reconcile(RunContext(clock))
    async with desk.database.read("test") as connection:
        tries = await receipts.attempts(connection, "a")
    assert [one.outcome for one in tries] == ["unreached", "refused", "absent", "posted"]


async def test_the_queue_says_what_comes_next_and_when(database: Database, clock: ManualClock) -> None:
    desk = desk_on(
        database, clock, settings=SETTINGS.model_copy(update={"min_spacing": timedelta(minutes=20)})
    )
    await desk.add_account(ACCOUNT)
    later = clock.now() + timedelta(hours=1)
    held = replace(piece("d", "For a human.", due_at=later), state=ContentState.AWAITING_APPROVAL)
    await desk.queue(piece("a", "First.", due_at=clock.now()))
    await desk.publisher().publish(ACCOUNT, "a")
    await desk.queue(piece("b", "Second.", due_at=clock.now()), piece("c", "Third.", due_at=later), held)
    rows = await queue_rows(database, desk.rules, {"x_web": desk.network}, clock)
    assert [(row.content.id, row.held, row.next_action, row.next_at) for row in rows] == [
        ("b", "the rate limit is reached", "tried again", clock.now() + timedelta(minutes=20)),
        ("c", "", "published", later),
        ("d", "waits for approval", "missed if nobody approves it", later + timedelta(days=2)),
    ]
    told = await story(database, "a")
    assert told is not None
    assert [change.after for change in told.changes] == ["queued", "posting", "posted"]


async def test_a_failed_post_is_queued_again_by_a_human_only(desk: Desk, clock: ManualClock) -> None:
    desk.network.faults = [Fault.FORBIDDEN]
    await desk.queue(piece("a", "Hello.", due_at=clock.now()))
    await desk.sweep().sweep(RunContext(clock))
    await clock.advance(hours=5)
    await desk.sweep().sweep(RunContext(clock))
    assert (await desk.find("a")).state is ContentState.FAILED
    async with desk.database.begin("test") as connection:
        await owner_decisions.queue_again(connection, "a", who="owner", now=clock.now(), why="looked")
    await desk.sweep().sweep(RunContext(clock))
    assert desk.network.texts_of(ACCOUNT) == ["Hello."]
    async with desk.database.begin("test") as connection:
        with pytest.raises(Permanent, match="posted"):
            await owner_decisions.cancel(connection, "a", who="owner", now=clock.now())


async def test_the_posting_breaker_opens_and_only_a_post_that_goes_out_closes_it(
    database: Database, clock: ManualClock
) -> None:
    desk = desk_on(database, clock)
    await desk.add_account(ACCOUNT)

    async def the_site_answers() -> None:
        return None

    policy = BreakerPolicy(consecutive=3, first_wait=timedelta(seconds=30), jitter=0.0)
    async with open_breakers(None, clock, desk.events, random.Random(1)) as breakers:
        site = breakers.add("network/x_web", policy, the_site_answers)
        posting = breakers.add("posting/x_web", policy)
        desk.blocked = blocked_by(lambda _: [site, posting], clock)
        guarded = GuardedNetwork(desk.network, desk.network, lambda _: Guards(site, posting))
        desk.network.faults = [Fault.NOT_ACCEPTED] * 4
        await desk.queue(*(piece(f"p{n}", f"Post {n}.", due_at=clock.now()) for n in range(6)))
        publisher = Publisher(database, {"x_web": guarded}, clock, desk.events, desk.rules, host="h")
        for n in range(3):
            await publisher.publish(ACCOUNT, f"p{n}")
        assert posting.state is BreakerState.OPEN
        held = await publisher.publish(ACCOUNT, "p3")
        assert (held.verdict, held.until) == (PublishVerdict.HELD, clock.now() + timedelta(seconds=33))
        assert len(desk.network.calls) == 3
        assert site.state is BreakerState.CLOSED, "the site does answer"

        await clock.advance(seconds=33)
        assert (await publisher.publish(ACCOUNT, "p3")).verdict is PublishVerdict.UNCONFIRMED
        assert posting.state is BreakerState.OPEN, "one post was tried, and it proved that nothing is mended"
        assert posting.status().open_for == timedelta(seconds=33)
        held = await publisher.publish(ACCOUNT, "p4")
        assert (held.verdict, len(desk.network.calls)) == (PublishVerdict.HELD, 4)

        await clock.advance(minutes=2)
        desk.network.faults = [Fault.HANGS_AFTER]
        first = asyncio.create_task(publisher.publish(ACCOUNT, "p4"))
        await eventually(lambda: posting.state is BreakerState.HALF_OPEN)
        held = await publisher.publish(ACCOUNT, "p5")
        assert held.verdict is PublishVerdict.HELD, "while one post is the probe, no other one goes out"
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)

        await clock.advance(minutes=2)
        assert (await publisher.publish(ACCOUNT, "p5")).verdict is PublishVerdict.POSTED
        assert posting.status().state is BreakerState.CLOSED


async def test_200_posts_due_at_once_go_out_in_order_and_once(database: Database, clock: ManualClock) -> None:
    desk = desk_on(database, clock, settings=SETTINGS.model_copy(update={"per_hour": 500}))
    await desk.add_account(ACCOUNT)
    start = clock.now()
    await desk.queue(
        *(piece(f"p{n:03}", f"Post {n}.", due_at=start - timedelta(seconds=n)) for n in range(200))
    )
    for run in range(10):
        ctx = RunContext(clock, run_id=f"run-{run}")
        await desk.sweep().sweep(ctx)
        assert ctx.woken == [(SWEEP, clock.now())]  # at once, while there is more
    assert desk.network.texts_of(ACCOUNT) == [f"Post {n}." for n in reversed(range(200))]


async def test_another_session_is_asked_about_at_once_and_the_same_one_seldom(
    desk: Desk, clock: ManualClock
) -> None:
    session = ["first"]

    async def mark(_account_id: str) -> str:
        return session[0]

    watch = SessionWatch(desk.database, clock, desk.events, every=timedelta(minutes=5), mark=mark)
    desk.network.state = SessionState.EXPIRED
    await desk.queue(piece("a", "Hello.", due_at=clock.now()))
    await desk.sweep().sweep(RunContext(clock))
    asked: list[int] = []
    for minute in range(0, 60, 5):
        before = desk.network.calls.count("session")
        await watch.check(ACCOUNT, desk.network, clock.now())
        asked += [minute] * (desk.network.calls.count("session") - before)
        await clock.advance(minutes=5)
    assert asked == [0, 5, 10, 20, 40]  # once after the start, then ever more seldom
    session[0], desk.network.state = "second", SessionState.VALID
    assert await watch.check(ACCOUNT, desk.network, clock.now())


async def test_a_refusal_as_automated_stops_the_account_until_its_owner_resumes_it(
    desk: Desk, clock: ManualClock
) -> None:
    """A valid session says nothing: the next post would be refused as well. A restart changes nothing."""
    desk.network.faults = [Fault.AUTOMATED]
    await desk.queue(piece("a", "One.", due_at=clock.now()), piece("b", "Two.", due_at=clock.now()))
    for _ in range(3):
        await desk.sweep().sweep(RunContext(clock))
        await desk.sweep().session(RunContext(clock))
        await clock.advance(minutes=10)
    assert desk.network.calls.count("publish") == 1
    assert "takes the account for a program" in (await desk.find("b")).why
    [stopped] = desk.told_of(PostingStopped)
    assert stopped.account_id == ACCOUNT.id
    async with desk.database.begin("test.resume") as connection:
        await accounts.switch_on(
            connection, f"posting/{ACCOUNT.id}", who="owner", why="looked", now=clock.now()
        )
    await desk.sweep().sweep(RunContext(clock))
    assert desk.network.texts_of(ACCOUNT) == ["One.", "Two."]
