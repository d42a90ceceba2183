"""The tables ``content_media`` and ``media_bytes``: pictures of content, where every host has them.

The bytes stand once for each digest, and for a time only (``KEEP_MEDIA``); the descriptions stay for ever.
``content_metadata.media_digest`` is the digest of all pictures of a piece with their descriptions, so that
what was approved can be told from what was changed later.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, inspect, select
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.ids import digest
from stonechat.core.network import Picture
from stonechat.core.transitions import FINAL_CONTENT
from stonechat.database.schema.inserting import insert_into
from stonechat.database.schema.tables import content_media as table
from stonechat.database.schema.tables import content_metadata, media_bytes


@dataclass(frozen=True, slots=True)
class Attached:
    """One picture of a piece of content, without its bytes. ``part`` and ``position`` count from 0.

    Attributes:
        kept: its bytes are still there.
    """

    part: int
    position: int
    sha256: str
    mime: str
    size: int
    alt: str
    kept: bool = True


async def of(connection: AsyncConnection, content_id: str) -> list[Attached]:
    """The pictures of a piece of content, in order."""
    return (await of_all(connection, [content_id])).get(content_id, [])


async def of_all(connection: AsyncConnection, content_ids: Iterable[str]) -> dict[str, list[Attached]]:
    """The pictures of these pieces of content, in order; those without any are absent."""
    c, bytes_of = table.c, media_bytes.c.sha256
    rows = await connection.execute(
        select(c.content_id, c.part, c.position, c.sha256, c.mime, c.size, c.alt, bytes_of.is_not(None))
        .join(media_bytes, bytes_of == c.sha256, isouter=True)
        .where(c.content_id.in_(list(content_ids)))
        .order_by(c.content_id, c.part, c.position)
    )
    found: dict[str, list[Attached]] = {}
    for content_id, *values in rows:
        found.setdefault(content_id, []).append(Attached(*values))
    return found


async def shown(connection: AsyncConnection, content_id: str, sha256: str) -> tuple[str, bytes] | None:
    """Type and bytes of a picture of this piece of content; None where it has none such, or they are gone."""
    row = (
        await connection.execute(
            select(table.c.mime, media_bytes.c.body)
            .join(media_bytes, media_bytes.c.sha256 == table.c.sha256)
            .where(table.c.content_id == content_id, table.c.sha256 == sha256)
            .limit(1)
        )
    ).first()
    return None if row is None else (str(row[0]), bytes(row[1]))


def digest_of(pictures: Sequence[Attached]) -> str | None:
    """Changes with any picture, its place or its description; None where there are none."""
    lines = [f"{one.part}/{one.position}/{one.sha256}/{one.mime}/{one.alt}" for one in pictures]
    return digest(*lines) if lines else None


async def unfit(connection: AsyncConnection) -> list[tuple[str, int, str]]:
    """Pictures of what may still go out that could not be sent: content, part (from 0) and what is wrong.

    The bytes are read, one picture after the other, and compared with their digest.
    """
    if not await connection.run_sync(lambda raw: inspect(raw).has_table(table.name)):
        return []
    open_ones = content_metadata.c.state.not_in(sorted(state.value for state in FINAL_CONTENT))
    rows = await connection.execute(
        select(table.c.content_id, table.c.part, table.c.sha256, table.c.alt)
        .join(content_metadata, content_metadata.c.id == table.c.content_id)
        .where(open_ones)
        .order_by(table.c.content_id, table.c.part, table.c.position)
    )
    found = []
    for content_id, part, sha256, alt in rows.all():
        query = select(media_bytes.c.body).where(media_bytes.c.sha256 == sha256)
        body = (await connection.execute(query)).scalar_one_or_none()
        if body is None:
            found.append((str(content_id), int(part), "its bytes are gone"))
        elif hashlib.sha256(bytes(body)).hexdigest() != sha256:
            found.append((str(content_id), int(part), "its bytes are damaged"))
        elif not str(alt).strip():
            found.append((str(content_id), int(part), "it has no description"))
    return found


async def with_bytes(
    connection: AsyncConnection, content_id: str, parts: int
) -> tuple[tuple[Picture, ...], ...]:
    """For each of ``parts`` parts its pictures, ready to be sent; empty where there are none at all.

    Raises:
        LookupError: the bytes of one are gone, or are not those that were approved.
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
    damaged = [name for name, body in bodies.items() if hashlib.sha256(body).hexdigest() != name]
    if damaged:
        raise LookupError(f"the bytes of picture {min(damaged)[:12]} are damaged")
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
    """Put one more picture behind those of its part; returns all of the content's.

    Bytes that are there already are taken hold of by writing to their row, so that nobody who is about to
    forget them can do so before this transaction ends.
    """
    before = await of(connection, content_id)
    await connection.execute(
        insert_into(connection, media_bytes)
        .values(sha256=picture.sha256, account_id=account_id, body=picture.body)
        .on_conflict_do_update(index_elements=["sha256"], set_={"account_id": account_id})
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
    its = media_bytes.c.sha256.in_([one.sha256 for one in before])
    await connection.execute(delete(table).where(table.c.content_id == content_id))
    await connection.execute(select(media_bytes.c.sha256).where(its).with_for_update())  # see :func:`add`
    used = select(table.c.sha256).where(table.c.sha256.in_([one.sha256 for one in before]))
    await connection.execute(delete(media_bytes).where(its, media_bytes.c.sha256.not_in(used)))
    return len(before)
