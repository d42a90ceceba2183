"""Which models are opened with which key, what they cost, and what ``doctor --model`` says of them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from pydantic import SecretStr

from stonechat.config.settings import ContentSettings, Settings
from stonechat.content.prices import Price, PriceTable, listed_price, prices_of
from stonechat.core.checkup import CheckResult
from stonechat.core.clock import SystemClock
from stonechat.core.ports import WriteRequest
from stonechat.startup.build_models import open_models
from stonechat.startup.model_check import ask, check_model

REQUEST = WriteRequest("Be brief.", "drafts: 1", {"type": "object"}, "drafts", max_output_tokens=100)


def no_guard(_name: str):  # type: ignore[no-untyped-def]
    return contextlib.nullcontext


@contextlib.asynccontextmanager
async def recording(answer: str) -> AsyncIterator[tuple[str, list[str]]]:
    """An endpoint's base address, and the keys that it was shown."""
    keys: list[str] = []

    async def chat(request: web.Request) -> web.Response:
        keys.append(request.headers.get("Authorization", ""))
        body = {"choices": [{"message": {"content": answer}, "finish_reason": "stop"}]}
        return web.json_response(body)

    async def models(_request: web.Request) -> web.Response:
        return web.json_response({"data": []})

    application = web.Application()
    application.router.add_post("/v1/chat/completions", chat)
    application.router.add_get("/v1/models", models)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1", keys
    finally:
        await runner.cleanup()


async def test_the_first_key_is_never_shown_to_the_fallback_endpoint() -> None:
    async with recording("{}") as (first, shown_first), recording("{}") as (other, shown_other):
        own = ContentSettings(
            api_key=SecretStr("first-key"),
            base_url=first,
            model="m",
            fallback_models=("n",),
            fallback_base_url=other,
        )
        async with open_models(own, no_guard) as models:
            for writer in models.writers:
                await writer.write(REQUEST)
    assert shown_first == ["Bearer first-key"]
    assert len(shown_other) == 1 and "first-key" not in shown_other[0]


@pytest.mark.parametrize(("named", "asked"), [("", ["m"]), ("other", ["other"]), ("off", []), ("OFF", [])])
async def test_a_second_model_reads_by_default(named: str, asked: list[str]) -> None:
    own = ContentSettings(base_url="http://127.0.0.1:9/v1", model="m", judge_model=named)
    async with open_models(own, no_guard) as models:
        assert [one.model for one in models.judges] == asked


def test_the_owners_price_wins_and_an_unknown_one_says_so() -> None:
    own = ContentSettings(
        base_url="https://api.openai.com/v1", prices={"gpt-4o-mini": (9.0, 9.5)}, price_input_usd=7.0
    )
    table = prices_of(own)
    assert table.of("gpt-4o-mini") == Price(9.0, 9.5)
    assert table.known("gpt-4o") == listed_price("gpt-4o", own.base_url) is not None
    assert table.known("a-model-of-my-own") is None and table.of("a-model-of-my-own").prompt == 7.0


def test_where_two_endpoints_have_a_price_the_higher_one_is_booked() -> None:
    hosts = ("https://api.groq.com/openai/v1", "https://api.openai.com/v1")
    assert PriceTable(Price(0, 0), {}, hosts).known("gpt-4o") is not None


async def test_doctor_asks_the_model_one_question_and_says_what_it_can_do() -> None:
    async with recording(json.dumps({"sentence": "Tea is warm."})) as (base, _):
        settings = Settings(content=ContentSettings(base_url=base, model="gpt-4o-mini"))
        check = await ask(settings, SystemClock())
    assert check.verdict is CheckResult.OK, check
    assert "answers in form (JSON by schema" in check.found and "tokens" in check.found


async def test_doctor_says_what_is_wrong_with_an_answer() -> None:
    async with recording("no JSON today") as (base, _):
        settings = Settings(content=ContentSettings(base_url=base, model="gpt-4o-mini"))
        check = await ask(settings, SystemClock())
    assert check.verdict is CheckResult.FAIL and "not JSON" in check.found


async def test_doctor_names_models_without_a_price_and_no_secret_of_the_address() -> None:
    async with recording("{}") as (base, _):
        address = base.replace("http://", "http://user:hidden-word@") + "?key=another-secret"
        unknown = Settings(content=ContentSettings(base_url=address, model="mine"))
        known = Settings(content=ContentSettings(base_url=address, model="gpt-4o-mini"))
        told, fine = await check_model(unknown, SystemClock()), await check_model(known, SystemClock())
    assert told.verdict is CheckResult.WARN and "the price of mine is not known" in told.found
    assert fine.verdict is CheckResult.OK
    for said in (told.found, told.fix, fine.found):
        assert "hidden-word" not in said and "another-secret" not in said
