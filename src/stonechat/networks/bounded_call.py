"""Calls to a server that somebody else runs, bounded as a whole: in time, in bytes, and in what unpacks."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx

from stonechat.core.packed_bodies import unpacked

MOST_BYTES = 8 * 1024 * 1024
"""Of one answer. A page of a hundred posts is a tenth of it."""

_OF_THE_WAY = ("content-encoding", "content-length", "transfer-encoding")


async def call(
    client: httpx.AsyncClient, method: str, url: str, *, limit: timedelta, **request: Any
) -> httpx.Response:
    """The answer, read whole. httpx's own time-out is for each piece, so that an answer could drip for ever.

    Args:
        limit: for the call from its beginning to its end.

    Raises:
        httpx.HTTPError: no answer, or it takes too long, or is too large.
    """
    try:
        async with asyncio.timeout(limit.total_seconds()), client.stream(method, url, **request) as answer:
            body = await _whole(answer)
    except TimeoutError as exc:
        raise httpx.ReadTimeout("the answer does not end") from exc
    if body is None:
        raise httpx.RemoteProtocolError(f"the answer is larger than {MOST_BYTES} bytes")
    kept = [one for one in answer.headers.multi_items() if one[0].lower() not in _OF_THE_WAY]
    return httpx.Response(answer.status_code, headers=kept, content=body, request=answer.request)


async def _whole(answer: httpx.Response) -> bytes | None:
    taken = bytearray()
    async for piece in answer.aiter_raw():
        taken += piece
        if len(taken) > MOST_BYTES:
            return None
    return unpacked(bytes(taken), answer.headers.get("content-encoding", ""), MOST_BYTES)
