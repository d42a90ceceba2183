"""Mastodon on a server that is unkind: lost answers, limits, pages instead of answers, a server that is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from stonechat.core.errors import NotFound, SessionTrouble, Transient
from stonechat.core.model import Account
from stonechat.core.network import Posted, Publication, PublishOutcome, Refused, Unconfirmed
from stonechat.core.states import SessionState
from stonechat.networks.mastodon.publishing import Manner
from tests.support.mastodon import MastodonNetwork, mastodon_at, token_of
from tests.support.network_stands import HANDLE, MastodonStand, open_mastodon_stand
from tests.support.pictures import picture
from tests.support.processes import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[MastodonStand]:
    async with open_mastodon_stand(tmp_path_factory.mktemp("mastodon")) as stand:
        yield stand


@pytest_asyncio.fixture(loop_scope="module")
async def stand(opened: MastodonStand) -> AsyncIterator[MastodonStand]:
    await opened.calm()
    yield opened
    await opened.calm()


async def publish(stand: MastodonStand, *parts: str, **more: Any) -> PublishOutcome:
    return await stand.network.publish(stand.account, Publication(parts, **more))


async def times_live(stand: MastodonStand, text: str) -> int:
    return sum(one.text == text for one in await stand.live())


def other(stand: MastodonStand, **how: Any) -> MastodonNetwork:
    """Another adapter for the same account, as another process has it."""
    return mastodon_at(stand.site.url, token_of(stand.site.session_b64), stand.clock, **how)


async def test_a_second_try_after_a_lost_answer_is_the_same_post(stand: MastodonStand) -> None:
    await stand.site.move_levers(lose_answer=1)
    first = await publish(stand, "Once, whatever comes back", key="try-1")
    second = await publish(stand, "Once, whatever comes back", key="try-1")
    assert isinstance(first, Unconfirmed)
    assert isinstance(second, Posted)
    assert await times_live(stand, "Once, whatever comes back") == 1


async def test_an_answer_that_comes_too_late_is_unknown_and_the_post_is_there_once(
    stand: MastodonStand,
) -> None:
    slow = other(stand, within=0.5)
    await slow.session(stand.account)
    await slow.own_posts(stand.account)
    await slow.publish(stand.account, Publication(("Warm up",), key="warm"))
    await stand.site.move_levers(slow_ms=1500)
    outcome = await slow.publish(stand.account, Publication(("Late, and once",), key="late"))
    assert isinstance(outcome, Unconfirmed)
    await stand.calm()
    again = await publish(stand, "Late, and once", key="late")
    await asyncio.sleep(0)
    assert isinstance(again, Posted)
    assert await times_live(stand, "Late, and once") == 1


async def test_a_picture_that_is_worked_on_for_a_while_is_waited_for(stand: MastodonStand) -> None:
    await stand.site.move_levers(picture_looks=3)
    outcome = await publish(stand, "With a slow picture", pictures=((picture(9, "A slow gate"),),))
    assert isinstance(outcome, Posted)
    [made] = [one for one in await stand.live() if one.text == "With a slow picture"]
    assert made.alts == ("A slow gate",)


async def test_a_picture_that_is_never_ready_sends_nothing(stand: MastodonStand) -> None:
    hasty = other(stand, manner=Manner(processing=timedelta(seconds=1)))
    await stand.site.move_levers(picture_looks=1000)
    clicks: list[int] = []
    outcome = await hasty.publish(
        stand.account,
        Publication(("Never ready",), pictures=((picture(8, "A gate"),),)),
        before_click=lambda: clicks.append(1),
    )
    assert isinstance(outcome, Refused)
    assert (outcome.permanent, clicks) == (False, [])
    assert not await times_live(stand, "Never ready")


async def test_a_description_that_the_server_lost_is_told(stand: MastodonStand) -> None:
    await stand.site.move_levers(lose_alt_text=1)
    outcome = await publish(stand, "Undescribed", pictures=((picture(7, "A gate"),),))
    assert isinstance(outcome, Posted)
    assert outcome.doubts == ("a picture's description is not shown as it was sent",)


async def test_the_owners_manner_is_kept(stand: MastodonStand) -> None:
    quiet = other(stand, manner=Manner("unlisted", "private", "Long walks", "de"))
    outcome = await quiet.publish(stand.account, Publication(("Leise",), key="m"))
    assert isinstance(outcome, Posted)
    assert outcome.doubts == ()
    over = await quiet.publish(stand.account, Publication(("x" * 495,), key="n"))
    assert isinstance(over, Refused)
    assert over.permanent


async def test_a_limit_is_kept_for_as_long_as_the_server_says(stand: MastodonStand) -> None:
    await stand.site.move_levers(refuse={"code": 344, "n": 1}, retry_after=120)
    outcome = await publish(stand, "Too many")
    assert isinstance(outcome, Refused)
    assert outcome.retry_after is not None
    assert timedelta(seconds=100) < outcome.retry_after <= timedelta(seconds=121)
    await stand.site.move_levers(status_429=1, retry_after=60)
    with pytest.raises(Transient) as caught:
        await stand.network.own_posts(stand.account)
    assert caught.value.retry_after is not None
    await stand.site.move_levers(status_429=1)
    assert await stand.network.session(stand.account) is SessionState.RATE_LIMITED


@pytest.mark.parametrize(
    ("levers", "state"),
    [
        ({"logged_out": True}, SessionState.EXPIRED),
        ({"suspended": True}, SessionState.SUSPENDED),
        ({"locked": True}, SessionState.LOCKED),
    ],
)
async def test_an_account_that_is_not_let_in_stops_with_the_reason(
    stand: MastodonStand, levers: dict[str, Any], state: SessionState
) -> None:
    await stand.site.move_levers(**levers)
    outcome = await publish(stand, "Not let in")
    assert isinstance(outcome, Refused)
    assert (outcome.session, outcome.permanent) == (state, False)
    assert await stand.network.session(stand.account) is state
    with pytest.raises(SessionTrouble):
        await stand.network.mentions(stand.account)


async def test_a_page_instead_of_an_answer_is_unknown_for_a_post_and_temporary_for_a_read(
    stand: MastodonStand,
) -> None:
    await stand.network.own_posts(stand.account)
    await stand.site.move_levers(html=1)
    with pytest.raises(Transient, match="not its API"):
        await stand.network.own_posts(stand.account)
    await publish(stand, "So that the limits are known")
    await stand.site.move_levers(html=1)
    assert isinstance(await publish(stand, "A page came back"), Unconfirmed)


async def test_a_server_that_moved_gets_no_token_shown_elsewhere_and_says_where_it_is(
    stand: MastodonStand,
) -> None:
    await stand.site.move_levers(moved_to=f"http://127.0.0.1:{free_port()}")
    outcome = await publish(stand, "To the old address")
    assert isinstance(outcome, Refused)
    assert not outcome.permanent
    assert "has moved: it answers from http://127.0.0.1" in outcome.reason


async def test_a_server_that_is_away_refuses_for_now_and_nothing_is_taken_for_sent(
    stand: MastodonStand,
) -> None:
    gone = mastodon_at(f"http://127.0.0.1:{free_port()}", "t", stand.clock)
    outcome = await gone.publish(stand.account, Publication(("Nobody hears",)))
    assert isinstance(outcome, Refused)
    assert (outcome.permanent, outcome.session) == (False, None)
    assert "cannot be reached" in outcome.reason
    with pytest.raises(Transient, match="cannot be reached"):
        await gone.search(stand.account, "the")


async def test_a_token_of_somebody_else_is_not_used(stand: MastodonStand) -> None:
    stranger = Account("mastodon:somebody", "mastodon", "somebody")
    assert await stand.network.session(stranger) is SessionState.EXPIRED
    with pytest.raises(SessionTrouble, match=f"that of @{HANDLE} and not of @somebody"):
        await stand.network.own_posts(stranger)


async def test_a_server_of_the_older_kind_is_used_by_what_it_says(stand: MastodonStand) -> None:
    await stand.site.move_levers(plain_server=True)
    fresh = other(stand)
    post = (await fresh.search(stand.account, "the")).posts[0]
    assert isinstance(await fresh.publish(stand.account, Publication(("On a small server",))), Posted)
    quoting = await fresh.publish(
        stand.account, Publication(("May I?",), quote_of=post.id, quote_author=post.author)
    )
    assert isinstance(quoting, Refused)
    assert quoting.reason == "this server knows no quotes"


async def test_a_long_past_is_read_page_by_page(stand: MastodonStand) -> None:
    for number in range(45):
        await publish(stand, f"One of a long past, {number}")
    seen = await stand.network.own_posts(stand.account, limit=200)
    texts = [post.text for post in seen.posts if post.text.startswith("One of a long past")]
    assert texts == [f"One of a long past, {number}" for number in reversed(range(45))]
    assert (seen.complete, seen.oldest) == (True, None)


async def test_only_what_is_gone_is_said_to_be_gone(stand: MastodonStand) -> None:
    with pytest.raises(NotFound):
        await stand.network.own_thread(stand.account, "1234567890")
    with pytest.raises(NotFound):
        await stand.network.profile(stand.account, "nobody_at_all@elsewhere.example")


async def test_many_calls_at_once_follow_each_other_and_all_end(stand: MastodonStand) -> None:
    await asyncio.gather(*(publish(stand, f"At once, {number}", key="g") for number in range(12)))
    assert all([await times_live(stand, f"At once, {number}") == 1 for number in range(12)])


async def test_a_post_that_is_given_up_while_it_is_sent_is_there_at_most_once(stand: MastodonStand) -> None:
    await publish(stand, "So that the limits are known, again")
    await stand.site.move_levers(slow_ms=500)
    clicked = asyncio.Event()
    task = asyncio.create_task(
        stand.network.publish(
            stand.account, Publication(("Given up",), key="given-up"), before_click=clicked.set
        )
    )
    await clicked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await stand.calm()
    assert isinstance(await publish(stand, "Given up", key="given-up"), Posted)
    assert await times_live(stand, "Given up") == 1
