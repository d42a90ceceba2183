"""Bluesky on the real server: lost answers, a server killed in the middle of a post, sessions that end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from stonechat.core.errors import NotFound, SessionTrouble, Transient
from stonechat.core.model import Account
from stonechat.core.network import Posted, Publication, PublishOutcome, Refused, Unconfirmed
from stonechat.core.states import SessionState
from stonechat.networks.bluesky.adapter import Access
from stonechat.networks.bluesky.client import Tokens
from tests.support.bluesky import PASSWORD, BlueskyNetwork, Levers, bluesky_at
from tests.support.network_stands import BlueskyStand, open_bluesky_stand
from tests.support.processes import free_port

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.long]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[BlueskyStand]:
    async with open_bluesky_stand(tmp_path_factory.mktemp("bluesky")) as stand:
        yield stand


@pytest_asyncio.fixture(loop_scope="module")
async def stand(opened: BlueskyStand) -> AsyncIterator[BlueskyStand]:
    await opened.calm()
    yield opened
    await opened.calm()


def publication(stand: BlueskyStand, *parts: str, key: str = "try", **more: Any) -> Publication:
    return Publication(parts, key=key, first_tried=stand.clock.now(), **more)


async def publish(stand: BlueskyStand, one: Publication) -> PublishOutcome:
    return await stand.network.publish(stand.account, one)


async def times_live(stand: BlueskyStand, text: str) -> int:
    return sum(one.text == text for one in await stand.live())


async def test_a_lost_answer_is_looked_up_at_once_and_the_post_is_there_once(stand: BlueskyStand) -> None:
    stand.pds.levers = Levers(lose_answer=1)
    one = publication(stand, "Once, whatever comes back")
    assert isinstance(await publish(stand, one), Posted)
    assert isinstance(await publish(stand, one), Posted)
    assert await times_live(stand, "Once, whatever comes back") == 1


async def test_a_server_killed_when_it_had_taken_a_part_and_started_again_has_each_part_once(
    stand: BlueskyStand,
) -> None:
    clicks = 0

    def second_click() -> None:
        nonlocal clicks
        clicks += 1
        if clicks == 2:
            stand.pds.levers = Levers(made=stand.pds.process.kill)

    whole = publication(stand, "Killed, one", "Killed, two", "Killed, three", key="killed")
    outcome = await stand.network.publish(stand.account, whole, before_click=second_click)
    assert isinstance(outcome, Unconfirmed)
    assert len(outcome.confirmed) == 1
    stand.pds.process.start()
    rest = Publication(whole.parts[1:], outcome.confirmed[0], key=whole.key, first_tried=whole.first_tried)
    assert isinstance(await publish(stand, rest), Posted)
    made = [one for one in await stand.live() if one.text.startswith("Killed")]
    assert [one.text for one in made] == ["Killed, one", "Killed, two", "Killed, three"]
    assert [one.in_reply_to for one in made] == [None, made[0].id, made[1].id]


async def test_a_session_is_kept_used_again_and_renewed(stand: BlueskyStand) -> None:
    kept: list[Tokens] = []

    async def access(_account: Account) -> Access:
        return Access(stand.pds.url, PASSWORD, kept[-1] if kept else None)

    async def keep(_account: Account, tokens: Tokens) -> None:
        kept.append(tokens)

    def process() -> BlueskyNetwork:
        return BlueskyNetwork(access, keep, stand.clock, timeout=timedelta(seconds=10))

    assert await process().session(stand.account) is SessionState.VALID
    assert await process().session(stand.account) is SessionState.VALID
    assert len(kept) == 1
    kept[-1] = Tokens(kept[-1].did, kept[-1].handle, "over", kept[-1].refresh)
    assert await process().session(stand.account) is SessionState.VALID
    assert len(kept) == 2
    kept[-1] = Tokens(kept[-1].did, kept[-1].handle, "over", "over too")
    assert await process().session(stand.account) is SessionState.VALID
    assert len(kept) == 3


async def test_a_wrong_app_password_stops_the_account_with_the_reason(stand: BlueskyStand) -> None:
    wrong = bluesky_at(stand.pds.url, stand.clock, password="not-the-password")
    outcome = await wrong.publish(stand.account, publication(stand, "Not let in"))
    assert isinstance(outcome, Refused)
    assert outcome.session is SessionState.EXPIRED
    assert "does not accept the app password" in outcome.reason
    with pytest.raises(SessionTrouble):
        await wrong.mentions(stand.account)


async def test_a_password_of_somebody_else_is_not_used(stand: BlueskyStand) -> None:
    stranger = Account("bluesky:quietbuilder.test", "bluesky", "nobody.test")
    assert await stand.network.session(stranger) is SessionState.EXPIRED


async def test_a_page_instead_of_an_answer_is_unknown_for_a_post_and_temporary_for_a_read(
    stand: BlueskyStand,
) -> None:
    stand.pds.levers = Levers(html=True)
    assert isinstance(await publish(stand, publication(stand, "A page came back")), Unconfirmed)
    with pytest.raises(Transient, match="not its API"):
        await stand.network.own_posts(stand.account)


async def test_a_server_that_is_away_refuses_for_now(stand: BlueskyStand) -> None:
    gone = bluesky_at(f"http://127.0.0.1:{free_port()}", stand.clock)
    outcome = await gone.publish(stand.account, publication(stand, "Nobody hears"))
    assert isinstance(outcome, Refused)
    assert (outcome.permanent, outcome.session) == (False, None)
    assert "cannot be reached" in outcome.reason


async def test_links_mentions_and_tags_are_live_where_they_stand(stand: BlueskyStand) -> None:
    text = "Café ☕ with @ann.test and @nobody.test: https://a.example/x #Sleep"
    assert isinstance(await publish(stand, publication(stand, text)), Posted)
    [record] = [
        one["value"] for one in await stand.pds.records(stand.account.handle) if one["value"]["text"] == text
    ]
    raw = text.encode()
    live = [raw[one["index"]["byteStart"] : one["index"]["byteEnd"]].decode() for one in record["facets"]]
    assert live == ["https://a.example/x", "@ann.test", "#Sleep"]
    assert record["embed"]["external"]["uri"] == "https://a.example/x"


async def test_a_label_is_seen_once_it_is_there(stand: BlueskyStand) -> None:
    assert isinstance(stand.network, BlueskyNetwork)
    assert not await stand.network.is_labelled(stand.account)
    labels = {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "bot"}]}
    record = {"$type": "app.bsky.actor.profile", "displayName": "Notes", "labels": labels}
    wanted = {"repo": stand.pds.dids[stand.account.handle], "collection": "app.bsky.actor.profile"}
    body = {**wanted, "rkey": "self", "record": record}
    await stand.pds.call("com.atproto.repo.putRecord", stand.account.handle, body=body)
    assert await stand.network.is_labelled(stand.account)


async def test_a_name_that_can_be_nobodys_is_said_so(stand: BlueskyStand) -> None:
    with pytest.raises(NotFound):
        await stand.network.profile(stand.account, "nobody.test")
