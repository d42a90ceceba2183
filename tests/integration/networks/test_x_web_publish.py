"""Publishing through the page: every way it can end, against the local network's own ledger."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from stonechat.core.network import Posted, Publication, PublishOutcome, Refused, Rehearsed, Unconfirmed
from stonechat.core.states import SessionState
from stonechat.networks.x_web.plugin import PLUGIN
from tests.integration.networks.x_web_support import Bench, browser_process, open_bench
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    folder = tmp_path_factory.mktemp("x_web")
    async with open_bench(folder, call_timeout=timedelta(seconds=3)) as bench:
        yield bench


@pytest_asyncio.fixture(loop_scope="module")
async def bench(shared: Bench) -> AsyncIterator[Bench]:
    shared.aviary.panel.reset()
    async with shared.pool.lease(shared.account.id) as lease:
        await lease.page.goto("about:blank")
    yield shared
    shared.aviary.panel.reset()


def new_posts(bench: Bench, *texts: str) -> list[Any]:
    return [entry for entry in bench.ledger() if entry.text in texts]


async def publish(bench: Bench, *parts: str, **more: Any) -> PublishOutcome:
    return await bench.network.publish(bench.account, Publication(parts, **more))


async def test_a_post_is_live_with_its_text_unchanged_and_its_own_id(bench: Bench) -> None:
    text = "First line with <marks> & “quotes”\n\nthird line 🎉 naïve #tag @nobody 100%"
    clicks: list[int] = []

    outcome = await bench.network.publish(
        bench.account, Publication((text,)), before_click=lambda: clicks.append(len(new_posts(bench, text)))
    )

    [entry] = new_posts(bench, text)
    assert outcome == Posted((entry.id,), f"{bench.aviary.url}/quietbuilder/status/{entry.id}")
    assert clicks == [0]


async def test_posts_one_after_the_other_use_the_page_that_is_open(bench: Bench) -> None:
    texts = [f"One of five, number {number}" for number in range(5)]

    outcomes = [await publish(bench, text) for text in texts]

    assert all(isinstance(outcome, Posted) for outcome in outcomes)
    assert [entry.text for entry in new_posts(bench, *texts)] == texts


async def test_a_thread_is_one_chain_in_order(bench: Bench) -> None:
    parts = ("Thread, part one", "Thread, part two", "Thread, part three")

    outcome = await publish(bench, *parts)

    entries = new_posts(bench, *parts)
    assert isinstance(outcome, Posted)
    assert outcome.post_ids == tuple(entry.id for entry in entries)
    assert [entry.in_reply_to for entry in entries] == [None, entries[0].id, entries[1].id]


async def test_a_thread_is_resumed_below_its_last_part(bench: Bench) -> None:
    first = await publish(bench, "The part that went out before")
    assert isinstance(first, Posted)

    outcome = await publish(bench, "Resumed, second", "Resumed, third", reply_to=first.post_ids[0])

    second, third = new_posts(bench, "Resumed, second", "Resumed, third")
    assert isinstance(outcome, Posted)
    assert outcome.post_ids == (second.id, third.id)
    assert (second.in_reply_to, third.in_reply_to) == (first.post_ids[0], second.id)


async def test_a_reply_answers_the_post_it_is_for(bench: Bench) -> None:
    found = await bench.network.search(bench.account, "-filter:replies", limit=5)
    post = found.posts[0]

    outcome = await publish(bench, "A reply to somebody", reply_to=post.id, reply_to_author=post.author)

    [entry] = new_posts(bench, "A reply to somebody")
    assert isinstance(outcome, Posted)
    assert entry.in_reply_to == post.id


async def test_a_reply_to_a_post_that_is_gone_is_refused_for_good(bench: Bench) -> None:
    outcome = await publish(bench, "Too late", reply_to="1234567890", reply_to_author="quietbuilder")

    assert isinstance(outcome, Refused)
    assert outcome.permanent
    assert not new_posts(bench, "Too late")


async def test_in_shadow_everything_is_done_but_the_click(bench: Bench) -> None:
    clicks: list[None] = []

    outcome = await bench.network.publish(
        bench.account,
        Publication(("Shadow one", "Shadow two"), final_click=False),
        before_click=lambda: clicks.append(None),
    )

    assert isinstance(outcome, Rehearsed)
    assert not clicks
    assert not new_posts(bench, "Shadow one", "Shadow two")
    assert isinstance(await publish(bench, "After the shadow"), Posted)
    assert len(new_posts(bench, "After the shadow")) == 1


@pytest.mark.parametrize("parts", [("x" * 281,), ("fine", "日" * 141), ("",), ("fine", "  \n"), ()])
async def test_what_can_never_be_sent_is_refused_before_the_browser_is_touched(
    bench: Bench, parts: tuple[str, ...]
) -> None:
    leases = bench.pool.health().operations.get("publish", {})

    outcome = await publish(bench, *parts)

    assert isinstance(outcome, Refused)
    assert outcome.permanent
    assert bench.pool.health().operations.get("publish", {}) == leases


async def test_a_post_of_the_greatest_length_is_sent(bench: Bench) -> None:
    text = "日" * 100 + "y" * 56 + " https://example.com/some/very/long/path/that/counts/23/only"

    assert PLUGIN.text.length(text) <= PLUGIN.text.max_length
    assert isinstance(await publish(bench, text), Posted)


@pytest.mark.parametrize(
    ("lever", "state"),
    [
        ("logged_out", SessionState.EXPIRED),
        ("locked", SessionState.LOCKED),
        ("challenged", SessionState.CHALLENGED),
        ("suspended", SessionState.SUSPENDED),
    ],
)
async def test_a_session_in_trouble_refuses_before_the_click_and_says_which(
    bench: Bench, lever: str, state: SessionState
) -> None:
    bench.levers(**{lever: True})

    outcome = await publish(bench, f"Never: {lever}")

    assert isinstance(outcome, Refused)
    assert (outcome.session, outcome.permanent) == (state, False)
    assert not new_posts(bench, f"Never: {lever}")
    bench.aviary.panel.reset()
    assert isinstance(await publish(bench, f"Again: {lever}"), Posted)


async def test_a_session_that_ends_while_the_page_is_open_refuses_too(bench: Bench) -> None:
    await publish(bench, "Still logged in")
    bench.levers(logged_out=True)

    outcome = await publish(bench, "No longer logged in")

    assert isinstance(outcome, Refused)
    assert outcome.session is SessionState.EXPIRED


async def test_a_consent_layer_is_answered_with_the_least_it_offers(bench: Bench) -> None:
    bench.levers(consent_wall=True)

    assert isinstance(await publish(bench, "Past the cookies"), Posted)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (186, Refused("", permanent=True)),
        (344, Refused("", retry_after=timedelta(hours=3))),
        (226, Refused("", automated=True)),
        (136, Refused("", permanent=True, blocked=True)),
        (326, Refused("", session=SessionState.LOCKED)),
        (64, Refused("", session=SessionState.SUSPENDED)),
    ],
)
async def test_a_refusal_is_read_from_its_code(bench: Bench, code: int, expected: Refused) -> None:
    bench.levers(refuse={"code": code, "n": 1})

    outcome = await publish(bench, f"Refused with {code}")

    assert isinstance(outcome, Refused)
    assert outcome.automated is expected.automated
    assert (outcome.permanent, outcome.retry_after, outcome.session) == (
        expected.permanent,
        expected.retry_after,
        expected.session,
    )
    assert not new_posts(bench, f"Refused with {code}")


async def test_a_rate_limit_waits_as_long_as_the_service_asks(bench: Bench) -> None:
    await publish(bench, "Before the limit")  # so that the page is open and only the post is limited
    bench.levers(status_429=1, retry_after=42)

    outcome = await publish(bench, "Limited")

    assert isinstance(outcome, Refused)
    assert outcome.retry_after == timedelta(seconds=42)


async def test_an_empty_answer_to_a_post_that_is_live_is_settled_by_the_profile(bench: Bench) -> None:
    bench.levers(empty_tweet_results=1, empty_is_live=True)

    outcome = await publish(bench, "Live, though nobody said so")

    [entry] = new_posts(bench, "Live, though nobody said so")
    assert isinstance(outcome, Posted)
    assert outcome.post_ids == (entry.id,)


async def test_an_empty_answer_to_a_post_that_is_not_there_stays_unconfirmed(bench: Bench) -> None:
    bench.levers(empty_tweet_results=1)

    assert isinstance(await publish(bench, "Not live, and nobody said so"), Unconfirmed)
    assert not new_posts(bench, "Not live, and nobody said so")


async def test_a_lost_answer_never_ends_in_two_posts_or_in_a_refusal(bench: Bench) -> None:
    bench.levers(lose_answer=1)

    outcome = await publish(bench, "The answer was lost")

    assert isinstance(outcome, Posted | Unconfirmed)
    assert len(new_posts(bench, "The answer was lost")) == 1


async def test_an_answer_that_never_comes_is_unconfirmed(bench: Bench) -> None:
    await publish(bench, "Before the silence")
    bench.levers(hang=1)

    assert isinstance(await publish(bench, "Into the silence"), Unconfirmed)


async def test_a_server_error_after_the_click_is_unconfirmed(bench: Bench) -> None:
    await publish(bench, "Before the error")
    bench.levers(status_5xx=1)

    assert isinstance(await publish(bench, "Into the error"), Unconfirmed)


async def test_a_server_error_before_the_click_is_a_refusal(bench: Bench) -> None:
    bench.levers(status_5xx=True)

    outcome = await publish(bench, "Nothing was clicked")

    assert isinstance(outcome, Refused)
    assert not outcome.permanent


async def test_a_duplicate_of_something_old_is_for_the_reconciler(bench: Bench) -> None:
    outcome = await publish(bench, "Said twice")
    again = await publish(bench, "Said twice")

    assert isinstance(outcome, Posted)
    assert again in (outcome, Unconfirmed("Status is a duplicate. (error 187)"))
    assert len(new_posts(bench, "Said twice")) == 1


async def test_a_thread_that_breaks_off_names_the_parts_that_are_live(bench: Bench) -> None:
    parts = ("Broken thread, one", "Broken thread, two", "Broken thread, three")

    async def break_after_the_first() -> None:
        await eventually(lambda: bool(new_posts(bench, parts[0])), every=0.001)
        bench.levers(refuse={"code": 344, "n": 1})

    bench.levers(slow_ms=150)
    breaking = asyncio.create_task(break_after_the_first())
    outcome = await publish(bench, *parts)
    await breaking

    assert isinstance(outcome, Refused)
    assert outcome.confirmed == tuple(entry.id for entry in new_posts(bench, *parts))
    assert len(outcome.confirmed) == 1


@pytest.mark.parametrize("moved", ["tweetTextarea_0", "tweetButton"])
async def test_a_moved_element_refuses_and_says_so(bench: Bench, moved: str) -> None:
    bench.levers(page_changed=[moved])

    outcome = await publish(bench, f"Moved: {moved}")

    assert isinstance(outcome, Refused)
    assert not outcome.permanent
    assert "changed" in outcome.reason
    assert not new_posts(bench, f"Moved: {moved}")


async def test_a_session_of_somebody_else_publishes_nothing(bench: Bench) -> None:
    stranger = type(bench.account)(id=bench.account.id, network="x_web", handle="somebody_else")

    outcome = await bench.network.publish(stranger, Publication(("In whose name?",)))

    assert isinstance(outcome, Refused)
    assert outcome.session is SessionState.EXPIRED
    assert not new_posts(bench, "In whose name?")


async def test_a_page_that_does_not_say_who_is_logged_in_publishes_nothing(bench: Bench) -> None:
    bench.levers(page_changed=["AppTabBar_Profile_Link"])

    outcome = await publish(bench, "In nobody's name?")

    assert isinstance(outcome, Refused)
    assert "who is logged in" in outcome.reason
    assert not new_posts(bench, "In nobody's name?")


async def test_the_same_words_below_another_post_are_not_taken_for_this_reply(bench: Bench) -> None:
    first, second = (await bench.network.search(bench.account, "-filter:replies", limit=5)).posts[:2]
    bench.levers(duplicate_refused=False)
    sent = await publish(bench, "Same to you", reply_to=first.id, reply_to_author=first.author)
    assert isinstance(sent, Posted)
    bench.levers(empty_tweet_results=1)

    outcome = await publish(bench, "Same to you", reply_to=second.id, reply_to_author=second.author)

    assert isinstance(outcome, Unconfirmed)
    assert outcome.confirmed == ()


@pytest.mark.parametrize("live", [True, False])
async def test_a_browser_killed_after_the_click_is_unconfirmed_and_killed_before_it_is_a_refusal(
    bench: Bench, live: bool
) -> None:
    await publish(bench, f"Warm page for {live}")
    bench.levers(slow_ms=1500)

    def kill() -> None:
        browser_process(bench.pool).send_signal(signal.SIGKILL)

    def kill_soon() -> None:
        asyncio.get_running_loop().call_later(0.5, kill)

    if live:
        outcome = await bench.network.publish(
            bench.account,
            Publication(("Killed after",)),
            before_click=kill_soon,
        )
        assert isinstance(outcome, Unconfirmed)
    else:
        kill()
        outcome = await publish(bench, "Killed before")
        assert isinstance(outcome, Refused | Posted)
        assert isinstance(outcome, Posted) == bool(new_posts(bench, "Killed before"))
    bench.aviary.panel.reset()
    assert isinstance(await publish(bench, f"And on it goes: {live}"), Posted)


async def test_the_evidence_of_a_failure_is_kept(bench: Bench) -> None:
    bench.levers(locked=True)
    await publish(bench, "Evidence")

    record = bench.pool.health().evidence
    assert record is not None
    assert "/account/access" in record.read_text()
