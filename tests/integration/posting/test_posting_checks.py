"""The own profile as the third way to a new post's id: compared once, told where it disagrees."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from stonechat.core.events import PostContradicted
from stonechat.core.states import ContentState
from tests.support.network import foreign_post
from tests.support.posting import ACCOUNT, Desk, RunContext, open_desk, piece


@pytest.fixture
async def desk(any_database_url: str) -> AsyncIterator[Desk]:
    async with open_desk(any_database_url, ACCOUNT) as made:
        made.network.ledger.append(
            foreign_post("900", ACCOUNT.handle, "From long ago.", made.clock.now() - timedelta(hours=30))
        )
        yield made


async def post(desk: Desk, *texts: str) -> None:
    await desk.queue(*(piece(text, text, due_at=desk.clock.now()) for text in texts))
    await desk.sweep().sweep(RunContext(desk.clock))


async def look(desk: Desk) -> list[str]:
    await desk.clock.advance(seconds=30)  # type: ignore[attr-defined]
    await desk.sweep().reconcile(RunContext(desk.clock))
    return [event.why for event in desk.told_of(PostContradicted)]  # type: ignore[attr-defined]


async def test_one_read_bears_out_every_receipt_and_is_not_repeated(desk: Desk) -> None:
    await post(desk, "One.", "Two.", "Three.")
    assert await look(desk) == []
    reads = desk.network.calls.count("own_posts")
    assert await look(desk) == []
    assert (reads, desk.network.calls.count("own_posts")) == (1, 1)


async def test_another_text_under_the_id_is_told_once(desk: Desk) -> None:
    await post(desk, "One.")
    desk.network.ledger[-1] = replace(desk.network.ledger[-1], text="Something else.")
    told = await look(desk)
    assert [one for one in told if "another text" in one] == told != []
    assert await look(desk) == told
    assert (await desk.find("One.")).state is ContentState.POSTED


async def test_the_same_text_under_another_id_is_told(desk: Desk) -> None:
    await post(desk, "One.")
    desk.network.ledger[-1] = replace(desk.network.ledger[-1], id="777")
    [told] = await look(desk)
    assert "777" in told
    await post(desk, "Two.")
    assert desk.network.texts_of(ACCOUNT).count("One.") == 1, "nothing is sent again"


@pytest.mark.parametrize("fault", ["shrunken", "unhealthy"])
async def test_a_read_that_is_not_healthy_says_nothing(desk: Desk, fault: str) -> None:
    await post(desk, "One.")
    desk.network.ledger.pop()
    if fault == "unhealthy":
        desk.network.healthy = False
    else:
        desk.network.shrunken = True
    assert await look(desk) == []
