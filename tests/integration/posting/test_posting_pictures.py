"""Pictures on their way: checked when attached, part of what is approved, kept through edits and retries."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from stonechat.core.errors import Permanent
from stonechat.core.events import PostDiffers
from stonechat.core.ids import digest
from stonechat.core.model import Approval, Content
from stonechat.core.states import ContentState
from stonechat.database.repositories import content, media
from stonechat.networks.x_picture_limits import LIMITS, refuse_pictures
from stonechat.posting import attachments
from tests.support.network import Fault
from tests.support.pictures import png
from tests.support.posting import ACCOUNT, Desk, RunContext, open_desk, piece


@pytest.fixture
async def desk(any_database_url: str) -> AsyncIterator[Desk]:
    async with open_desk(any_database_url, ACCOUNT) as made:
        yield made


async def attach(desk: Desk, body: bytes, alt: str, *, part: int = 0) -> Content:
    async with desk.database.begin("test.attach") as connection:
        return await attachments.attach(
            connection,
            "a",
            await attachments.prepare(body, LIMITS),
            alt,
            part=part,
            who="owner",
            now=desk.clock.now(),
            refuse=refuse_pictures,
        )


async def test_pictures_go_out_with_their_part_and_again_after_a_failure(desk: Desk) -> None:
    await desk.queue(piece("a", "One.", "Two.", due_at=desk.clock.now()))
    await attach(desk, png(1), "the first", part=0)
    await attach(desk, png(2), "the second", part=1)
    await attach(desk, png(1), "the first once more", part=1)
    desk.network.faults = [Fault.REFUSED]

    await desk.sweep().sweep(RunContext(desk.clock))
    await desk.clock.advance(minutes=1)  # type: ignore[attr-defined]
    await desk.sweep().sweep(RunContext(desk.clock, run_id="again"))

    assert (await desk.find("a")).state is ContentState.POSTED
    sent = desk.network.sent[-1]
    assert [[one.alt for one in part] for part in sent.pictures] == [
        ["the first"],
        ["the second", "the first once more"],
    ]
    assert sent.pictures[0][0].body == sent.pictures[1][1].body == png(1)


async def test_a_thread_that_is_resumed_takes_the_pictures_of_what_is_left(desk: Desk) -> None:
    await desk.queue(piece("a", "One.", "Two.", due_at=desk.clock.now()))
    await attach(desk, png(1), "the first", part=0)
    await attach(desk, png(2), "the second", part=1)
    desk.network.faults = [Fault.HALF_KNOWN]

    await desk.sweep().sweep(RunContext(desk.clock))
    await desk.clock.advance(minutes=1)  # type: ignore[attr-defined]
    await desk.sweep().sweep(RunContext(desk.clock, run_id="again"))

    assert (await desk.find("a")).state is ContentState.POSTED
    assert [[one.alt for one in part] for part in desk.network.sent[-1].pictures] == [["the second"]]


async def test_what_was_approved_includes_the_pictures(desk: Desk) -> None:
    strict = replace(ACCOUNT, approval=Approval.ALL)
    await desk.add_account(strict)
    await desk.queue(piece("a", "One.", due_at=desk.clock.now(), state=ContentState.AWAITING_APPROVAL))
    before = await attach(desk, png(1), "a square")
    assert before.approved_by is None
    async with desk.database.begin("test.approve") as connection:
        approved = await content.change(
            connection,
            before,
            ContentState.QUEUED,
            now=desk.clock.now(),
            who="owner",
            approved_by="owner",
            approved_digest=digest(*before.said()),
        )
        await media.clear(connection, approved.id)  # behind everybody's back

    await desk.sweep().sweep(RunContext(desk.clock))

    assert "pictures" in (await desk.find("a")).why
    assert desk.network.sent == []


async def test_a_picture_on_queued_content_is_an_approval_by_who_attached_it(desk: Desk) -> None:
    await desk.queue(piece("a", "One.", due_at=desk.clock.now()))
    changed = await attach(desk, png(1), "a square")
    assert changed.approved_by == "owner"
    assert changed.approved_digest == digest(*changed.said()) != digest("One.")
    async with desk.database.begin("test.detach") as connection:
        bare = await attachments.detach(connection, "a", who="owner", now=desk.clock.now())
    assert (bare.media_digest, bare.approved_digest) == (None, digest("One."))


@pytest.mark.parametrize(
    ("body", "alt", "part", "why"),
    [
        (png(1)[:-20], "half of it", 0, "does not decode"),
        (b"not a picture", "nothing", 0, "no picture"),
        (png(1), "  ", 0, "description"),
        (png(1), "a square", 3, "no part 4"),
    ],
)
async def test_what_the_network_would_refuse_is_refused_at_once(
    desk: Desk, body: bytes, alt: str, part: int, why: str
) -> None:
    await desk.queue(piece("a", "One.", due_at=desk.clock.now()))
    with pytest.raises(Permanent) as caught:
        await attach(desk, body, alt, part=part)
    assert why in str(caught.value)
    async with desk.database.read("test") as connection:
        assert await media.of(connection, "a") == []


async def test_a_fifth_picture_is_one_too_many(desk: Desk) -> None:
    await desk.queue(piece("a", "One.", due_at=desk.clock.now()))
    for number in range(4):
        await attach(desk, png(number), f"number {number}")
    with pytest.raises(Permanent, match="5 pictures"):
        await attach(desk, png(9), "one more")


async def test_what_is_posted_keeps_its_pictures(desk: Desk) -> None:
    await desk.queue(piece("a", "One.", due_at=desk.clock.now()))
    await desk.sweep().sweep(RunContext(desk.clock))
    with pytest.raises(Permanent, match="posted"):
        await attach(desk, png(1), "too late")


async def test_a_found_post_without_its_picture_is_told(desk: Desk) -> None:
    await desk.queue(piece("a", "One.", due_at=desk.clock.now()))
    await attach(desk, png(1), "a square")
    desk.network.faults = [Fault.LOST_ANSWER]
    desk.network.loses_pictures = True
    await desk.sweep().sweep(RunContext(desk.clock))
    await desk.sweep().reconcile(RunContext(desk.clock))
    assert (await desk.find("a")).state is ContentState.POSTED
    assert [event.why for event in desk.told_of(PostDiffers)] == [  # type: ignore[attr-defined]
        "it shows 0 of 1 pictures"
    ]
