"""Faults as they reach a request: the wait, the error status, the cut connection."""

from __future__ import annotations

import asyncio
import time

from aiohttp import web

from stonechat_aviary.chance import chance
from stonechat_aviary.levers import Levers, ModelLevers, take

_FOREVER = 3600.0


async def hang() -> None:
    """Never answer (ends with the server, or when the client goes away)."""
    await asyncio.sleep(_FOREVER)


def cut(request: web.Request) -> web.Response:
    """Drop the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def disturb(levers: Levers, seed: int, count: int) -> web.Response | None:
    """Apply what is switched on for a page or wire call; the answer to give instead, or None.

    Args:
        count: number of the request, so that the seeded error rate is reproducible.
    """
    if take(levers, "hang"):
        await hang()
    if levers.slow_ms:
        await asyncio.sleep(levers.slow_ms / 1000)
    if take(levers, "status_5xx"):
        return web.Response(status=503, text="Service Unavailable")
    if take(levers, "status_429"):
        return web.json_response(
            {"errors": [{"code": 88, "message": "Rate limit exceeded."}]},
            status=429,
            headers=_wait(levers.retry_after),
        )
    if levers.error_rate and chance(seed, "error", count).random() < levers.error_rate:
        return web.Response(status=500, text="Internal Server Error")
    return None


def _wait(seconds: int) -> dict[str, str]:
    """The headers of a 429. X gives the end of the window; ``Retry-After`` is there unless it is 0."""
    headers = {"x-rate-limit-limit": "50", "x-rate-limit-remaining": "0"}
    headers["x-rate-limit-reset"] = str(int(time.time()) + max(1, seconds))
    return headers | ({"Retry-After": str(seconds)} if seconds else {})


async def disturb_model(levers: ModelLevers, request: web.Request) -> web.Response | None:
    """Apply what is switched on for a call of the model endpoint."""
    if take(levers, "hang"):
        await hang()
    if levers.slow_ms:
        await asyncio.sleep(levers.slow_ms / 1000)
    if take(levers, "cut"):
        return cut(request)
    if levers.down or take(levers, "status_5xx"):
        problem = {"message": "The server is overloaded or not ready yet.", "type": "server_error"}
        return web.json_response({"error": problem}, status=503)
    if take(levers, "status_429"):
        problem = {"message": "Rate limit reached.", "type": "requests", "code": "rate_limit_exceeded"}
        headers = {"Retry-After": str(levers.retry_after)}
        return web.json_response({"error": problem}, status=429, headers=headers)
    if take(levers, "html"):
        return web.Response(text="<!DOCTYPE html><h1>It works!</h1>", content_type="text/html")
    if take(levers, "garbage"):
        return web.Response(text='{"choices": [{"mess', content_type="application/json")
    return None
