"""A real personal data server of Bluesky's protocol, with what stands around one: directory, view, faults.

The servers are the ones from npm, in processes of their own; ``scripts/setup_pds.sh`` installs them. What such a
server does not do itself (counts, search, notifications) it asks of the network's view, which is made here from
what the server holds. Calls of the adapter come through a gateway that can lose and refuse them.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web

from stonechat.core.clock import Clock
from stonechat.core.model import Account
from stonechat.core.network import TextEntities
from stonechat.networks.bluesky.adapter import Access, Bluesky
from stonechat.networks.bluesky.client import Tokens
from stonechat.networks.bluesky.records import POST
from stonechat.networks.bluesky.text_rules import BlueskyTextRules
from tests.support.processes import Reaper, ServerProcess, free_port

SERVE = Path(__file__).parent / "pds" / "serve.mjs"
INSTALLED = Path(os.environ.get("STONECHAT_PDS", Path(__file__).parents[2] / ".stonechat" / "pds"))
PASSWORD = "only-for-tests"


class BlueskyNetwork(Bluesky):
    """The adapter together with its text rules, as the rooms have it."""

    max_length = BlueskyTextRules().max_length

    def length(self, text: str) -> int:
        return BlueskyTextRules().length(text)

    def entities(self, text: str) -> TextEntities:
        return BlueskyTextRules().entities(text)


def bluesky_at(
    server: str, clock: Clock, *, password: str = PASSWORD, within: float = 10.0, kept: Tokens | None = None
) -> BlueskyNetwork:
    """The network for accounts on that server that all have this password."""

    async def access(_account: Account) -> Access:
        return Access(server, password, kept)

    async def keep(_account: Account, _tokens: Tokens) -> None:
        """Every test begins its own sessions."""

    return BlueskyNetwork(access, keep, clock, timeout=timedelta(seconds=within))


@dataclass
class Levers:
    """Faults of the gateway; a number is how often.

    Attributes:
        refuse_after: so many posts are let through before ``refuse`` holds.
        made: called once, when a post was made and before its answer goes out.
    """

    lose_answer: int = 0
    lose_request: bool = False
    refuse: str = ""
    refuse_after: int = 0
    logged_out: bool = False
    broken: bool = False
    html: bool = False
    made: Callable[[], None] | None = None


@dataclass
class Pds:
    """A server with its accounts, seen through the gateway.

    Attributes:
        url: the gateway's address, which the adapter is given.
        direct: the server's own.
        dids: of every account, by handle.
    """

    url: str
    direct: str
    process: ServerProcess
    dids: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    levers: Levers = field(default_factory=Levers)

    async def call(self, name: str, handle: str = "", body: Any = None, **query: Any) -> Any:
        """A call past the gateway."""
        headers = {"Authorization": f"Bearer {self.tokens[handle]}"} if handle else {}
        async with httpx.AsyncClient(base_url=f"{self.direct}/xrpc/", headers=headers, timeout=20) as http:
            if body is None:
                answer = await http.get(name, params=query)
            else:
                answer = await http.post(name, json=body)
            return answer.raise_for_status().json()

    async def add(self, handle: str) -> None:
        """An account."""
        body = {"handle": handle, "email": f"{handle}@mail.test", "password": PASSWORD}
        made = await self.call("com.atproto.server.createAccount", body=body)
        self.dids[handle], self.tokens[handle] = made["did"], made["accessJwt"]

    async def post(self, handle: str, text: str, **more: Any) -> None:
        """A post by somebody else."""
        at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        record = {"$type": POST, "text": text, "createdAt": at, **more}
        wanted = {"repo": self.dids[handle], "collection": POST, "record": record}
        await self.call("com.atproto.repo.createRecord", handle, body=wanted)

    async def records(self, handle: str) -> list[dict[str, Any]]:
        """What the server itself holds of an account, oldest first."""
        found: list[dict[str, Any]] = []
        query: dict[str, Any] = {"repo": self.dids[handle], "collection": POST, "limit": 100}
        while True:
            page = await self.call("com.atproto.repo.listRecords", **query)
            found += page["records"]
            if not page.get("cursor"):
                break
            query["cursor"] = page["cursor"]
        return found[::-1]


@asynccontextmanager
async def open_pds(reaper: Reaper, folder: Path) -> AsyncIterator[Pds]:
    """Directory, server, view and gateway on free loopback ports; skips where they are not installed."""
    if shutil.which("node") is None or not (INSTALLED / "node_modules" / "@atproto" / "pds").is_dir():
        pytest.skip("the real server is not installed: scripts/setup_pds.sh installs it, with npm")
    plc_port, pds_port, view_port, gate_port = (free_port() for _ in range(4))
    plc = _node(reaper, folder / "plc.log", f"http://127.0.0.1:{plc_port}/_health", "plc", str(plc_port))
    plc.start()
    view = f"http://127.0.0.1:{view_port}"
    words = ("pds", str(pds_port), f"http://127.0.0.1:{plc_port}", view, str(folder / "data"))
    server = _node(reaper, folder / "pds.log", f"http://127.0.0.1:{pds_port}/xrpc/_health", *words)
    server.start()
    pds = Pds(f"http://127.0.0.1:{gate_port}", f"http://127.0.0.1:{pds_port}", server)
    runners = [await _serve(_view(pds), view_port), await _serve(_gateway(pds), gate_port)]
    try:
        yield pds
    finally:
        for runner in runners:
            await runner.cleanup()
        server.stop()
        plc.stop()


def _node(reaper: Reaper, log: Path, health: str, *words: str) -> ServerProcess:
    def listens() -> bool:
        try:
            return httpx.get(health, timeout=2).is_success
        except httpx.HTTPError:
            return False

    return ServerProcess(
        ["node", str(SERVE), *words],
        reaper=reaper,
        ready=listens,
        log=log,
        environment={"STONECHAT_PDS": str(INSTALLED), "NODE_ENV": "test", "LOG_ENABLED": "false"},
    )


async def _serve(app: web.Application, port: int) -> web.AppRunner:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return runner


# --- faults ---------------------------------------------------------------------------------------------------


def _gateway(pds: Pds) -> web.Application:
    """Passes every call on to the server, unless a lever is moved."""

    async def pass_on(request: web.Request) -> web.StreamResponse:
        levers, name = pds.levers, request.match_info["name"]
        if levers.broken:
            return web.Response(status=503, text="Service Unavailable")
        if levers.logged_out:
            begins = name.endswith("createSession")
            code = "AuthenticationRequired" if begins else "ExpiredToken"
            return web.json_response({"error": code, "message": "over"}, status=401 if begins else 400)
        if levers.html:
            return web.Response(text="<!DOCTYPE html><h1>Back soon</h1>", content_type="text/html")
        makes = name == "com.atproto.repo.createRecord"
        if makes and (refused := _refusal(levers)) is not None:
            return refused
        if makes and levers.lose_request:
            return _cut(request)
        answer = await _forwarded(pds, request, name)
        if makes and levers.made is not None:
            made, levers.made = levers.made, None
            made()
            return _cut(request)
        if makes and levers.lose_answer > 0:
            levers.lose_answer -= 1
            return _cut(request)
        return answer

    app = web.Application(client_max_size=8 * 1024 * 1024)
    app.add_routes([web.route("*", "/xrpc/{name}", pass_on)])
    return app


def _refusal(levers: Levers) -> web.Response | None:
    if not levers.refuse:
        return None
    if levers.refuse_after > 0:
        levers.refuse_after -= 1
        return None
    if levers.refuse == "RateLimitExceeded":
        ends = int(datetime.now(UTC).timestamp()) + 60
        return web.json_response(
            {"error": levers.refuse, "message": "Rate Limit Exceeded"},
            status=429,
            headers={"ratelimit-reset": str(ends)},
        )
    return web.json_response({"error": levers.refuse, "message": "not allowed"}, status=400)


async def _forwarded(pds: Pds, request: web.Request, name: str) -> web.Response:
    headers = {
        one: request.headers[one] for one in ("Authorization", "Content-Type") if one in request.headers
    }
    body = await request.read()
    async with httpx.AsyncClient(timeout=20) as http:
        try:
            answer = await http.request(
                request.method,
                f"{pds.direct}/xrpc/{name}?{request.query_string}",
                headers=headers,
                content=body or None,
            )
        except httpx.HTTPError:
            return _cut(request)
    kind = answer.headers.get("content-type", "application/json").partition(";")[0]
    return web.Response(status=answer.status_code, body=answer.content, content_type=kind)


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


# --- the network's view ---------------------------------------------------------------------------------------


def _view(pds: Pds) -> web.Application:
    """Counts, search, notifications and profiles, from what the server holds at that moment."""

    async def every() -> list[dict[str, Any]]:
        found = await asyncio.gather(*(pds.records(handle) for handle in pds.dids))
        rows = zip(pds.dids.items(), found, strict=True)
        return [_shown(handle, did, one) for (handle, did), records in rows for one in reversed(records)]

    async def posts(request: web.Request) -> web.Response:
        wanted = set(request.query.getall("uris", []))
        return web.json_response({"posts": [one for one in await every() if one["uri"] in wanted]})

    async def search(request: web.Request) -> web.Response:
        words = request.query.get("q", "").casefold().split()
        found = [one for one in await every() if all(w in one["record"]["text"].casefold() for w in words)]
        return web.json_response({"posts": found})

    async def notifications(request: web.Request) -> web.Response:
        told = [
            {**one, "reason": "mention", "isRead": False}
            for one in await every()
            if any(
                "did" in feature for facet in one["record"].get("facets", []) for feature in facet["features"]
            )
        ]
        return web.json_response({"notifications": told})

    async def profile(request: web.Request) -> web.Response:
        handle = request.query.get("actor", "").casefold()
        if handle not in pds.dids:
            return web.json_response({"error": "InvalidRequest", "message": "Profile not found"}, status=400)
        counts = {"followersCount": 12, "followsCount": 3, "description": "Notes", "displayName": "Notes"}
        return web.json_response({"did": pds.dids[handle], "handle": handle, **counts})

    app = web.Application()
    app.add_routes(
        [
            web.get("/xrpc/app.bsky.feed.getPosts", posts),
            web.get("/xrpc/app.bsky.feed.searchPosts", search),
            web.get("/xrpc/app.bsky.notification.listNotifications", notifications),
            web.get("/xrpc/app.bsky.actor.getProfile", profile),
        ]
    )
    return app


def _shown(handle: str, did: str, record: dict[str, Any]) -> dict[str, Any]:
    counts = dict.fromkeys(("likeCount", "repostCount", "replyCount", "quoteCount", "bookmarkCount"), 0)
    return {
        "uri": record["uri"],
        "cid": record["cid"],
        "author": {"did": did, "handle": handle},
        "record": record["value"],
        "indexedAt": record["value"]["createdAt"],
        **counts,
    }
