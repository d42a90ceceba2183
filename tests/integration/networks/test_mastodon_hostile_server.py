"""A server that drips, floods, bombs or nests: the call ends as a declared error, within its time."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from aiohttp import web

from stonechat.core.clock import SystemClock
from stonechat.core.errors import Transient, Unknown
from stonechat.networks.mastodon.bounded_adapter import MOST_BYTES
from stonechat.networks.mastodon.client import LONGEST_WAIT, Client, Threads

JSON = {"Content-Type": "application/json; charset=utf-8"}
BOMB = gzip.compress(b"[" + b" " * (8 * MOST_BYTES) + b"]")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def drips(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers=JSON)
    await answer.prepare(request)
    while True:
        await answer.write(b" ")
        await asyncio.sleep(0.05)


async def floods(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers=JSON)
    await answer.prepare(request)
    for _ in range(MOST_BYTES // 65536 + 2):
        await answer.write(b" " * 65536)
    return answer


async def bombs(_: web.Request) -> web.StreamResponse:
    return web.Response(body=BOMB, headers=JSON | {"Content-Encoding": "gzip"})


def says(body: bytes) -> Handler:
    async def said(_: web.Request) -> web.StreamResponse:
        return web.Response(body=body, headers=JSON)

    return said


HANDLERS = {
    "drips": drips,
    "floods": floods,
    "bombs": bombs,
    "nests": says(b"[" * 200_000),
    "counts": says(b'{"id": ' + b"9" * 5_000 + b"}"),
    "half a character": says(b'{"id": "\\ud800"}'),
    "not a number": says(b'{"id": NaN}'),
}


@asynccontextmanager
async def server(handler: Handler) -> AsyncIterator[Client]:
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    try:
        yield Client(f"http://{host}:{port}", "a token", Threads(2), SystemClock(), timedelta(seconds=0.5))
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("name", HANDLERS)
async def test_a_call_ends_and_an_effect_whose_answer_is_none_is_unknown(name: str) -> None:
    async with server(HANDLERS[name]) as client, asyncio.timeout(30):
        with pytest.raises(Transient):
            await client.ask(lambda api: api.account_verify_credentials())
        with pytest.raises(Unknown):
            await client.act(lambda api: api.status_post("A text."), None)


@pytest.mark.parametrize("reset", ["9" * 5000, "9" * 12, "-1", "nan", "", "2026-13-45T99:00:00Z", "1e400"])
async def test_a_limit_until_nonsense_is_a_wait_of_at_most_a_day(reset: str) -> None:
    async def limits(_: web.Request) -> web.StreamResponse:
        headers = {"X-RateLimit-Reset": reset, "X-RateLimit-Remaining": "0", "X-RateLimit-Limit": "300"}
        return web.json_response({"error": "Too many requests"}, status=429, headers=headers)

    async with server(limits) as client:
        with pytest.raises(Transient) as caught:
            await client.ask(lambda api: api.account_verify_credentials())
        wait = caught.value.retry_after
        assert wait is None or timedelta() < wait <= timedelta(seconds=LONGEST_WAIT)
