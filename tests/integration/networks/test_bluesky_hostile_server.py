"""A server that drips, floods or bombs: the call ends within its time, and the memory stays as it is."""

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
from stonechat.networks.bluesky.client import LONGEST_WAIT, Client, Tokens
from stonechat.networks.bounded_call import MOST_BYTES

BOMB = gzip.compress(b"[" + b" " * (8 * MOST_BYTES) + b"]")


async def drips(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse()
    await answer.prepare(request)
    while True:
        await answer.write(b" ")
        await asyncio.sleep(0.05)


async def floods(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse()
    await answer.prepare(request)
    for _ in range(MOST_BYTES // 65536 + 2):
        await answer.write(b" " * 65536)
    return answer


async def bombs(_: web.Request) -> web.StreamResponse:
    return web.Response(body=BOMB, headers={"Content-Encoding": "gzip", "Content-Type": "application/json"})


@asynccontextmanager
async def server(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[Client]:
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]

    async def keep(_: Tokens) -> None:
        return None

    client = Client(
        f"http://{host}:{port}",
        "ann.example",
        "a password",
        SystemClock(),
        kept=Tokens("did:plc:a", "ann.example", "access", "refresh"),
        keep=keep,
        timeout=timedelta(seconds=0.5),
    )
    try:
        yield client
    finally:
        await client.close()
        await runner.cleanup()


@pytest.mark.parametrize("handler", [drips, floods, bombs])
async def test_a_call_ends_and_an_effect_whose_answer_is_none_is_unknown(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> None:
    async with server(handler) as client:
        async with asyncio.timeout(30):
            with pytest.raises(Transient):
                await client.ask("app.bsky.feed.getTimeline")
            with pytest.raises(Unknown):
                await client.act("com.atproto.repo.createRecord", {}, None)


@pytest.mark.parametrize("reset", ["9" * 5000, "9" * 12, "-1", "nan", "", "1e400"])
async def test_a_limit_until_nonsense_is_a_wait_of_at_most_a_day(reset: str) -> None:
    async def limits(_: web.Request) -> web.StreamResponse:
        return web.Response(status=429, headers={"ratelimit-reset": reset})

    async with server(limits) as client:
        with pytest.raises(Transient) as caught:
            await client.ask("app.bsky.feed.getTimeline")
        wait = caught.value.retry_after
        assert wait is not None and timedelta() < wait <= LONGEST_WAIT
