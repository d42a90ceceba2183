"""Brings every answer of a model endpoint into one form, below the model library, where bytes come in.

Ten kinds of endpoints say that they speak OpenAI's chat completions, and each does it a little
differently (see :mod:`stonechat.content.writing.completions`). Nothing larger than :data:`MOST_BYTES` is
kept, and nothing is unpacked beyond it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import httpx2

from stonechat.content.writing.completions import clean_answer, too_long
from stonechat.core.packed_bodies import unpacked

MOST_BYTES = 2 * 1024 * 1024
"""A completion of a thousand posts is a tenth of it."""

Clean = Callable[[int, str, bytes], tuple[int, bytes]]
"""Status and body of an answer as the model library should see them, by status, content type and body."""


class CleanTransport(httpx2.AsyncBaseTransport):
    """Reads whole answers within bounds and hands them on in the form that ``clean`` gives them."""

    def __init__(self, clean: Clean = clean_answer) -> None:
        self._clean = clean
        self._inner = httpx2.AsyncHTTPTransport(retries=0)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The endpoint's answer, read whole and cleaned; errors of the network pass as they are."""
        answer = await self._inner.handle_async_request(request)
        try:
            body = await _bounded(answer)
        finally:
            await answer.aclose()
        kind = answer.headers.get("content-type", "")
        status, content = (
            too_long(MOST_BYTES) if body is None else self._clean(answer.status_code, kind, body)
        )
        headers = _kept(answer.headers) | {"content-type": "application/json"}
        return httpx2.Response(status, headers=headers, content=content, request=request)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


async def _bounded(answer: httpx2.Response) -> bytes | None:
    taken = bytearray()
    async for chunk in answer.aiter_raw():
        taken += chunk
        if len(taken) > MOST_BYTES:
            return None
    return unpacked(bytes(taken), answer.headers.get("content-encoding", ""), MOST_BYTES)


_RESTS = ("retry-after", "retry-after-ms", "date")


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that say how long to rest."""
    return {
        name.lower(): value
        for name, value in headers.items()
        if name.lower() in _RESTS or "ratelimit" in name.lower()
    }
