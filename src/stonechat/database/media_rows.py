"""The tables ``content_media`` and ``media_bytes``: pictures of content, where every host has them.

The bytes stand once for each digest. ``content_metadata.media_digest`` is the digest of all pictures of a
piece with their descriptions, so that what was approved can be told from what was changed later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.ids import digest
from stonechat.core.network import Picture
from stonechat.database.schema import content_media as table
from stonechat.database.schema import media_bytes


@dataclass(frozen=True, slots=True)
class Attached:
    """One picture of a piece of content, without its bytes. ``part`` and ``position`` count from 0."""

    part: int
    position: int
    sha256: str
    mime: str
    size: int
    alt: str


async def of(connection: AsyncConnection, content_id: str) -> list[Attached]:
    """The pictures of a piece of content, in order."""
    rows = await connection.execute(
        select(table.c.part, table.c.position, table.c.sha256, table.c.mime, table.c.size, table.c.alt)
        .where(table.c.content_id == content_id)
        .order_by(table.c.part, table.c.position)
    )
    return [Attached(*row) for row in rows]


def digest_of(pictures: Sequence[Attached]) -> str | None:
    """Changes with any picture, its place or its description; None where there are none."""
    lines = [f"{one.part}/{one.position}/{one.sha256}/{one.mime}/{one.alt}" for one in pictures]
    return digest(*lines) if lines else None


async def with_bytes(
    connection: AsyncConnection, content_id: str, parts: int
) -> tuple[tuple[Picture, ...], ...]:
    """For each of ``parts`` parts its pictures, ready to be sent; empty where there are none at all.

    Raises:
        LookupError: the bytes of one are gone.
    """
    attached = await of(connection, content_id)
    if not attached:
        return ()
    wanted = {one.sha256 for one in attached}
    rows = await connection.execute(
        select(media_bytes.c.sha256, media_bytes.c.body).where(media_bytes.c.sha256.in_(wanted))
    )
    bodies = {str(row[0]): bytes(row[1]) for row in rows}
    missing = wanted - bodies.keys()
    if missing:
        raise LookupError(f"the bytes of picture {min(missing)[:12]} are gone")
    return tuple(
        tuple(
            Picture(one.sha256, one.mime, one.alt, bodies[one.sha256])
            for one in attached
            if one.part == number
        )
        for number in range(parts)
    )


async def add(
    connection: AsyncConnection,
    content_id: str,
    account_id: str,
    part: int,
    picture: Picture,
    *,
    now: datetime,
) -> list[Attached]:
    """Put one more picture behind those of its part; returns all of the content's."""
    before = await of(connection, content_id)
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    await connection.execute(
        dialect.insert(media_bytes)
        .values(sha256=picture.sha256, account_id=account_id, body=picture.body)
        .on_conflict_do_nothing()
    )
    await connection.execute(
        insert(table).values(
            content_id=content_id,
            part=part,
            position=sum(one.part == part for one in before),
            account_id=account_id,
            sha256=picture.sha256,
            mime=picture.mime,
            size=len(picture.body),
            alt=picture.alt,
            added_at=now,
        )
    )
    return await of(connection, content_id)


async def clear(connection: AsyncConnection, content_id: str) -> int:
    """Take every picture off a piece of content, and forget bytes that no other one uses; how many it had."""
    before = await of(connection, content_id)
    await connection.execute(delete(table).where(table.c.content_id == content_id))
    used = select(table.c.sha256)
    await connection.execute(
        delete(media_bytes).where(
            media_bytes.c.sha256.in_([one.sha256 for one in before]), media_bytes.c.sha256.not_in(used)
        )
    )
    return len(before)
