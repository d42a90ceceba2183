"""Pictures, quotes and contradictory answers, through the page, against the local network's own ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from stonechat.core.network import NetworkPost, Posted, Publication, PublishOutcome, Refused, Unconfirmed
from tests.integration.networks.x_web_support import Bench, open_bench
from tests.support.pictures import picture

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    folder = tmp_path_factory.mktemp("pictures")
    async with open_bench(folder, call_timeout=timedelta(seconds=5)) as bench:
        yield bench


async def publish(bench: Bench, *parts: str, **more: Any) -> PublishOutcome:
    return await bench.network.publish(bench.account, Publication(parts, **more))


def entry(bench: Bench, text: str) -> Any:
    [found] = [one for one in bench.ledger() if one.text == text]
    return found


async def somebodys_post(bench: Bench) -> NetworkPost:
    return (await bench.network.search(bench.account, "-filter:replies", limit=5)).posts[0]


async def test_pictures_are_live_with_their_descriptions(bench: Bench) -> None:
    pictures = (picture(10, "A red square"), picture(200, "A “second” one\nover two lines"))

    outcome = await publish(bench, "Two pictures", pictures=(pictures,))

    made = entry(bench, "Two pictures")
    assert outcome == Posted((made.id,), outcome.url if isinstance(outcome, Posted) else "")
    assert [(one["alt"], one["sha256"], one["mime"]) for one in made.media] == [
        (one.alt, one.sha256, "image/png") for one in pictures
    ]
    timeline = await bench.network.own_posts(bench.account)
    read = next(post for post in timeline.posts if post.id == made.id)
    assert [one.alt for one in read.pictures] == [one.alt for one in pictures]
    assert read.text == "Two pictures"


async def test_in_a_thread_each_part_has_its_own_pictures(bench: Bench) -> None:
    pictures = ((picture(1, "first"),), (), (picture(2, "third"),))

    outcome = await publish(bench, "Album, one", "Album, two", "Album, three", pictures=pictures)

    assert isinstance(outcome, Posted)
    assert not outcome.doubts
    alts = [[one["alt"] for one in entry(bench, f"Album, {name}").media] for name in ("one", "two", "three")]
    assert alts == [["first"], [], ["third"]]


async def test_a_reply_may_carry_a_picture(bench: Bench) -> None:
    post = await somebodys_post(bench)

    outcome = await publish(
        bench,
        "See here",
        reply_to=post.id,
        reply_to_author=post.author,
        pictures=((picture(3, "what is meant"),),),
    )

    made = entry(bench, "See here")
    assert isinstance(outcome, Posted)
    assert (made.in_reply_to, [one["alt"] for one in made.media]) == (post.id, ["what is meant"])


async def test_a_description_that_is_lost_is_told_and_the_post_stays_posted(bench: Bench) -> None:
    bench.levers(lose_alt_text=1)

    outcome = await publish(bench, "Undescribed", pictures=((picture(4, "gone"),),))

    assert isinstance(outcome, Posted)
    assert outcome.doubts == ("the description of a picture is missing or another one",)


@pytest.mark.parametrize("lever", ["upload_5xx", "upload_hang"])
async def test_an_upload_that_fails_sends_nothing_and_the_next_try_works(bench: Bench, lever: str) -> None:
    bench.levers(**{lever: 1})
    text = f"After {lever}"

    refused = await publish(bench, text, pictures=((picture(5, "a try"),),))

    assert isinstance(refused, Refused)
    assert not refused.permanent
    assert isinstance(await publish(bench, text, pictures=((picture(5, "a try"),),)), Posted)
    assert len(entry(bench, text).media) == 1


@pytest.mark.parametrize(
    "pictures",
    [
        tuple(picture(red, "one of five") for red in range(5)),
        (picture(1, " "),),
        (picture(1, "x" * 1001),),
    ],
)
async def test_pictures_that_the_network_would_not_take_are_refused_before_the_browser(
    bench: Bench, pictures: Any
) -> None:
    outcome = await publish(bench, "Never", pictures=(pictures,))

    assert isinstance(outcome, Refused)
    assert outcome.permanent


async def test_a_quote_quotes_the_post_it_is_for(bench: Bench) -> None:
    post = await somebodys_post(bench)

    outcome = await publish(bench, "Worth reading twice", quote_of=post.id, quote_author=post.author)

    made = entry(bench, "Worth reading twice")
    assert isinstance(outcome, Posted)
    assert (outcome.post_ids, outcome.doubts) == ((made.id,), ())
    assert (made.quoted, made.in_reply_to) == (post.id, None)


async def test_a_quote_may_carry_a_picture(bench: Bench) -> None:
    post = await somebodys_post(bench)

    outcome = await publish(
        bench,
        "With a drawing",
        quote_of=post.id,
        quote_author=post.author,
        pictures=((picture(6, "a drawing"),),),
    )

    made = entry(bench, "With a drawing")
    assert isinstance(outcome, Posted)
    assert (made.quoted, [one["alt"] for one in made.media]) == (post.id, ["a drawing"])


async def test_a_quote_of_a_post_that_is_gone_is_refused_for_good(bench: Bench) -> None:
    outcome = await publish(bench, "Of nothing", quote_of="1234567890", quote_author="quietbuilder")

    assert isinstance(outcome, Refused)
    assert outcome.permanent


async def after_an_old_post(bench: Bench, lever: str) -> PublishOutcome:
    """What publishing comes to where the network names an older post of the account by that lever."""
    assert isinstance(await publish(bench, f"Long before {lever}"), Posted)
    async with bench.pool.lease(bench.account.id) as lease:
        await lease.page.goto("about:blank")  # no toast of that post stands any more
    bench.aviary.world.clock.advance(3600)
    bench.levers(**{lever: 1})

    return await publish(bench, f"With a {lever}")


async def test_an_answer_that_names_an_older_post_is_not_believed(bench: Bench) -> None:
    outcome = await after_an_old_post(bench, "wrong_id")

    assert isinstance(outcome, Unconfirmed)
    assert outcome.contradicted
    assert outcome.confirmed == ()
    assert entry(bench, "With a wrong_id")
    assert bench.pool.health().evidence is not None


async def test_an_id_in_the_answer_is_proof_whatever_the_toast_links_to(bench: Bench) -> None:
    outcome = await after_an_old_post(bench, "wrong_toast")

    assert isinstance(outcome, Posted)
    assert outcome.post_ids == (entry(bench, "With a wrong_toast").id,)
    assert any("the page links to" in doubt for doubt in outcome.doubts)
