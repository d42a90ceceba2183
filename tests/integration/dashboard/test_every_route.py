"""Every route, asked in every odd way: a stranger gets in nowhere, and nobody is answered 500."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from stonechat.config.settings import DatabaseSettings
from stonechat.core.clock import SystemClock
from stonechat.core.events import EventStream
from stonechat.core.model import Mode
from stonechat.dashboard.app import HEADERS, create_app, create_health_app
from stonechat.dashboard.changes import Changes
from stonechat.dashboard.guard import COOKIE, Guard
from stonechat.dashboard.page_data import DashboardData
from stonechat.database import open_database
from stonechat.monitoring import HealthBoard, Meters
from stonechat.posting.gate_input import Rules, nothing_blocked
from stonechat.posting.queue import queue_rows
from tests.integration.dashboard.test_dashboard import fill
from tests.support.network import FakeNetwork
from tests.support.posting import SETTINGS

CLOCK = SystemClock()
PASSWORD = "a long enough password"
HOSTS = (
    *("x/static/", "x/login?", "x/livez#", "x/status?a=", "[::1", "[", "]", "a@b", "localhost:99999999"),
    *("", " ", "\x7f", "é", "a" * 5000, "127.0.0.1/static/..", "x\\static\\", "//", "%2e%2e", "xn--", "::::"),
)
ORIGINS = ("null", "http://[", "http://", "://", "\x7f", "http://a:b:c", "http://x/static/")
REFERERS = ("http://[", "//evil.example/x", "javascript:alert(1)", "\x7f", "http://a/%0d%0aX: y", "/\\evil")
TYPES = (
    "",
    "application/json",
    "multipart/form-data",
    "multipart/form-data; boundary=",
    "text/\x7f",
    "a" * 999,
)
FETCHED = ("", "cross-site", "same-origin", "none", "same-origin, none")
BODIES = (b"", b"{", b"\xff\xfe", b"target=%ff&to=%00", b'{"target": "\\ud800"}', b"[" * 9000, b"--\r\n" * 99)
LANES = (
    "/./",
    "//",
    "/static/..",
    "/static/%2e%2e",
    "/livez/..",
    "/%2e",
    "/login/..",
    "/STATIC/..",
    "/static\t/..",
)
HERE = {"host": "localhost"}
OPEN = {"/livez", "/readyz", "/startupz", "/health", "/status", "/login"}
"""Where a stranger is answered 200, and told states alone."""


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


async def ask(
    app: FastAPI, method: str, target: str, *, body: bytes = b"", headers: Mapping[str, str]
) -> Answer:
    """As uvicorn hands over what came, however odd it is."""
    raw, _, query = target.partition("?")
    sent, messages = iter([body]), []

    async def receive() -> dict[str, Any]:
        given = next(sent, None)
        return {"type": "http.disconnect"} if given is None else {"type": "http.request", "body": given}

    async def send(message: Any) -> None:
        messages.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote_to_bytes(raw).decode(errors="replace"),
        "raw_path": raw.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
        "client": ("127.0.0.1", 40000),
        "server": ("127.0.0.1", 8787),
        "state": {},
    }
    await app(scope, receive, send)
    start = next(one for one in messages if one["type"] == "http.response.start")
    told = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], told, b"".join(one.get("body", b"") for one in messages))


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[tuple[FastAPI, str, DashboardData]]:
    """The application with a password, and the cookie of a session."""
    events = EventStream(CLOCK)
    data = DashboardData(
        clock=CLOCK,
        board=HealthBoard(CLOCK, events),
        meters=Meters(),
        mode="demo",
        steps=lambda: [],
        ready=lambda: True,
    )
    guard = Guard(PASSWORD, CLOCK)
    cookie = await guard.log_in(PASSWORD, "127.0.0.1")
    async with open_database(f"sqlite:///{folder}/x.db", DatabaseSettings(), CLOCK) as database:
        await fill(database)
        rules, networks = Rules(SETTINGS, Mode.DEMO, nothing_blocked), {"x_web": FakeNetwork(CLOCK)}
        data.connect(database=database, queue=lambda: queue_rows(database, rules, networks, CLOCK))
        yield create_app(data, guard, Changes()), f"{COOKIE}={cookie}", data


def routes_of(app: FastAPI) -> Iterator[APIRoute]:
    """Every route of ours, whether this FastAPI copies included routers or keeps them."""
    for route in app.routes:
        kept = getattr(route, "original_router", None)
        for one in (route,) if kept is None else kept.routes:
            if isinstance(one, APIRoute):
                yield one


def addresses(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Method and an address of every route but the stream, which does not end."""
    for route in routes_of(app):
        if route.path != "/changes":
            for method in sorted(route.methods or ()):
                yield (
                    method,
                    "/".join("x" if part.startswith("{") else part for part in route.path.split("/")),
                )


async def test_a_stranger_gets_in_nowhere_whatever_the_request_says_of_itself(tmp_path: Path) -> None:
    async with served(tmp_path) as (app, _, _data):
        asked = list(addresses(app))
        assert len(asked) > 60
        odd = [{"host": host} for host in HOSTS] + [
            {"host": "localhost", "origin": origin, "referer": referer}
            for origin, referer in itertools.zip_longest(ORIGINS, REFERERS, fillvalue="x")
        ]
        cases = list(itertools.product(asked, odd))
        assert cases
        for (method, path), headers in cases:
            answer = await ask(app, method, path, headers=headers)
            let_in = answer.status == 200 and not (path in OPEN and method in ("GET", "HEAD"))
            assert not let_in, (method, path, headers)
            assert answer.status < 500, (method, path, headers, answer)
            if path not in OPEN:
                assert answer.status in {303, 401, 403, 404, 405}, (method, path, headers, answer)


async def test_no_spelling_of_an_address_opens_what_is_closed(tmp_path: Path) -> None:
    async with served(tmp_path) as (app, _, _data):
        cases = list(itertools.product(LANES, ("/api/queue", "/queue", "/audit", "/openapi.json")))
        assert cases
        for lane, path in cases:
            for target in (lane + path, lane.rstrip("/") + path, path + lane, path.replace("/", "%2f", 1)):
                answer = await ask(app, "GET", target, headers=HERE)
                assert answer.status in {303, 307, 401, 404}, (target, answer)
                assert b"c-waiting" not in answer.body


async def test_whoever_is_logged_in_is_answered_and_never_with_500(tmp_path: Path) -> None:
    async with served(tmp_path) as (app, cookie, _data):
        asked = [one for one in addresses(app) if one != ("POST", "/logout")]
        cases = list(itertools.product(asked, HOSTS))
        assert cases
        for (method, path), host in cases:
            odd = {"host": host, "cookie": cookie}
            answer = await ask(app, method, path + "?limit=9&at=x", headers=odd)
            assert answer.status != 500, (method, path, host, answer)
        writing = [one for one in asked if one[0] == "POST"]
        ways: list[tuple[dict[str, str], bytes]] = [
            *(({"content-type": kind}, body) for kind, body in itertools.product(TYPES, BODIES)),
            *(({"origin": origin}, b"") for origin in ORIGINS),
            *(({"referer": referer}, b"target=all") for referer in REFERERS),
            *(({"sec-fetch-site": fetched}, b"") for fetched in FETCHED),
        ]
        sent = list(itertools.product(writing, ways))
        assert sent
        for (method, path), (headers, body) in sent:
            answer = await ask(app, method, path, body=body, headers=HERE | {"cookie": cookie} | headers)
            assert answer.status != 500, (method, path, headers, body, answer)
            assert "evil" not in answer.headers.get("location", "")


@pytest.mark.parametrize(
    "mark", ["%00", "%ff", "%ed%a0%80", "%2e%2e", "a" * 3000, "%0d%0a", "💥".encode().hex("%")]
)
async def test_odd_names_of_things_are_named_and_not_found(tmp_path: Path, mark: str) -> None:
    async with served(tmp_path) as (app, cookie, _data):
        named = [
            (method, "/".join(mark if part.startswith("{") else part for part in route.path.split("/")))
            for route in routes_of(app)
            for method in route.methods or ()
            if "{" in route.path
        ]
        assert named
        for method, path in named:
            answer = await ask(app, method, path, headers=HERE | {"cookie": cookie})
            assert answer.status in {303, 307, 404, 405, 409, 422, 503}, (method, path, answer)


async def test_a_host_that_only_works_says_no_more_to_strangers_than_the_pages_do(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, _cookie, data):
        app = create_health_app(data, Guard(PASSWORD, CLOCK))
        for path in ("/health", "/status", "/startupz", "/readyz", "/livez", "/metrics", "/openapi.json"):
            for host in ("localhost", *HOSTS):
                answer = await ask(app, "GET", path, headers={"host": host})
                assert answer.status == {"/metrics": 401, "/openapi.json": 404}.get(path, answer.status)
                assert answer.status < 500 or path in ("/readyz", "/startupz"), (path, host)
                assert HEADERS.keys() <= {name.title() for name in answer.headers} | {
                    "Content-Security-Policy"
                }
                assert b"sqlite" not in answer.body and b"verdict" not in answer.body
