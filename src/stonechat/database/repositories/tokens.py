"""The table ``api_tokens``: which programs and agents may use the API, and for what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.database.schema.tables import api_tokens as table


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token as it is kept: never the token itself. Times are account time.

    Attributes:
        scopes: what it may do, such as ``read`` and ``draft``.
        used_at: when it was last used, to the hour.
    """

    id: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    created_by: str
    used_at: datetime | None = None
    revoked_at: datetime | None = None


async def add(connection: AsyncConnection, row: TokenRow, digest: str) -> None:
    """Keep a new one."""
    await connection.execute(
        insert(table).values(
            id=row.id,
            name=row.name,
            digest=digest,
            scopes=list(row.scopes),
            created_at=row.created_at,
            created_by=row.created_by,
        )
    )


async def every(connection: AsyncConnection) -> list[TokenRow]:
    """All of them, the revoked ones too, newest first."""
    rows = await connection.execute(select(table).order_by(table.c.created_at.desc(), table.c.id))
    return [_token(row) for row in rows]


async def with_digest(connection: AsyncConnection, digest: str) -> TokenRow | None:
    """The one of which this is the digest, unless it was revoked."""
    query = select(table).where(table.c.digest == digest, table.c.revoked_at.is_(None))
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _token(row)


async def named(connection: AsyncConnection, name: str) -> Sequence[TokenRow]:
    """Those of this name or id that were not revoked."""
    query = select(table).where((table.c.name == name) | (table.c.id == name), table.c.revoked_at.is_(None))
    return [_token(row) for row in await connection.execute(query)]


async def revoke(connection: AsyncConnection, token_id: str, now: datetime) -> None:
    """It opens nothing from now on."""
    await connection.execute(update(table).where(table.c.id == token_id).values(revoked_at=now))


async def used(connection: AsyncConnection, token_id: str, now: datetime) -> None:
    """Note that it was used."""
    await connection.execute(update(table).where(table.c.id == token_id).values(used_at=now))


def _token(row: Row[Any]) -> TokenRow:
    return TokenRow(
        id=row.id,
        name=row.name,
        scopes=tuple(row.scopes),
        created_at=row.created_at,
        created_by=row.created_by,
        used_at=row.used_at,
        revoked_at=row.revoked_at,
    )
