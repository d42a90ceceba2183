"""Trying passwords: counted before they are hashed, for each address alone, and never many at once."""

from __future__ import annotations

import asyncio

import pytest
from starlette.requests import Request

from stonechat.core.clock import SystemClock
from stonechat.dashboard.guard import TRIES, WAITING, Guard
from tests.support.clock import ManualClock

RIGHT = "a long enough password"


async def test_a_flood_of_wrong_passwords_is_refused_before_it_is_hashed_and_locks_nobody_else_out() -> None:
    clock = ManualClock()
    guard = Guard(RIGHT, clock)
    flood = await asyncio.gather(*(guard.log_in(f"wrong {n}", "10.0.0.66") for n in range(300)))
    assert flood == [None] * 300
    assert len(guard._tries["10.0.0.66"]) <= WAITING
    for n in range(TRIES):
        await guard.log_in(f"wrong {n}", "10.0.0.66")
    assert await guard.log_in(RIGHT, "10.0.0.66") is None, "this address has tried too often"
    assert await guard.log_in(RIGHT, "10.0.0.7")
    await clock.advance(minutes=1)
    assert await guard.log_in(RIGHT, "10.0.0.66")


async def test_addresses_without_end_are_forgotten_again() -> None:
    clock = ManualClock()
    guard = Guard(RIGHT, clock)
    guard._tries = {f"10.{n // 65536}.{n // 256 % 256}.{n % 256}": [clock.monotonic()] for n in range(10_000)}
    assert await guard.log_in(RIGHT, "192.0.2.1") is None, "nothing more is remembered at the moment"
    await clock.advance(minutes=2)
    assert await guard.log_in(RIGHT, "192.0.2.1")
    assert len(guard._tries) == 0


def request(**headers: str) -> Request:
    raw = [
        (b"host", b"127.0.0.1:8787"),
        *((k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()),
    ]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": raw, "client": ("127.0.0.1", 4711)}
    return Request(scope)


@pytest.mark.parametrize(
    "header",
    (
        "forwarded",
        "via",
        "x_forwarded_for",
        "x_forwarded_host",
        "x_forwarded_proto",
        "x_real_ip",
        "true_client_ip",
    ),
)
def test_without_a_password_nothing_is_open_through_a_proxy_on_this_machine(header: str) -> None:
    guard = Guard(None, SystemClock())
    assert guard.visitor(request()) is not None
    assert guard.visitor(request(**{header: "203.0.113.9"})) is None
