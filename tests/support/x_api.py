"""X's API as tests use it: the adapter, its prices noted, and a gate that holds every call to the description.

The gate stands between the adapter and the local network: each request and each answer that passes is
validated against the OpenAPI description among the recordings. Without the recordings it lets all pass.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aiohttp
from aiohttp import web
from openapi_core import Config, OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest, MockResponse

from stonechat.core.clock import Clock
from stonechat.core.network import TextEntities
from stonechat.networks.credentials import Credentials, GivenCredentials
from stonechat.networks.spending import Settle, Spending
from stonechat.networks.x_api.adapter import Manner, XApi
from stonechat.networks.x_text_rules import XTextRules
from tests.support.recordings import RECORDINGS

DESCRIPTION = RECORDINGS / "x-api" / "openapi.json"
PASSED_ON = ("Authorization", "Content-Type", "Accept-Encoding")


@dataclass
class Purse:
    """Notes what was reserved, and what it was settled at; refuses where it is told to."""

    reserved: list[tuple[str, float]] = field(default_factory=list)
    settled: list[tuple[str, float]] = field(default_factory=list)

    async def reserve_price(self, account_id: str, what: str, usd: float) -> Settle:
        self.reserved.append((what, usd))

        async def settle(paid: float) -> None:
            self.settled.append((what, paid))

        return settle


class XApiNetwork(XApi):
    """The adapter together with its text rules, as the rooms have it."""

    max_length = XTextRules.max_length

    def length(self, text: str) -> int:
        return XTextRules().length(text)

    def entities(self, text: str) -> TextEntities:
        return XTextRules().entities(text)


def x_api_at(
    server: str,
    token: str,
    clock: Clock,
    *,
    purse: Purse | None = None,
    spending: Spending | None = None,
    credentials: Credentials | None = None,
    within: float = 5.0,
) -> XApiNetwork:
    """The network for accounts on that server that all have this token of the console."""
    given = {
        "api_key": "key",
        "api_key_secret": "key-secret",
        "access_token": token,
        "access_token_secret": "token-secret",
    }
    return XApiNetwork(
        credentials or GivenCredentials(),
        given if token else {},
        clock,
        spending or purse or Purse(),
        Manner(server, owns_app=True, timeout=timedelta(seconds=within)),
    )


@dataclass
class Gate:
    """Where the adapter calls, and what of that was not as described."""

    url: str = ""
    calls: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


@contextlib.asynccontextmanager
async def gate_before(upstream: str) -> AsyncIterator[Gate]:
    """A server on loopback that passes everything on to ``upstream``, until the block ends."""
    gate, described = Gate(), _described()
    async with aiohttp.ClientSession(auto_decompress=False) as session:

        async def passed(request: web.Request) -> web.StreamResponse:
            body = await request.read()
            headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
            gate.calls.append(f"{request.method} {request.path}")
            try:
                async with session.request(
                    request.method,
                    upstream + request.path_qs,
                    data=body,
                    headers=headers,
                    allow_redirects=False,
                ) as answer:
                    said = await answer.read()
            except aiohttp.ClientError:
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
            if described is not None and request.path.startswith("/2/") and "oauth2" not in request.path:
                gate.wrong += _differences(described, request, body, answer, said)
            kept = {
                name: one
                for name, one in answer.headers.items()
                if name.lower().startswith(("x-", "content-type", "date", "location"))
            }
            return web.Response(body=said, status=answer.status, headers=kept)

        app = web.Application(client_max_size=32 * 2**20)
        app.router.add_route("*", "/{path:.*}", passed)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        gate.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield gate
        finally:
            await runner.cleanup()


def _described() -> OpenAPI | None:
    if not DESCRIPTION.exists():
        return None
    whole = json.loads(DESCRIPTION.read_text(encoding="utf-8"))
    config = Config(
        spec_validator_cls=None, extra_media_type_deserializers={"application/problem+json": json.loads}
    )
    return OpenAPI.from_dict(whole, config=config)


def _differences(
    described: OpenAPI, request: web.Request, body: bytes, answer: aiohttp.ClientResponse, said: bytes
) -> list[str]:
    """What is not as described. Answers that are no JSON are faults of the levers', and are not described."""
    asked = _request(request, body)
    wrong = []
    try:
        described.validate_request(asked)
    except OpenAPIError as exc:
        wrong.append(f"request {request.method} {request.path_qs}: {exc} {exc.__cause__}")
    if "json" not in answer.content_type or answer.status >= 500:
        return wrong
    told = MockResponse(said, answer.status, content_type=answer.content_type)
    try:
        described.validate_response(asked, told)
    except OpenAPIError as exc:
        wrong.append(f"answer {answer.status} to {request.method} {request.path}: {exc} {exc.__cause__}")
    return wrong


def _request(request: web.Request, body: bytes) -> Any:
    kind, data = request.content_type, body
    if kind == "multipart/form-data":  # where every value is a text: held to the form that JSON would have
        segment = int(body.partition(b'name="segment_index"\r\n\r\n')[2].partition(b"\r\n")[0])
        kind, data = "application/json", json.dumps({"segment_index": segment, "media": "AA=="}).encode()
    return MockRequest(
        "https://api.x.com",
        request.method.lower(),
        request.path,
        args=dict(request.query),
        headers={"Authorization": request.headers.get("Authorization", "")},
        data=data or None,
        content_type=kind,
    )
