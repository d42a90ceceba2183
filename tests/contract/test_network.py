"""What every network keeps to, whoever brings it: our adapters on the local network, and the tests' fake."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from stonechat.core.errors import Permanent, SessionTrouble, Transient
from stonechat.core.model import Metrics
from stonechat.core.network import Posted, Publication, PublishOutcome, Refused, Rehearsed, Unconfirmed
from stonechat.core.states import SessionState
from stonechat.networks.registry import installed
from tests.support.network_stands import (
    FakeStand,
    Live,
    Stand,
    Trouble,
    open_bluesky_stand,
    open_mastodon_stand,
    open_x_api_stand,
    open_x_web_stand,
)
from tests.support.pictures import picture

pytestmark = pytest.mark.asyncio(loop_scope="module")

GONE = "1234567890"
NOWHERE = "zqxjkvwpzqxjkvwp"
OPEN: Mapping[str, Callable[[Path], AbstractAsyncContextManager[Stand]]] = {
    "bluesky": open_bluesky_stand,
    "mastodon": open_mastodon_stand,
    "x_api": open_x_api_stand,
    "x_web": open_x_web_stand,
}


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="module",
    params=["fake", "mastodon", "x_api", "x_web", pytest.param("bluesky", marks=pytest.mark.long)],
)
async def opened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stand]:
    if request.param == "fake":
        yield FakeStand()
        return
    async with OPEN[request.param](tmp_path_factory.mktemp(request.param)) as stand:
        yield stand


@pytest_asyncio.fixture(loop_scope="module")
async def stand(opened: Stand) -> AsyncIterator[Stand]:
    await opened.calm()
    yield opened
    await opened.calm()


async def publish(stand: Stand, *parts: str, **more: Any) -> PublishOutcome:
    return await stand.network.publish(stand.account, Publication(parts, **more))


async def live(stand: Stand, *texts: str) -> list[Live]:
    return [one for one in await stand.live() if one.text in texts]


# --- publishing ---------------------------------------------------------------------------------------------


async def test_a_post_is_live_once_and_is_told_before_it_can_be(stand: Stand) -> None:
    clicks: list[str] = []
    outcome = await stand.network.publish(
        stand.account, Publication(("A walk before breakfast",)), before_click=lambda: clicks.append("now")
    )
    [made] = await live(stand, "A walk before breakfast")
    assert isinstance(outcome, Posted)
    assert outcome.post_ids == (made.id,)
    assert made.id.rpartition("/")[2] in outcome.url
    assert clicks == ["now"]


async def test_a_thread_is_one_chain_in_order(stand: Stand) -> None:
    parts = ("Chain, one", "Chain, two", "Chain, three")
    outcome = await publish(stand, *parts)
    made = await live(stand, *parts)
    assert isinstance(outcome, Posted)
    assert [one.text for one in made] == list(parts)
    assert outcome.post_ids == tuple(one.id for one in made)
    assert [one.in_reply_to for one in made] == [None, made[0].id, made[1].id]


async def test_a_thread_is_resumed_in_the_middle(stand: Stand) -> None:
    first = await publish(stand, "Went out before")
    assert isinstance(first, Posted)
    outcome = await publish(stand, "Resumed, two", "Resumed, three", reply_to=first.post_ids[0])
    two, three = await live(stand, "Resumed, two", "Resumed, three")
    assert isinstance(outcome, Posted)
    assert outcome.post_ids == (two.id, three.id)
    assert (two.in_reply_to, three.in_reply_to) == (first.post_ids[0], two.id)


async def test_a_reply_answers_the_post_it_is_for(stand: Stand) -> None:
    post = await stand.somebodys_post()
    outcome = await publish(stand, "So do I", reply_to=post.id, reply_to_author=post.author)
    [made] = await live(stand, "So do I")
    assert isinstance(outcome, Posted)
    assert made.in_reply_to == post.id


async def test_a_quote_quotes_the_post_it_is_for(stand: Stand) -> None:
    post = await stand.somebodys_post()
    if not stand.quotes:
        refused = await publish(stand, "Read this", quote_of=post.id, quote_author=post.author)
        assert isinstance(refused, Refused)
        assert refused.permanent
        return
    outcome = await publish(stand, "Read this", quote_of=post.id, quote_author=post.author)
    [made] = await live(stand, "Read this")
    assert isinstance(outcome, Posted)
    assert (made.quoted, made.in_reply_to) == (post.id, None)


@pytest.mark.parametrize("way", ["reply_to", "quote_of"])
async def test_what_is_gone_is_answered_and_quoted_by_nobody(stand: Stand, way: str) -> None:
    author = "reply_to_author" if way == "reply_to" else "quote_author"
    outcome = await publish(stand, f"Too late ({way})", **{way: GONE, author: "quietbuilder"})
    assert isinstance(outcome, Refused)
    assert outcome.permanent
    assert not await live(stand, f"Too late ({way})")


async def test_pictures_stand_on_their_parts_with_their_descriptions(stand: Stand) -> None:
    pictures = ((picture(1, "A hedge"), picture(2, "A “gate”")), (), (picture(3, "A path"),))
    outcome = await publish(stand, "Album, one", "Album, two", "Album, three", pictures=pictures)
    made = await live(stand, "Album, one", "Album, two", "Album, three")
    assert isinstance(outcome, Posted)
    assert [one.alts for one in made] == [("A hedge", "A “gate”"), (), ("A path",)]


async def test_in_shadow_everything_is_done_but_the_click(stand: Stand) -> None:
    clicks: list[str] = []
    outcome = await stand.network.publish(
        stand.account,
        Publication(("Only rehearsed",), final_click=False),
        before_click=lambda: clicks.append("now"),
    )
    assert isinstance(outcome, Rehearsed)
    assert not clicks
    assert not await live(stand, "Only rehearsed")


@pytest.mark.parametrize("parts", [(), ("",), ("Fine", " \n"), ("Fine", "long " * 200)])
async def test_what_can_never_be_sent_is_refused_whole(stand: Stand, parts: tuple[str, ...]) -> None:
    before = await stand.live()
    outcome = await publish(stand, *parts)
    assert isinstance(outcome, Refused)
    assert outcome.permanent
    assert await stand.live() == before


async def test_the_greatest_length_is_sent(stand: Stand) -> None:
    text = "y" * stand.text.max_length
    assert stand.text.length(text) == stand.text.max_length
    assert isinstance(await publish(stand, text), Posted)


async def test_after_a_lost_answer_the_post_is_found_by_looking_and_is_there_once(stand: Stand) -> None:
    await stand.trouble(Trouble.LOST_ANSWER)
    outcome = await publish(stand, "Heard by nobody?")
    await stand.calm()
    [made] = await live(stand, "Heard by nobody?")
    assert isinstance(outcome, Posted | Unconfirmed)
    seen = await stand.network.own_posts(stand.account)
    assert [post.id for post in seen.posts if post.text == "Heard by nobody?"] == [made.id]


async def test_after_a_lost_request_looking_proves_that_nothing_is_live(stand: Stand) -> None:
    await publish(stand, "Said before the silence")
    await stand.trouble(Trouble.LOST_REQUEST)
    outcome = await publish(stand, "Never arrived")
    await stand.calm()
    assert isinstance(outcome, Unconfirmed | Refused)
    assert not await live(stand, "Never arrived")
    seen = await stand.network.own_posts(stand.account)
    assert seen.complete
    assert "Said before the silence" in [post.text for post in seen.posts]
    assert "Never arrived" not in [post.text for post in seen.posts]


@pytest.mark.parametrize("trouble", [Trouble.REFUSED, Trouble.RATE_LIMITED, Trouble.SESSION_OVER])
async def test_a_refusal_says_why_and_nothing_is_live(stand: Stand, trouble: Trouble) -> None:
    await stand.trouble(trouble)
    outcome = await publish(stand, f"Not now: {trouble.name}")
    assert isinstance(outcome, Refused)
    assert outcome.permanent is (trouble is Trouble.REFUSED)
    assert (outcome.retry_after is not None) is (trouble is Trouble.RATE_LIMITED)
    assert outcome.session is (SessionState.EXPIRED if trouble is Trouble.SESSION_OVER else None)
    assert outcome.confirmed == ()
    assert not await live(stand, f"Not now: {trouble.name}")
    await stand.calm()
    assert isinstance(await publish(stand, f"But now: {trouble.name}"), Posted)


async def test_a_thread_that_breaks_off_names_what_is_live(stand: Stand) -> None:
    parts = ("Broken, one", "Broken, two", "Broken, three")
    async with stand.breaking_off(parts[0]):
        outcome = await publish(stand, *parts)
    made = await live(stand, *parts)
    assert isinstance(outcome, Refused | Unconfirmed)
    assert outcome.confirmed == (made[0].id,)
    assert len(made) == 1


# --- reading ------------------------------------------------------------------------------------------------


async def test_own_posts_are_read_with_their_counts_and_own_replies_apart(stand: Stand) -> None:
    post = await stand.somebodys_post()
    await publish(stand, "To be measured")
    await publish(stand, "An answer to somebody", reply_to=post.id, reply_to_author=post.author)
    posts = await stand.network.own_posts(stand.account)
    replies = await stand.network.own_replies(stand.account)
    measured = next(one for one in posts.posts if one.text == "To be measured")
    assert posts.complete
    assert measured.metrics.likes is not None
    shown = {one.name for one in fields(Metrics) if getattr(measured.metrics, one.name) is not None}
    assert shown <= installed()[stand.network.name].metrics
    assert measured.author.casefold() == stand.account.handle.casefold()
    assert "An answer to somebody" not in [one.text for one in posts.posts]
    assert post.id in [one.in_reply_to for one in replies.posts]


async def test_a_read_that_stops_early_claims_no_more_than_it_holds(stand: Stand) -> None:
    for number in range(4):
        await publish(stand, f"One of many, {number}")
    seen = await stand.network.own_posts(stand.account, limit=2)
    held = {post.id for post in seen.posts}
    whole = await stand.network.own_posts(stand.account, limit=40)
    assert len(held) >= 2
    if seen.oldest is not None:
        newer = [post for post in whole.posts if post.created_at and post.created_at > seen.oldest]
        assert {post.id for post in newer} <= held


async def test_the_page_of_a_post_shows_what_follows_it(stand: Stand) -> None:
    outcome = await publish(stand, "Page, one", "Page, two")
    assert isinstance(outcome, Posted)
    shown = await stand.network.own_thread(stand.account, outcome.post_ids[0])
    assert shown.complete
    assert set(outcome.post_ids) <= {post.id for post in shown.posts}


async def test_the_page_of_a_post_that_is_gone_is_said_to_be_gone(stand: Stand) -> None:
    with pytest.raises(Permanent):
        await stand.network.own_thread(stand.account, GONE)


async def test_a_search_finds_posts_or_is_empty_and_whole(stand: Stand) -> None:
    found = await stand.network.search(stand.account, "the")
    assert any(post.author.casefold() != stand.account.handle.casefold() for post in found.posts)
    nothing = await stand.network.search(stand.account, NOWHERE)
    assert (nothing.posts, nothing.complete) == ((), True)


async def test_mentions_are_posts_of_others(stand: Stand) -> None:
    found = await stand.network.mentions(stand.account)
    assert stand.account.handle not in {post.author for post in found.posts}


async def test_a_profile_is_read_and_an_account_that_is_not_there_is_said_so(stand: Stand) -> None:
    profile = await stand.network.profile(stand.account, stand.account.handle)
    assert profile.handle.casefold() == stand.account.handle.casefold()
    assert profile.followers is not None
    with pytest.raises(Permanent):
        await stand.network.profile(stand.account, "nobody_at_all")


READS = ("own_posts", "own_replies", "own_thread", "search", "mentions", "profile")


async def read(stand: Stand, what: str) -> object:
    network, account = stand.network, stand.account
    match what:
        case "own_thread":
            return await network.own_thread(account, GONE)
        case "search":
            return await network.search(account, "the")
        case "profile":
            return await network.profile(account, account.handle)
        case _:
            return await getattr(network, what)(account)


@pytest.mark.parametrize("what", READS)
async def test_no_read_is_empty_where_the_network_is_broken(stand: Stand, what: str) -> None:
    await stand.trouble(Trouble.BROKEN)
    with pytest.raises(Transient):
        await read(stand, what)


@pytest.mark.parametrize("what", READS)
async def test_no_read_is_empty_where_the_session_is_over(stand: Stand, what: str) -> None:
    await stand.trouble(Trouble.SESSION_OVER)
    with pytest.raises(SessionTrouble) as caught:
        await read(stand, what)
    assert caught.value.state is SessionState.EXPIRED


async def test_the_session_is_asked_of_the_network(stand: Stand) -> None:
    assert await stand.network.session(stand.account) is SessionState.VALID
    await stand.trouble(Trouble.SESSION_OVER)
    assert await stand.network.session(stand.account) is SessionState.EXPIRED
    await stand.calm()
    assert await stand.network.session(stand.account) is SessionState.VALID
