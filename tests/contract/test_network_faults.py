"""What goes wrong on every network with an API: nothing is sent, the account stops alone, and says why."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from stonechat.core.errors import SessionTrouble, Transient
from stonechat.core.network import Picture, Publication, PublishOutcome, Refused, Unconfirmed
from stonechat.core.states import SessionState
from stonechat.networks.registry import installed
from tests.contract.test_network import OPEN
from tests.support.network_stands import SiteStand, Stand, Trouble
from tests.support.pictures import picture

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="module",
    params=["mastodon", "x_api", pytest.param("bluesky", marks=pytest.mark.long)],
)
async def opened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stand]:
    async with OPEN[request.param](tmp_path_factory.mktemp(request.param)) as stand:
        yield stand


@pytest_asyncio.fixture(loop_scope="module")
async def stand(opened: Stand) -> AsyncIterator[Stand]:
    await opened.calm()
    yield opened
    await opened.calm()


async def publish(stand: Stand, text: str, *pictures: Picture) -> PublishOutcome:
    outcome = await stand.network.publish(stand.account, Publication((text,), pictures=(pictures,)))
    assert text not in [one.text for one in await stand.live()]
    return outcome


LARGE = picture(1, "A wall")
CONTENT: dict[str, tuple[str, tuple[Picture, ...], str]] = {
    "too long": ("word " * 200, (), r"\d+ .*\d+ is the most"),
    "too large a picture": (
        "Large",
        (replace(LARGE, body=LARGE.body + b"\0" * 20 * 2**20),),
        r"\d+(\.\d+)? .?B|bytes",
    ),
    "a picture of the wrong kind": ("Bitmap", (replace(LARGE, mime="image/bmp"),), "image/bmp"),
    "a picture without a description": ("Mute", (replace(LARGE, alt=" "),), "without a description"),
    "too many pictures": ("Five", tuple(picture(n, f"No. {n}") for n in range(5)), "5 pictures"),
}


@pytest.mark.parametrize("what", CONTENT)
async def test_content_that_no_server_takes_is_refused_for_good_before_anything_is_sent(
    stand: Stand, what: str
) -> None:
    text, pictures, said = CONTENT[what]
    outcome = await publish(stand, text, *pictures)
    assert isinstance(outcome, Refused)
    assert outcome.permanent
    assert re.search(said, outcome.reason), outcome.reason


@pytest.mark.parametrize("what", CONTENT)
async def test_a_picture_is_refused_when_it_is_attached_in_the_same_words(stand: Stand, what: str) -> None:
    _, pictures, said = CONTENT[what]
    why = installed()[stand.network.name].refuse_pictures(pictures)
    assert bool(why) is bool(pictures)
    assert not pictures or re.search(said, why)


async def test_a_token_that_is_revoked_stops_the_account_and_says_how_it_is_connected_anew(
    stand: Stand,
) -> None:
    await stand.trouble(Trouble.SESSION_OVER)
    outcome = await publish(stand, "Not mine any more")
    assert isinstance(outcome, Refused)
    assert outcome.session is SessionState.EXPIRED
    with pytest.raises(SessionTrouble) as caught:
        await stand.network.own_posts(stand.account)
    assert f"stonechat connect {stand.network.name}" in caught.value.remedy


async def test_a_handle_that_has_changed_stops_the_account_and_names_both(stand: Stand) -> None:
    before = replace(stand.account, id=f"{stand.account.id}-before", handle="as.it.was")
    with pytest.raises(SessionTrouble) as caught:
        await stand.network.own_posts(before)
    assert stand.account.handle.partition(".")[0] in caught.value.what
    assert "as.it.was" in caught.value.what


async def test_a_server_that_is_broken_makes_the_account_wait_and_is_named(stand: Stand) -> None:
    await stand.trouble(Trouble.BROKEN)
    outcome = await publish(stand, "Into the wind")
    assert isinstance(outcome, Refused | Unconfirmed)
    assert "127.0.0.1" in outcome.reason
    with pytest.raises(Transient):
        await stand.network.own_posts(stand.account)


SITES: dict[str, tuple[dict[str, Any], SessionState | None, str]] = {
    "a page instead of an answer": ({"html": True}, None, "not its API"),
    "suspended": ({"suspended": True}, SessionState.SUSPENDED, "does not let the account in"),
    "locked": ({"locked": True}, SessionState.LOCKED, "does not let the account in"),
}


@pytest.mark.parametrize("what", SITES)
async def test_an_account_that_is_not_let_in_says_which_way(stand: Stand, what: str) -> None:
    if not isinstance(stand, SiteStand):
        pytest.skip("the real server has no levers for this; see tests/integration/networks")
    levers, state, said = SITES[what]
    await stand.site.move_levers(**levers)
    outcome = await publish(stand, f"Not now: {what}")
    if isinstance(outcome, Refused):
        assert (outcome.session, outcome.permanent) == (state, False)
    else:  # a page in answer to the post itself: a proxy may have let it through
        assert isinstance(outcome, Unconfirmed)
        assert state is None
    assert said in outcome.reason
