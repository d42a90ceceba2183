"""Models named by their provider are asked by its own protocol, and its odd ways end in declared errors."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from stonechat.content.errors import AnswerCutOff, ModelRefused, ModelTrouble
from stonechat.content.prices import Price, PriceTable
from stonechat.content.writing.endpoint_client import named_provider, open_client, provider_root
from stonechat.content.writing.model_writer import ModelWriter, estimated
from stonechat.core.ports import WriteRequest

SCHEMA = {
    "type": "object",
    "properties": {"sentence": {"type": "string"}},
    "required": ["sentence"],
    "additionalProperties": False,
}
REQUEST = WriteRequest("Be brief.", "Write about tea.", SCHEMA, "tea", 200)
WRITTEN = {"sentence": "Größe zählt nicht."}
PATIENCE = timedelta(seconds=20)


def message(text: str = json.dumps(WRITTEN), stop: str = "end_turn", **more: Any) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-4-5",
        "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": "s"},
            {"type": "text", "text": text},
        ],
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {"input_tokens": 11, "cache_read_input_tokens": 10, "output_tokens": 9},
    } | more


def candidates(text: str = json.dumps(WRITTEN), finish: str = "STOP", **more: Any) -> dict[str, Any]:
    parts = [{"text": "Hm.", "thought": True}, {"text": text}]
    return {
        "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": finish, "index": 0}],
        "usageMetadata": {"promptTokenCount": 21, "candidatesTokenCount": 5, "thoughtsTokenCount": 4},
        "modelVersion": "gemini-2.5-flash",
    } | more


def completion(text: str = json.dumps(WRITTEN), finish: str = "stop", **more: Any) -> dict[str, Any]:
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4o-mini",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}],
        "usage": {"prompt_tokens": 21, "completion_tokens": 9, "total_tokens": 30},
    } | more


@dataclass(frozen=True, slots=True)
class Provider:
    """How a provider is asked and answers.

    Attributes:
        model: as an owner names it.
        path, key: where its protocol is served, and the header that carries the key.
        cut_off, filtered: how it says so.
    """

    model: str
    path: str
    key: str
    answer: Callable[..., dict[str, Any]]
    cut_off: str
    filtered: str


PROVIDERS = {
    "anthropic": Provider(
        "anthropic:claude-haiku-4-5", "/v1/messages", "Authorization", message, "max_tokens", "refusal"
    ),
    "google": Provider(
        "google:gemini-2.5-flash",
        "/v1beta/models/gemini-2.5-flash:generateContent",
        "x-goog-api-key",
        candidates,
        "MAX_TOKENS",
        "SAFETY",
    ),
    "azure": Provider(
        "azure:gpt-4o-mini",
        "/openai/deployments/gpt-4o-mini/chat/completions",
        "api-key",
        completion,
        "length",
        "content_filter",
    ),
}
EACH = pytest.mark.parametrize("provider", PROVIDERS.values(), ids=PROVIDERS)


@asynccontextmanager
async def answering(
    provider: Provider, *answers: tuple[int, Any], asked: list[Any] | None = None, **headers: str
) -> AsyncIterator[ModelWriter]:
    """A writer whose endpoint gives these answers one after the other, and the last one again and again."""
    left = list(answers)

    async def handle(request: web.Request) -> web.Response:
        if asked is not None:
            asked.append((request.headers.get(provider.key), await request.json()))
        status, body = left.pop(0) if len(left) > 1 else left[0]
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        told = {"Content-Type": "application/json"} | {k.replace("_", "-"): v for k, v in headers.items()}
        return web.Response(body=data, status=status, headers=told)

    application = web.Application()
    application.router.add_post(provider.path, handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        host, port = runner.addresses[0][:2]
        async with open_client(f"http://{host}:{port}", "the-key", PATIENCE) as client:
            yield ModelWriter(client, provider.model, PATIENCE)
    finally:
        await runner.cleanup()


@EACH
async def test_it_is_asked_by_its_own_protocol_and_its_figures_are_booked(provider: Provider) -> None:
    asked: list[Any] = []
    async with answering(provider, (200, provider.answer()), asked=asked) as writer:
        written = await writer.write(REQUEST)
    assert written.data == WRITTEN
    assert (written.prompt_tokens, written.completion_tokens) == (21, 9)
    [(key, body)] = asked
    assert key.removeprefix("Bearer ") == "the-key"
    assert "Write about tea." in json.dumps(body)


@EACH
async def test_a_form_that_it_refuses_is_changed_and_remembered(provider: Provider) -> None:
    refusal = {"error": {"type": "invalid_request_error", "message": "temperature is not supported"}}
    asked: list[Any] = []
    async with answering(provider, (400, refusal), (200, provider.answer()), asked=asked) as writer:
        await writer.write(REQUEST)
        await writer.write(REQUEST)
    assert ["temperature" in json.dumps(body) for _, body in asked] == [True, False, False]


@EACH
async def test_fences_prose_and_thoughts_around_the_json_are_left_out(provider: Provider) -> None:
    wrapped = f"<think>Hm {{x}}</think>Here it is:\n```json\n{json.dumps(WRITTEN)}\n```"
    async with answering(provider, (200, provider.answer(wrapped))) as writer:
        assert (await writer.write(REQUEST)).data == WRITTEN


@EACH
async def test_an_answer_that_was_cut_off_and_one_that_was_filtered_say_so(provider: Provider) -> None:
    async with answering(provider, (200, provider.answer('{"sent', provider.cut_off))) as writer:
        with pytest.raises(AnswerCutOff):
            await writer.write(REQUEST)
    async with answering(provider, (200, provider.answer("", provider.filtered))) as writer:
        with pytest.raises(ModelRefused, match="filter"):
            await writer.write(REQUEST)


@EACH
@pytest.mark.parametrize("told", [-5, 10**30, "12", 1.5, True, None, [1], {}], ids=repr)
async def test_usage_that_is_not_credible_is_estimated(provider: Provider, told: Any) -> None:
    names = ("input_tokens", "promptTokenCount", "prompt_tokens", "output_tokens", "candidatesTokenCount")
    odd = dict.fromkeys(("completion_tokens", *names), told)
    async with answering(provider, (200, provider.answer(usage=odd, usageMetadata=odd))) as writer:
        written = await writer.write(REQUEST)
    assert (written.prompt_tokens, written.completion_tokens) == estimated(REQUEST, json.dumps(WRITTEN))


@EACH
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Bad gateway</html>",
        b"[]",
        b"{}",
        b"null",
        b'{"type": "error", "error": {"message": "overloaded"}}',
        b'{"content": 3, "candidates": 3, "choices": 3}',
        b'{"content": [3], "candidates": [3], "choices": [3]}',
        b'{"content": [{"type": "text", "text": 7}], "candidates": [{"content": {"parts": 7}}]}',
        b'{"content": [{"type": "text", "text": "\\ud83d"}], "candidates": [{"content": []}]}',
        b"[" * 100_000,
        b'{"content": "' + b"x" * 3_000_000 + b'"}',
    ],
    ids=lambda body: repr(body[:40]),
)
async def test_a_body_that_is_no_answer_is_a_declared_error(provider: Provider, body: bytes) -> None:
    async with answering(provider, (200, body)) as writer:
        with pytest.raises(ModelTrouble):
            await writer.write(REQUEST)


@EACH
@pytest.mark.parametrize(
    ("status", "said", "expected", "words"),
    [
        (401, "invalid x-api-key", ModelRefused, "does not accept the key"),
        (402, "please top up", ModelRefused, "quota"),
        (404, "no such model", ModelRefused, "does not know"),
        (429, "slow down, try again in 39.2s", ModelTrouble, "rate limiting"),
        (500, "oops", ModelTrouble, "HTTP 500"),
        (503, "overloaded", ModelTrouble, "HTTP 503"),
        (529, "overloaded_error", ModelTrouble, "HTTP 529"),
    ],
)
async def test_what_an_error_means(
    provider: Provider, status: int, said: str, expected: type[Exception], words: str
) -> None:
    error = {"type": "error", "error": {"type": "some_error", "message": said, "code": status}}
    async with answering(provider, (status, error)) as writer:
        with pytest.raises(expected, match=words) as caught:
            await writer.write(REQUEST)
    if status == 429:
        assert isinstance(caught.value, ModelTrouble)
        assert caught.value.retry_after == timedelta(seconds=39.2)


async def test_a_wrong_key_that_gemini_calls_a_bad_request_is_a_wrong_key() -> None:
    error = {"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}}
    async with answering(PROVIDERS["google"], (400, error)) as writer:
        with pytest.raises(ModelRefused, match="does not accept the key"):
            await writer.write(REQUEST)


@pytest.mark.parametrize(
    ("model", "named"),
    [
        ("anthropic:claude-haiku-4-5", ("anthropic", "claude-haiku-4-5")),
        ("google:gemini-2.5-flash", ("google", "gemini-2.5-flash")),
        ("azure:my-deployment", ("azure", "my-deployment")),
        ("llama3:8b", ("", "llama3:8b")),
        ("anthropic/claude-haiku-4-5", ("", "anthropic/claude-haiku-4-5")),
        ("anthropic:", ("", "anthropic:")),
    ],
)
def test_a_provider_is_named_before_a_colon(model: str, named: tuple[str, str]) -> None:
    assert named_provider(model) == named


@pytest.mark.parametrize(
    ("provider", "base", "root"),
    [
        ("anthropic", "https://api.openai.com/v1", "https://api.anthropic.com"),
        ("google", "https://api.openai.com/v1", "https://generativelanguage.googleapis.com"),
        ("anthropic", "https://api.anthropic.com/v1", "https://api.anthropic.com"),
        ("google", "https://host.example/v1beta/openai", "https://host.example"),
        ("anthropic", "https://gateway.example/team/anthropic", "https://gateway.example/team/anthropic"),
        ("azure", "https://me.openai.azure.com/openai/v1", "https://me.openai.azure.com"),
        ("azure", "https://me.example/openai/deployments/x", "https://me.example"),
    ],
)
def test_its_address_is_understood(provider: str, base: str, root: str) -> None:
    assert provider_root(provider, base) == root


def test_its_price_is_known_by_its_own_name_and_the_owners_word_wins() -> None:
    prices = PriceTable(Price(0.1, 0.2), {"google:gemini-2.5-flash": Price(1, 2)})
    assert prices.of("google:gemini-2.5-flash") == Price(1, 2)
    known = prices.known("anthropic:claude-haiku-4-5")
    assert known is not None
    assert known == prices.known("claude-haiku-4-5") or known.prompt > 0
