"""Our adapter against every trap of the local network: read rightly, or refused by the right name.

Never a zero for what is missing, never an advert, a quoted or a withheld post as one that stands there.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from stonechat.core.errors import Transient
from stonechat.core.ids import fingerprint
from stonechat.core.model import Account
from stonechat.core.network import NetworkPost, Picture, Posted, Publication, Refused, Unconfirmed
from stonechat.core.states import SessionState
from stonechat_aviary.people import Person
from stonechat_aviary.posts import Post
from stonechat_aviary.searching import parse_query
from tests.integration.networks.x_web_support import Bench, open_bench

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVERYTHING = "-filter:replies"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360000002000001e221bc330000000049454e44ae426082"
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    folder = tmp_path_factory.mktemp("traps")
    handles = ("quietbuilder", "secondhand")
    async with open_bench(folder, handles=handles, call_timeout=timedelta(seconds=3)) as bench:
        yield bench


@pytest_asyncio.fixture(loop_scope="module")
async def bench(shared: Bench) -> AsyncIterator[Bench]:
    shared.aviary.panel.reset()
    yield shared
    shared.aviary.panel.reset()


async def searched(bench: Bench, query: str = EVERYTHING, limit: int = 60) -> dict[str, NetworkPost]:
    found = await bench.network.search(bench.account, query, limit=limit)
    return {post.id: post for post in found.posts}


def of(bench: Bench, post_id: str) -> Post:
    post = bench.aviary.world.post(post_id, bench.aviary.world.now())
    assert post is not None
    return post


async def sent(bench: Bench, *parts: str, **more: Any) -> Posted:
    outcome = await bench.network.publish(bench.account, Publication(parts, **more))
    assert isinstance(outcome, Posted), outcome
    return outcome


async def test_every_post_of_a_search_has_its_text_counts_and_author_whatever_its_wrapping(
    bench: Bench,
) -> None:
    world = bench.aviary.world
    found = await searched(bench, limit=100)
    posts = [of(bench, post_id) for post_id in found]

    kinds = {
        "wrapped": any(post.hidden == "wrapped" for post in posts),
        "long": any(len(post.text) > 280 for post in posts),
        "quoting": any(post.quoted for post in posts),
        "old shape": any(isinstance(a := world.author(p.author), Person) and a.old_shape for p in posts),
    }
    assert kinds == dict.fromkeys(kinds, True)
    for post in posts:
        read, counts = found[post.id], world.counts(post, world.now())
        assert (read.text, read.author) == (post.text, post.author)
        assert read.author_followers == world.followers(post.author, world.now())
        assert read.metrics.likes is not None
        assert abs(read.metrics.likes - counts.likes) <= 5  # the world goes on while it is read
        assert read.quoted_id == post.quoted


async def test_neither_adverts_nor_quoted_posts_stand_in_a_timeline(bench: Bench) -> None:
    now = bench.aviary.world.now()
    paid = bench.aviary.world.advert("quietbuilder", now)
    assert paid is not None
    topic = "sleep" if "sleep" not in paid.text.lower() else "focus"
    organic = {post.id for post in bench.aviary.world.search(parse_query(topic), now, latest=True)}

    assert set(await searched(bench, topic)) <= organic
    bench.levers(page_changed=["wire.instructions"])
    drawn = await bench.network.search(bench.account, topic)
    assert drawn.source == "dom"
    assert paid.id not in {post.id for post in drawn.posts}


async def test_withheld_posts_are_neither_posts_nor_zeros(bench: Bench) -> None:
    world = bench.aviary.world
    for number in range(40):
        world.publish("quietbuilder", f"What would you add, number {number}?", None, {})
    world.clock.advance(2 * 86_400)
    everything = world.mentions("quietbuilder", world.now())
    hidden = {post.id for post in everything if post.hidden in {"tombstone", "unavailable", "empty"}}
    assert hidden

    mentions = await bench.network.mentions(bench.account, limit=1000)

    read = {post.id for post in mentions.posts}
    newest = [post.id for post in everything if int(post.id) >= min(map(int, read))]
    assert not read & hidden
    assert read == set(newest) - hidden
    assert hidden & set(newest)


async def test_a_new_post_has_no_views_and_no_zero_in_their_place(bench: Bench) -> None:
    post_id = (await sent(bench, "Nobody has seen this yet.")).post_ids[0]

    for source, moved in (("wire", []), ("dom", ["wire.instructions"])):
        bench.levers(page_changed=moved)
        timeline = await bench.network.own_posts(bench.account, limit=5)
        new = next(post for post in timeline.posts if post.id == post_id)
        assert (timeline.source, new.metrics.views, new.metrics.likes) == (source, None, 0)


@pytest.mark.parametrize(
    "text",
    [
        "Tea & cake: 1 < 2 > 0, &amp; so on.",
        "Read https://example.com/a/long/path?x=1&y=2 and https://example.org/b.",
        "Thanks @secondhand and @quietbuilder #calm 🙂",
    ],
)
async def test_a_text_comes_back_as_it_was_written(bench: Bench, text: str) -> None:
    post_id = (await sent(bench, text)).post_ids[0]

    timeline = await bench.network.own_posts(bench.account, limit=5)

    post = next(one for one in timeline.posts if one.id == post_id)
    assert (post.text, fingerprint(post.text)) == (text, fingerprint(text))


async def test_an_answer_comes_back_without_the_mention_that_x_puts_before_it(bench: Bench) -> None:
    parent = next(iter((await searched(bench)).values()))
    outcome = await sent(bench, "Good point.", reply_to=parent.id, reply_to_author=parent.author)

    posts = (await bench.network.own_replies(bench.account, limit=5)).posts

    reply = next(post for post in posts if post.id == outcome.post_ids[0])
    assert (reply.text, reply.in_reply_to) == ("Good point.", parent.id)


async def test_an_error_beside_whole_data_does_not_hide_the_data(bench: Bench) -> None:
    bench.levers(errors_beside_data=True)

    assert len(await searched(bench)) >= 20


async def test_a_limit_without_retry_after_waits_until_the_window_ends(bench: Bench) -> None:
    bench.levers(rate_limits={"SearchTimeline": 0})

    with pytest.raises(Transient) as caught:
        await searched(bench)

    assert caught.value.retry_after is not None
    assert timedelta(seconds=1) <= caught.value.retry_after <= timedelta(minutes=15)


async def test_a_timeline_that_keeps_only_what_is_near_the_window_is_read_to_its_end(bench: Bench) -> None:
    found = await searched(bench, limit=100)
    async with bench.pool.lease(bench.account.id) as lease:
        drawn = await lease.page.locator('article[data-testid="tweet"]').count()

    assert len(found) >= 100
    assert drawn < len(found) / 2


@pytest.mark.parametrize("lever", ["dead_button", "overlay"])
async def test_what_stands_before_the_button_refuses_the_post_for_now(bench: Bench, lever: str) -> None:
    await bench.network.own_posts(bench.account, limit=5)
    bench.levers(**{lever: True})
    before = len(bench.ledger())
    async with bench.pool.lease(bench.account.id) as lease:
        await lease.page.goto(f"{bench.aviary.url}/home")

    outcome = await bench.network.publish(bench.account, Publication((f"Behind a {lever}.",)))

    assert isinstance(outcome, Refused)
    assert not outcome.permanent
    assert len(bench.ledger()) == before
    bench.levers(**{lever: False})
    async with bench.pool.lease(bench.account.id) as lease:
        await lease.page.goto(f"{bench.aviary.url}/home")


async def test_a_post_without_a_toast_is_posted_all_the_same(bench: Bench) -> None:
    bench.levers(no_toast=True)

    assert (await sent(bench, "No word about it.")).post_ids[0] == bench.ledger()[-1].id


async def test_an_unclear_answer_and_a_profile_that_lags_is_unconfirmed_and_never_absent(
    bench: Bench,
) -> None:
    bench.levers(empty_tweet_results=1, empty_is_live=True, no_toast=True, profile_delay_s=60)
    before = len(bench.ledger())

    outcome = await bench.network.publish(bench.account, Publication(("Live, and not seen yet.",)))

    assert isinstance(outcome, Unconfirmed)
    assert len(bench.ledger()) == before + 1


async def test_a_picture_that_is_not_taken_sends_no_post_without_it(bench: Bench) -> None:
    bench.levers(upload_5xx=1)
    before = len(bench.ledger())
    picture = Picture(hashlib.sha256(PNG).hexdigest(), "image/png", "A dot.", PNG)

    outcome = await bench.network.publish(
        bench.account, Publication(("With a picture.",), pictures=((picture,),))
    )

    assert isinstance(outcome, Refused)
    assert len(bench.ledger()) == before


async def test_one_account_that_is_logged_out_leaves_the_other_alone(bench: Bench) -> None:
    other = Account(id="x:secondhand", network="x_web", handle="secondhand")
    bench.aviary.panel.set({"logged_out": True}, "secondhand")

    assert await bench.network.session(other) is SessionState.EXPIRED
    assert await bench.network.session(bench.account) is SessionState.VALID
    await sent(bench, "Still here.")
