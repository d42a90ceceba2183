"""Clients that connect and wait hold little, not for long, and keep nobody else out: over real sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import pytest

from stonechat.config.settings import DashboardSettings
from stonechat.core.clock import SystemClock
from stonechat.core.events import EventStream
from stonechat.dashboard.changes import STREAMS_OF_ONE, Changes
from stonechat.dashboard.connections import ConnectionLimits
from stonechat.dashboard.page_data import DashboardData
from stonechat.dashboard.server import open_dashboard
from stonechat.monitoring import HealthBoard, Meters
from tests.support.waiting import eventually

CLOCK = SystemClock()
PASSWORD = "a long enough password"
QUICK = ConnectionLimits(most=40, of_one_address=10, headers=0.5, body=0.5, body_rate=1000.0, send=0.5)
PATIENT = ConnectionLimits(most=40, of_one_address=10)

HALF_SENT = {
    "nothing at all": b"",
    "half a request line": b"GET /li",
    "half of the headers": b"GET /livez HTTP/1.1\r\nX-a: ",
    "no body": b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n",
    "half a body": b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\npassword=",
    "half a chunk": b"POST /login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nff\r\npassw",
    "a body that nobody reads": b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nx",
    "an upgrade": b"GET /changes HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "a second request cut off": b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\nGET /livez HTTP/1.1\r\nX",
    "an expected continue": b"POST /login HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
}

Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def served(limits: ConnectionLimits, **settings: object) -> AsyncIterator[str]:
    events = EventStream(CLOCK)
    data = DashboardData(
        clock=CLOCK,
        board=HealthBoard(CLOCK, events),
        meters=Meters(),
        mode="demo",
        steps=lambda: [],
        ready=lambda: True,
    )
    given = DashboardSettings.model_validate({"port": 0} | settings)
    async with open_dashboard(given, data, CLOCK, events, limits=limits) as dashboard:
        yield dashboard.address


@asynccontextmanager
async def peers(address: str, count: int, sent: bytes) -> AsyncIterator[list[Peer]]:
    host, port = address.removeprefix("http://").split(":")
    opened = [await asyncio.open_connection(host, int(port)) for _ in range(count)]
    try:
        for _, writer in opened:
            writer.write(sent)
        yield opened
    finally:
        for _, writer in opened:
            writer.close()


async def ends(peer: Peer) -> bool:
    try:
        while await peer[0].read(65_536):
            pass
    except ConnectionError:
        pass
    return True


async def test_what_is_sent_by_halves_is_ended_at_its_deadline() -> None:
    async with served(QUICK, password=PASSWORD) as address, AsyncExitStack() as stack:
        waiting = {}
        for name, sent in HALF_SENT.items():
            [peer] = await stack.enter_async_context(peers(address, 1, sent))
            waiting[name] = asyncio.create_task(ends(peer))
        await asyncio.wait(waiting.values(), timeout=8)
        assert [name for name, task in waiting.items() if not task.done()] == []


async def test_bytes_that_drip_do_not_put_the_deadline_off() -> None:
    async with (
        served(QUICK, password=PASSWORD) as address,
        peers(address, 1, b"POST /login HTTP/1.1\r\n") as one,
    ):
        gone = asyncio.create_task(ends(one[0]))

        async def drip() -> None:
            while not gone.done():
                one[0][1].write(b"X-a: 1\r\n")
                await asyncio.sleep(0.05)

        async with asyncio.timeout(5):
            await drip()


@pytest.mark.parametrize("half", ["half of the headers", "half a body"])
async def test_a_flood_by_halves_pushes_itself_out_and_whoever_asks_is_answered(half: str) -> None:
    async with served(PATIENT, password=PASSWORD) as address, peers(address, 200, HALF_SENT[half]) as opened:
        waiting = [asyncio.create_task(ends(peer)) for peer in opened]
        for _ in range(3):
            async with httpx.AsyncClient(base_url=address, timeout=5) as client:
                assert (await client.get("/livez")).status_code == 200
        await eventually(lambda: sum(task.done() for task in waiting) >= 160, within=8)
        for task in waiting:
            task.cancel()


async def test_a_client_that_takes_nothing_of_its_answer_is_let_go() -> None:
    many = b"GET /static/vendor/htmx.min.js HTTP/1.1\r\nHost: x\r\n\r\n" * 400
    loop = asyncio.get_running_loop()
    async with served(QUICK) as address:
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as greedy:
            greedy.setblocking(False)
            with pytest.raises(ConnectionError):
                async with asyncio.timeout(10):
                    while True:
                        await loop.sock_sendall(greedy, many)


async def test_open_pages_have_a_bound_and_end_with_their_log_in() -> None:
    async with (
        served(PATIENT, password=PASSWORD) as address,
        httpx.AsyncClient(base_url=address, timeout=20) as client,
    ):
        await client.post("/login", data={"password": PASSWORD})
        cookie = f"stonechat_session={client.cookies['stonechat_session']}"
        asked = f"GET /changes HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\n\r\n".encode()
        async with peers(address, STREAMS_OF_ONE, asked) as pages:
            assert len(pages) == STREAMS_OF_ONE
            for reader, _ in pages:
                assert (await reader.readline()).startswith(b"HTTP/1.1 200")
                await reader.readuntil(b"retry: 2000")
            refused = await client.get("/changes")
            assert (refused.status_code, "retry-after" in refused.headers) == (429, True)
        await eventually(lambda: _is_open(client), within=10)


async def test_a_stream_tells_nothing_more_once_its_visitor_has_logged_out() -> None:
    changes, allowed = Changes(), [True]
    stream = changes.open("192.0.2.1", lambda: allowed[0])
    assert await anext(stream) == "retry: 2000\n\n"
    changes.tell("queue")
    assert await anext(stream) == "data: queue\n\n"
    allowed[0] = False
    changes.tell("posts")
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def _is_open(client: httpx.AsyncClient) -> bool:
    async with client.stream("GET", "/changes") as answer:
        return answer.status_code == 200
