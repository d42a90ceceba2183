"""Pictures of a piece of content: checked before they are stored, part of what is approved."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.errors import Conflict, InvalidInput, NotFound
from stonechat.core.ids import digest
from stonechat.core.model import Content
from stonechat.core.network import NetworkPost, Picture, PictureLimits
from stonechat.core.states import ContentState
from stonechat.database.repositories import content, media, receipts, state_history
from stonechat.database.repositories.media import Attached

if TYPE_CHECKING:
    from stonechat.posting.pictures import PreparedPicture

Refuse = Callable[[Sequence[Picture]], str]
"""Why a network would not take these pictures on one part; empty where it does."""

_OPEN = (ContentState.AWAITING_APPROVAL, ContentState.QUEUED)


async def prepare(body: bytes, limits: PictureLimits) -> PreparedPicture:
    """The picture as it will be stored, approved and sent: the one way in, from every door.

    Raises:
        InvalidInput: it is none that the network takes, and why.
    """
    from stonechat.posting import pictures  # noqa: PLC0415 - Pillow takes memory of those who attach one

    return await asyncio.to_thread(pictures.prepare, body, limits)


async def attach(
    connection: AsyncConnection,
    content_id: str,
    given: PreparedPicture,
    alt: str,
    *,
    part: int,
    who: str,
    now: datetime,
    refuse: Refuse,
) -> Content:
    """Add a picture to a part of content that is not on its way yet. What is queued counts as approved anew.

    Args:
        given: as :func:`stonechat.posting.pictures.prepare` made it for the network.
        alt: what the picture shows, for who cannot see it; never empty.
        part: number of the part, from 0.

    Raises:
        NotFound: there is no such content.
        Conflict: it has gone too far.
        InvalidInput: it has no such part, or the network would refuse the picture.
    """
    piece = await _open(connection, content_id)
    if not 0 <= part < len(piece.parts):
        raise InvalidInput(
            f"Content {content_id} has {len(piece.parts)} parts, and no part {part + 1}.",
            meaning="Nothing was changed.",
        )
    await _refuse_if_live(connection, piece, part)
    picture = Picture(given.sha256, given.mime, alt.strip(), given.body)
    try:
        others = await media.with_bytes(connection, content_id, len(piece.parts))
    except LookupError as exc:
        raise Conflict(
            f"Of another picture on content {content_id} {exc}.",
            meaning="Nothing was changed.",
            remedy=f"`stonechat queue detach {content_id}`, then attach all of them anew.",
        ) from exc
    why = refuse([*(others[part] if others else ()), picture])
    if why:
        raise InvalidInput(f"It cannot be attached: {why}.", meaning="Nothing was changed.")
    attached = await media.add(connection, content_id, piece.account_id, part, picture, now=now)
    return await _changed(
        connection, piece, attached, who=who, now=now, why=f"a picture added: {alt.strip()}"
    )


async def detach(connection: AsyncConnection, content_id: str, *, who: str, now: datetime) -> Content:
    """Take every picture off content that is not on its way yet.

    Raises:
        NotFound: there is no such content.
        Conflict: it has gone too far.
    """
    piece = await _open(connection, content_id)
    for one in await media.of(connection, content_id):
        await _refuse_if_live(connection, piece, one.part)
    await media.clear(connection, content_id)
    return await _changed(connection, piece, [], who=who, now=now, why="its pictures taken off")


def doubts_about(attached: Sequence[Attached], part: int, shown: NetworkPost) -> list[str]:
    """What a post that was found shows otherwise than it was to; empty where it fits."""
    wanted = [one.alt for one in attached if one.part == part]
    if len(shown.pictures) != len(wanted):
        return [f"it shows {len(shown.pictures)} of {len(wanted)} pictures"]
    if [one.alt for one in shown.pictures] != wanted:
        return ["the description of a picture is missing or another one"]
    return []


async def _refuse_if_live(connection: AsyncConnection, piece: Content, part: int) -> None:
    """Of a thread that is to be resumed, the published parts are as they are."""
    if part < (await receipts.count_parts(connection, [piece.id])).get(piece.id, 0):
        raise Conflict(
            f"Part {part + 1} of content {piece.id} is live already.",
            meaning="Nothing was changed.",
            remedy="What is published can only be changed by hand on the network.",
        )


async def _open(connection: AsyncConnection, content_id: str) -> Content:
    piece = await content.find(connection, content_id, lock=True)
    if piece is None:
        raise NotFound(f"There is no content {content_id}.", remedy="`stonechat queue` lists what there is.")
    if piece.state not in _OPEN:
        raise Conflict(
            f"Content {content_id} is {piece.state.value}: its pictures are as they are.",
            meaning="Nothing was changed.",
        )
    return piece


async def _changed(
    connection: AsyncConnection,
    piece: Content,
    attached: Sequence[Attached],
    *,
    who: str,
    now: datetime,
    why: str,
) -> Content:
    after = replace(piece, media_digest=media.digest_of(attached))
    held = piece.state is ContentState.AWAITING_APPROVAL
    await state_history.append(
        connection,
        kind="content",
        entity_id=piece.id,
        account_id=piece.account_id,
        at=now,
        who=who,
        before=piece.state.value,
        after=piece.state.value,
        why=why,
    )
    return await content.amend(
        connection,
        piece,
        media_digest=after.media_digest,
        approved_by=None if held else who,
        approved_digest=None if held else digest(*after.said()),
    )
