"""``stonechat doctor --model`` on an endpoint with one fault after the other: a sentence, and no secret."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from aiohttp import web
from pydantic import SecretStr

from stonechat.config.settings import ContentSettings, Settings
from stonechat.core.checkup import CheckResult
from stonechat.core.clock import SystemClock
from stonechat.startup.model_check import ask, check_model

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
SECRET = "key-that-nobody-sees"
TEA = json.dumps({"sentence": "Tea is warm."})


def said(text: str, finish: str = "stop") -> Handler:
    return fixed(200, {"choices": [{"message": {"content": text}, "finish_reason": finish}]})


def fixed(status: int, body: object, kind: str = "application/json", **headers: str) -> Handler:
    async def handle(_request: web.Request) -> web.StreamResponse:
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        return web.Response(status=status, body=data, headers={"Content-Type": kind} | headers)

    return handle


async def hangs(_request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(30)
    return web.Response()


async def drips(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse()
    await answer.prepare(request)
    while True:
        await answer.write(b" ")
        await asyncio.sleep(0.2)


async def closes(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def refuses_schemas(request: web.Request) -> web.StreamResponse:
    if (await request.json()).get("response_format", {}).get("type") == "json_schema":
        return web.json_response({"error": {"message": "json_schema is not supported"}}, status=400)
    return await said(f"```json\n{TEA}\n```")(request)


FAULTS: dict[str, tuple[Handler, str]] = {
    "hangs": (hangs, "did not answer within 1 s"),
    "drips": (drips, "did not answer within 1 s"),
    "closes": (closes, "could not be reached"),
    "wrong key": (fixed(401, {"error": {"message": f"Incorrect API key {SECRET}"}}), "accept the key"),
    "no money": (fixed(402, {"error": {"message": "Insufficient balance, top up"}}), "quota is used up"),
    "no such model": (fixed(404, {"error": {"message": "model not found"}}), "does not know this model"),
    "too early": (fixed(425, {"error": "too early"}), "failed with HTTP 425"),
    "busy": (fixed(429, {"error": "slow down"}, **{"Retry-After": "7"}), "is rate limiting us"),
    "broken": (fixed(500, "oops", "text/plain"), "failed with HTTP 500"),
    "redirects": (fixed(302, "", Location="http://127.0.0.1:9/"), "redirects to another address"),
    "a web page": (fixed(200, "<html>Log in</html>", "text/html"), "a web page or text"),
    "nothing": (fixed(200, ""), "a web page or text"),
    "an error in a 200": (fixed(200, {"error": {"code": 429, "message": "slow down"}}), "rate limiting"),
    "filtered": (said("", "content_filter"), "content filter"),
    "cut off": (said('{"sentence": "Tea', "length"), "needed more than 200 tokens"),
    "prose": (said("Tea is warm, of course."), "not JSON"),
    "another shape": (said('{"words": 4}'), "lacks 'sentence'"),
    "half a character": (said('{"sentence": "\\ud83d"}'), "refused"),
    "nested": (said("[" * 50_000), "refused"),
}
WAYS: dict[str, tuple[Handler, str]] = {
    "by schema": (said(TEA), "JSON by schema, nothing refused"),
    "in a fence": (refuses_schemas, "no JSON schema"),
    "as text": (fixed(200, {"choices": [{"text": TEA}]}, "text/plain"), "JSON by schema"),
}


@asynccontextmanager
async def settings_at(
    chat: Handler, listed: Handler, model: str = "gpt-4o-mini", login: str = ""
) -> AsyncIterator[Settings]:
    application = web.Application()
    application.router.add_post("/v1/chat/completions", chat)
    for path in ("/v1/models", "/v1beta/models", "/openai/models"):
        application.router.add_get(path, listed)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield Settings(
            content=ContentSettings(
                base_url=f"http://{login}127.0.0.1:{runner.addresses[0][1]}/v1",
                api_key=SecretStr(SECRET),
                model=model,
                call_timeout=timedelta(seconds=1 if chat in (hangs, drips) else 20),
            )
        )
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("fault", FAULTS)
async def test_each_fault_is_a_sentence_with_something_to_do(fault: str) -> None:
    handle, words = FAULTS[fault]
    async with settings_at(handle, fixed(200, {"data": []}), login=f"owner:{SECRET}@") as settings:
        check = await ask(settings, SystemClock())
    assert check.verdict is CheckResult.FAIL
    assert words in check.found
    assert check.fix
    assert SECRET not in f"{check.found} {check.fix}"


@pytest.mark.parametrize("way", WAYS)
async def test_what_the_endpoint_can_do_is_said(way: str) -> None:
    handle, words = WAYS[way]
    async with settings_at(handle, fixed(200, {"data": []})) as settings:
        check = await ask(settings, SystemClock())
    assert check.verdict is CheckResult.OK
    assert words in check.found
    assert "tokens, $" in check.found


@pytest.mark.parametrize(
    ("model", "header"),
    [
        ("gpt-4o-mini", "Authorization"),
        ("anthropic:claude-haiku-4-5", "Authorization"),
        ("google:gemini-2.5-flash", "x-goog-api-key"),
        ("azure:gpt-4o-mini", "api-key"),
    ],
)
async def test_doctor_shows_each_providers_key_in_its_own_way(model: str, header: str) -> None:
    shown: list[str] = []

    async def listed(request: web.Request) -> web.StreamResponse:
        shown.append(request.headers.get(header, ""))
        return web.json_response({"error": "no"}, status=401) if len(shown) > 1 else web.json_response({})

    async with settings_at(said(TEA), listed, model) as settings:
        well = await check_model(settings, SystemClock())
        refused = await check_model(settings, SystemClock())
    assert well.verdict is CheckResult.OK
    assert refused.verdict is CheckResult.FAIL
    assert "refuses the key" in refused.found
    assert len(shown) == 2
    assert all(one.endswith(SECRET) for one in shown)
    assert SECRET not in f"{well.found} {refused.found} {refused.fix}"
