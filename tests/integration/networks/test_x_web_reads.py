"""Reading through the page, on the local network: what is shown, and what must never look like nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from stonechat.core.errors import PageChanged, Permanent, SessionTrouble, StonechatError, Transient
from stonechat.core.events import SelectorMoved
from stonechat.core.model import Account
from stonechat.core.network import Posted, Publication
from stonechat.core.states import SessionState
from stonechat.networks.x_web.dom_parser import read_page
from tests.integration.networks.x_web_support import Bench, open_bench

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    folder = tmp_path_factory.mktemp("x_web")
    async with open_bench(
        folder, handles=("quietbuilder", "secondhand"), call_timeout=timedelta(seconds=3)
    ) as bench:
        for number in range(27):
            outcome = await bench.network.publish(bench.account, Publication((f"Own post {number}",)))
            assert isinstance(outcome, Posted)
        yield bench


async def test_one_load_of_the_profile_brings_many_posts_with_their_counts(bench: Bench) -> None:
    before = dict(await requests(bench))

    timeline = await bench.network.own_posts(bench.account, limit=20)

    after = await requests(bench)
    assert (len(timeline.posts), timeline.source, timeline.complete) == (20, "wire", True)
    assert after["page"] - before.get("page", 0) == 1
    assert after["UserTweets"] - before.get("UserTweets", 0) == 1
    assert timeline.posts[0].text == "Own post 26"
    assert timeline.oldest == min(post.created_at for post in timeline.posts if post.created_at)
    assert all(post.metrics.likes is not None for post in timeline.posts)


async def requests(bench: Bench) -> dict[str, int]:
    async with httpx.AsyncClient() as client:
        return dict((await client.get(f"{bench.aviary.url}/aviary/stats")).json()["requests"])


async def test_more_than_one_answer_is_read_by_scrolling(bench: Bench) -> None:
    timeline = await bench.network.own_posts(bench.account, limit=40)

    assert sorted(post.text for post in timeline.posts) == sorted(
        f"Own post {number}" for number in range(27)
    )


async def test_the_counts_read_are_the_counts_that_the_network_showed(bench: Bench) -> None:
    bench.aviary.world.clock.advance(6 * 3600)
    timeline = await bench.network.own_posts(bench.account, limit=20)

    for post in timeline.posts:
        shown = bench.aviary.world.ledger.served(post.id)[-1].as_json()
        read = post.metrics
        assert (read.likes, read.reposts, read.replies, read.quotes, read.bookmarks, read.views) == (
            shown["likes"],
            shown["reposts"],
            shown["replies"],
            shown["quotes"],
            shown["bookmarks"],
            shown["views"],
        )
    assert any(post.metrics.views for post in timeline.posts)


async def test_a_pinned_post_does_not_make_the_read_look_older_than_it_is(bench: Bench) -> None:
    oldest = next(entry for entry in bench.ledger() if entry.text == "Own post 0")
    bench.levers(pinned=oldest.id)

    timeline = await bench.network.own_posts(bench.account, limit=20)

    assert timeline.posts[0].id == oldest.id
    assert timeline.oldest is not None
    assert timeline.oldest > timeline.posts[0].created_at  # type: ignore[operator]


async def test_replies_are_read_where_they_are_asked_for(bench: Bench) -> None:
    root = next(entry for entry in bench.ledger() if entry.text == "Own post 1")
    await bench.network.publish(bench.account, Publication(("My own reply",), reply_to=root.id))

    posts = (await bench.network.own_replies(bench.account, limit=5)).posts

    reply = next(post for post in posts if post.text == "My own reply")
    assert reply.in_reply_to == root.id


async def test_a_search_finds_posts_with_authors_and_followers(bench: Bench) -> None:
    timeline = await bench.network.search(bench.account, "-filter:replies", limit=25)

    assert 25 <= len(timeline.posts) < 60  # what was read beyond the limit stays
    assert all(post.author for post in timeline.posts)
    assert all(post.author_followers is not None for post in timeline.posts)


async def test_a_search_without_a_result_is_empty_and_nothing_else(bench: Bench) -> None:
    timeline = await bench.network.search(bench.account, "zzzqqqxyzzy")

    assert (timeline.posts, timeline.complete) == ((), True)


async def test_a_search_that_the_service_cannot_serve_is_no_empty_result(bench: Bench) -> None:
    bench.levers(search_broken=True)

    with pytest.raises(Transient, match="130"):
        await bench.network.search(bench.account, "anything")


async def test_mentions_are_posts_of_others(bench: Bench) -> None:
    bench.aviary.world.clock.advance(24 * 3600)

    timeline = await bench.network.mentions(bench.account)

    assert timeline.source == "wire"
    assert timeline.posts
    assert all(post.author != "quietbuilder" for post in timeline.posts)


async def test_a_profile_has_its_exact_followers(bench: Bench) -> None:
    profile = await bench.network.profile(bench.account, "@quietbuilder")

    now = bench.aviary.world.now()
    assert profile.handle == "quietbuilder"
    assert profile.followers == pytest.approx(bench.aviary.world.followers("quietbuilder", now), abs=5)


async def test_an_account_that_does_not_exist_is_said_not_to(bench: Bench) -> None:
    with pytest.raises(Permanent):
        await bench.network.profile(bench.account, "nobody_has_this_name")


SESSIONS = [
    ("logged_out", SessionState.EXPIRED),
    ("locked", SessionState.LOCKED),
    ("challenged", SessionState.CHALLENGED),
    ("suspended", SessionState.SUSPENDED),
]


@pytest.mark.parametrize(("lever", "state"), SESSIONS)
async def test_no_read_is_empty_when_the_session_is_the_cause(
    bench: Bench, lever: str, state: SessionState
) -> None:
    bench.levers(**{lever: True})

    assert await bench.network.session(bench.account) is state
    for read in (
        bench.network.own_posts(bench.account),
        bench.network.search(bench.account, "x"),
        bench.network.mentions(bench.account),
    ):
        with pytest.raises(SessionTrouble) as caught:
            await read
        assert caught.value.state is state
        assert caught.value.remedy


async def test_a_session_that_is_asked_too_often_is_rate_limited(bench: Bench) -> None:
    bench.levers(status_429=1)

    assert await bench.network.session(bench.account) is SessionState.RATE_LIMITED


async def test_the_page_and_the_wire_say_the_same(bench: Bench) -> None:
    wire = await bench.network.own_posts(bench.account, limit=20)
    async with bench.pool.lease(bench.account.id) as lease:
        html = await lease.page.content()

    assert wire.posts
    drawn = {post.id: post for post in read_page(html, site=bench.aviary.url)}
    for post in wire.posts:
        seen = drawn[post.id]
        assert (seen.author, seen.text, seen.url) == (post.author, post.text, post.url)
        assert seen.created_at == post.created_at
        assert seen.metrics == replace(post.metrics, quotes=None)


async def test_a_healthy_session_is_valid(bench: Bench) -> None:
    assert await bench.network.session(bench.account) is SessionState.VALID


@pytest.mark.parametrize(
    ("levers", "error"),
    [
        ({"page_changed": ["wire.instructions", "tweet"]}, PageChanged),
        ({"status_5xx": True}, Transient),
        ({"status_429": True}, Transient),
        ({"hang": True}, Transient),
    ],
)
async def test_no_read_is_empty_when_the_site_is_the_cause(
    bench: Bench, levers: dict[str, Any], error: type[StonechatError]
) -> None:
    bench.levers(**levers)

    with pytest.raises(error):
        await bench.network.own_posts(bench.account)


@pytest.mark.parametrize("moved", ["instructions", "tweet_results", "legacy", "full_text"])
async def test_the_page_serves_where_the_wire_cannot_be_read_and_says_so(bench: Bench, moved: str) -> None:
    bench.levers(page_changed=[f"wire.{moved}"])
    bench.events.clear()

    timeline = await bench.network.own_posts(bench.account, limit=20)

    assert (timeline.source, timeline.complete) == ("dom", False)
    assert len(timeline.posts) >= 15
    assert all(post.metrics.likes is not None and post.metrics.quotes is None for post in timeline.posts)
    assert any(isinstance(event, SelectorMoved) and "UserTweets" in event.missing for event in bench.events)


async def test_renewed_cookies_are_written_back(bench: Bench) -> None:
    other = Account(id="x:secondhand", network="x_web", handle="secondhand")
    before = await bench.sessions.load(other.id)
    bench.levers(renew_ct0=True)
    await bench.network.session(other)

    slot = bench.pool.contexts.open[other.id]
    await bench.pool.contexts.close(slot)

    after = await bench.sessions.load(other.id)
    assert before is not None
    assert after is not None
    assert after.fingerprint() != before.fingerprint()
    assert await bench.network.session(other) is SessionState.VALID


async def test_a_new_session_is_taken_up_without_a_restart(bench: Bench) -> None:
    working = await bench.sessions.load(bench.account.id)
    assert working is not None
    broken = replace(working, cookies=tuple({**cookie, "value": "ended"} for cookie in working.cookies))
    await bench.sessions.save(bench.account.id, broken)
    assert await bench.network.session(bench.account) is SessionState.EXPIRED

    await bench.sessions.save(bench.account.id, working)

    assert await bench.network.session(bench.account) is SessionState.VALID


async def test_a_profile_folds_a_long_thread_and_the_pages_of_its_posts_show_what_follows(
    bench: Bench,
) -> None:
    parts = tuple(f"Part {number} of a long thread" for number in range(5))
    outcome = await bench.network.publish(bench.account, Publication(parts))
    assert isinstance(outcome, Posted)
    ids = outcome.post_ids
    profile = {post.id for post in (await bench.network.own_replies(bench.account, limit=5)).posts}
    assert profile.intersection(ids) == {ids[0], ids[3], ids[4]}

    page = await bench.network.own_thread(bench.account, ids[1])

    assert page.complete
    assert {ids[1], ids[2]} <= {post.id for post in page.posts}
    assert all(post.author == bench.account.handle for post in page.posts)
    with pytest.raises(Permanent):
        await bench.network.own_thread(bench.account, "1234567890")
