"""Calls to addresses of the owner's: bounded as a whole, in time and in size, and going nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx

from stonechat.core.errors import Transient

CALL_LIMIT = timedelta(seconds=10)
"""Real time that one call may take from its beginning to its end, however slowly the other side answers."""


async def call(
    method: str, url: str, *, what: str, json: Mapping[str, Any] | None = None, limit: timedelta = CALL_LIMIT
) -> int:
    """The status that the other side answers. Its body is not read, and a redirect is not followed.

    Args:
        what: who is called, for the error.

    Raises:
        Transient: no answer within ``limit``.
    """
    try:
        async with (
            asyncio.timeout(limit.total_seconds()),
            httpx.AsyncClient(
                timeout=limit.total_seconds(),
                follow_redirects=False,
                headers={"Accept-Encoding": "identity"},
            ) as client,
            client.stream(method, url, json=json) as answer,
        ):
            return answer.status_code
    except TimeoutError as exc:
        raise Transient(f"{what} did not answer within {limit.total_seconds():g} s.") from exc
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        raise Transient(f"{what} did not answer: {type(exc).__name__} {exc}.") from exc
