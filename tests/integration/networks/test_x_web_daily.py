"""The daily look at the live page: it names exactly what moved, whichever selector or wire path that is.

By default a few are moved, one of each kind; ``STONECHAT_EVERY_SELECTOR=1`` moves every one in turn.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio

from stonechat.core.events import SelectorMoved
from stonechat.core.network import Posted, Publication
from stonechat.networks.x_web.selector_check import PLACES, SEEN_AT_WORK, Place, look_everywhere
from stonechat.networks.x_web.selectors import Selector
from stonechat.networks.x_web.wire_paths import OF_A_POST, OF_AN_ACCOUNT, WHERE_A_POST
from tests.integration.networks.x_web_support import Bench, open_bench

pytestmark = pytest.mark.asyncio(loop_scope="module")

WITHIN = 0.5
EVERY = bool(os.environ.get("STONECHAT_EVERY_SELECTOR"))
SOME = {Selector.QUOTE, Selector.DESCRIPTION, Selector.FOLLOWERS}
SOME_KEYS = {"instructions", "favorite_count", "followers"}
NOT_SHOWN_HERE = {"followers_count", "friends_count"}
"""The older shape of an account, where the answers looked at hold the newer one."""
KEYS = sorted(
    {path.rsplit(".", 1)[1] for paths in (OF_A_POST, OF_AN_ACCOUNT) for path in paths if "." in path}.union(
        path.rsplit(".", 1)[1] for _, path in WHERE_A_POST
    )
    .union(("rest_id", "legacy", "core", "views", "user_results", "relationship_counts", "profile_bio"))
    .union(
        ("instructions", "entryId", "type", "itemContent", "tweet_results", "result", "cursorType", "value")
    )
    .union(("promotedMetadata", "__typename", "entities", "url", "expanded_url", "note_tweet_results"))
    .union(("id_str", "screen_name", "data"))
    - NOT_SHOWN_HERE
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    folder = tmp_path_factory.mktemp("daily")
    async with open_bench(folder, call_timeout=timedelta(seconds=3)) as bench:
        for text in ("A post with a link: https://example.com/a", "Thanks @quietbuilder"):
            assert isinstance(await bench.network.publish(bench.account, Publication((text,))), Posted)
        bench.aviary.world.clock.advance(86_400)
        yield bench


async def look(bench: Bench, places: tuple[Place, ...]) -> tuple[str, ...]:
    async with bench.pool.lease(bench.account.id) as lease:
        return await look_everywhere(
            lease.page, bench.aviary.url, bench.account.handle, places=places, within=WITHIN
        )


def place_of(selector: Selector) -> Place:
    return next(
        place
        for place in PLACES
        if selector in place.shows or any(selector in step.brings for step in place.steps)
    )


async def test_all_is_where_it_belongs_and_nothing_is_published_by_looking(bench: Bench) -> None:
    before = len(bench.ledger())

    assert await bench.network.check_selectors(bench.account) == ()
    assert len(bench.ledger()) == before


async def test_what_moved_is_told_by_name(bench: Bench) -> None:
    bench.levers(page_changed=["tweetText", "wire.bookmark_count"])
    bench.events.clear()

    moved = await bench.network.check_selectors(bench.account)

    paths = {f"{name}: legacy.bookmark_count" for name in ("UserTweets", "UserTweetsAndReplies")}
    paths |= {f"{name}: legacy.bookmark_count" for name in ("SearchTimeline", "TweetDetail")}
    assert set(moved) == {"POST_TEXT", "NotificationsTimeline: legacy.bookmark_count"} | paths
    told = [event.missing for event in bench.events if isinstance(event, SelectorMoved)]
    assert sorted(told) == sorted(moved)


@pytest.mark.parametrize(
    "moved", [one for one in Selector if one not in SEEN_AT_WORK and (EVERY or one in SOME)]
)
async def test_each_selector_that_moves_is_named_and_no_other(bench: Bench, moved: Selector) -> None:
    bench.levers(page_changed=[f"css:{moved.value}"])

    assert await look(bench, (place_of(moved),)) == (moved.name,)


@pytest.mark.parametrize("key", [key for key in KEYS if EVERY or key in SOME_KEYS])
async def test_each_wire_key_that_moves_is_named_and_no_other(bench: Bench, key: str) -> None:
    bench.levers(page_changed=[f"wire.{key}"])

    moved = await look(bench, tuple(Place(one.path, calls=one.calls) for one in PLACES if one.calls))

    assert moved
    assert {name.partition(": ")[2].rsplit(".", 1)[-1] for name in moved} == {key}
