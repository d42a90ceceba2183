"""Ten kinds of endpoints, as they document themselves: each is written with, and its odd ways are remembered."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from stonechat.content.errors import AnswerCutOff, ModelRefused, ModelTrouble
from stonechat.content.writing.endpoint_client import address_of, open_client
from stonechat.content.writing.model_failures import rest_of
from stonechat.content.writing.model_writer import ModelWriter, estimated
from stonechat.core.ports import WriteRequest
from tests.contract.model_endpoints import SHAPES, Shape

SCHEMA = {
    "type": "object",
    "properties": {
        "drafts": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"parts": {"type": "array", "items": {"type": "string"}}},
                "required": ["parts"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["drafts"],
    "additionalProperties": False,
}
REQUEST = WriteRequest("Be brief.", "Write about tea.", SCHEMA, "drafts")
WRITTEN = {"drafts": [{"parts": ["Tea first. Then the inbox.", "Größe zählt nicht."]}]}
PATIENCE = timedelta(seconds=20)

Handler = Callable[[web.Request], Any]


@asynccontextmanager
async def serving(path: str, handle: Handler) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_post(path, handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await (site := web.TCPSite(runner, "127.0.0.1", 0)).start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await site.stop()
        await runner.cleanup()


@asynccontextmanager
async def writer_at(base: str, key: str = "k") -> AsyncIterator[ModelWriter]:
    async with open_client(base, key, PATIENCE) as client:
        yield ModelWriter(client, "served-model", PATIENCE)


@asynccontextmanager
async def answering(
    body: Any, status: int = 200, content_type: str = "application/json", **headers: str
) -> AsyncIterator[ModelWriter]:
    """A writer whose endpoint always gives this answer."""

    async def handle(request: web.Request) -> web.Response:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return web.Response(
            body=data,
            status=status,
            headers={"Content-Type": content_type} | {k.replace("_", "-"): v for k, v in headers.items()},
        )

    async with serving("/v1/chat/completions", handle) as host, writer_at(f"{host}/v1") as writer:
        yield writer


def completion(
    content: Any, finish: str | None = "stop", usage: Any = None, **message: Any
) -> dict[str, Any]:
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": content} | message,
        "finish_reason": finish,
    }
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [choice],
        "usage": usage,
    }


@pytest.mark.parametrize("name", SHAPES)
async def test_each_endpoint_is_written_with_and_what_it_refuses_is_remembered(name: str) -> None:
    shape = SHAPES[name]
    asked: list[dict[str, Any]] = []

    async def handle(request: web.Request) -> web.Response:
        asked.append(body := await request.json())
        for refusal in shape.refusals:
            if refusal.when(body):
                return web.json_response(refusal.body, status=refusal.status)
        return web.Response(body=shape.encode(_said(shape)), headers={"Content-Type": shape.content_type})

    async with serving(shape.path, handle) as host, writer_at(shape.base.replace("HOST", host)) as writer:
        first = await writer.write(REQUEST)
        tries = len(asked)
        second = await writer.write(REQUEST)
    assert first.data == second.data == WRITTEN
    assert len(asked) == tries + 1, "what was refused once is not asked again"
    counted = (first.prompt_tokens, first.completion_tokens)
    assert counted == (shape.counted or estimated(REQUEST, json.dumps(WRITTEN))) or shape.counted is None
    assert all(tokens > 0 for tokens in counted)


def _said(shape: Shape) -> Any:
    text = shape.wraps(json.dumps(WRITTEN))
    return json.loads(json.dumps(shape.answer).replace('"TEXT"', json.dumps(text)))


@pytest.mark.parametrize(
    ("usage", "why"),
    [
        ({"prompt_tokens": -50_000_000, "completion_tokens": 5}, "negative"),
        ({"prompt_tokens": 10**30, "completion_tokens": 5}, "huge"),
        ({"prompt_tokens": "12", "completion_tokens": "5"}, "text"),
        ({"prompt_tokens": 1.5, "completion_tokens": 5}, "a fraction"),
        ({"prompt_tokens": True, "completion_tokens": 5}, "yes and no"),
        ({"prompt_tokens": 12}, "half"),
        ({"total_tokens": 12}, "the sum alone"),
        ([1, 2], "a list"),
        ("many", "a word"),
        ({"prompt_tokens": 0, "completion_tokens": 0}, "nothing"),
        (None, "none"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_a_model_says_of_its_usage_is_booked_only_where_it_is_credible(
    usage: Any, why: str
) -> None:
    async with answering(completion(json.dumps(WRITTEN), usage=usage)) as writer:
        written = await writer.write(REQUEST)
    assert (written.prompt_tokens, written.completion_tokens) == estimated(REQUEST, json.dumps(WRITTEN))


HOSTILE_TEXTS = {
    "nested 200,000 deep": "[" * 200_000,
    "nested and closed": '{"drafts":' + "[" * 5_000 + "]" * 5_000 + "}",
    "half a surrogate": '{"drafts": [{"parts": ["\\ud83d"]}]}',
    "200,000 drafts": json.dumps({"drafts": [{"parts": ["x"]}] * 200_000}),
    "2,000 drafts": json.dumps({"drafts": [{"parts": ["x"]}] * 2_000}),
    "a huge number": '{"drafts": ' + "9" * 5_000 + "}",
    "not a number": '{"drafts": NaN}',
    "a key twice": '{"drafts": [], "drafts": [{"parts": ["x"]}]}',
    "numbers for text": '{"drafts": [{"parts": [1, 2]}]}',
    "prose": "I would rather not answer in JSON today.",
    "thoughts without an end": "<think>Hm. {maybe} this",
    "braces": "{" * 50_000 + "}" * 50_000,
    "fences": "```" * 50_000,
}


@pytest.mark.parametrize("text", HOSTILE_TEXTS.values(), ids=HOSTILE_TEXTS.keys())
async def test_a_text_that_no_honest_model_writes_is_a_declared_error_and_booked(text: str) -> None:
    async with answering(completion(text, usage={"prompt_tokens": 7, "completion_tokens": 8})) as writer:
        with pytest.raises(ModelTrouble) as caught:
            await writer.write(REQUEST)
    assert caught.value.spent == (7, 8) or caught.value.maybe_billed, "it was paid for, so it is booked"


HOSTILE_BODIES: dict[str, tuple[bytes, dict[str, str]]] = {
    "nested 200,000 deep": (b"[" * 200_000, {}),
    "a whole number of 5,000 digits": (b'{"choices": ' + b"9" * 5_000 + b"}", {}),
    "half a surrogate": (b'{"choices": [{"message": {"content": "\\ud83d"}}]}', {}),
    "not UTF-8": (b"\xff\xfe\x00", {}),
    "a list": (b"[1, 2]", {}),
    "nothing": (b"", {}),
    "5 MB": (b'{"x": "' + b"x" * 5_000_000 + b'"}', {}),
    "a bomb": (gzip.compress(b" " * 60_000_000), {"Content_Encoding": "gzip"}),
    "packed otherwise": (b"abc", {"Content_Encoding": "br"}),
    "an empty stream": (b"data: [DONE]\n\n", {}),
    "choices of another kind": (b'{"choices": {"0": 1}}', {}),
    "a message of another kind": (b'{"choices": [{"message": "hello"}]}', {}),
}


@pytest.mark.parametrize("case", HOSTILE_BODIES.values(), ids=HOSTILE_BODIES.keys())
async def test_a_body_that_is_no_completion_is_a_declared_error(case: tuple[bytes, dict[str, Any]]) -> None:
    async with answering(case[0], **case[1]) as writer:
        with pytest.raises(ModelTrouble):
            await writer.write(REQUEST)


async def test_an_answer_that_is_packed_unasked_is_read() -> None:
    body = gzip.compress(json.dumps(completion(json.dumps(WRITTEN))).encode())
    async with answering(body, Content_Encoding="gzip") as writer:
        assert (await writer.write(REQUEST)).data == WRITTEN


@pytest.mark.parametrize(
    ("status", "body", "error", "says"),
    [
        (402, {"error": {"message": "Insufficient credits"}}, ModelRefused, "quota"),
        (
            429,
            {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}},
            ModelRefused,
            "quota",
        ),
        (403, {"error": {"message": "Your credit balance is too low"}}, ModelRefused, "quota"),
        (425, {"error": {"message": "too early"}}, ModelTrouble, "HTTP 425"),
        (498, {"error": {"message": "flex capacity exceeded"}}, ModelTrouble, "HTTP 498"),
        (529, {"type": "error", "error": {"type": "overloaded_error"}}, ModelTrouble, "HTTP 529"),
        (
            400,
            {"error": {"code": "content_filter", "message": "management policy"}},
            ModelRefused,
            "content filter",
        ),
        (404, {"detail": "Not Found"}, ModelRefused, "model or path"),
        (302, {}, ModelRefused, "redirects"),
        (307, {}, ModelRefused, "redirects"),
        (200, {"error": {"message": "Rate limit exceeded", "code": 429}}, ModelTrouble, "rate limiting"),
        (200, {"error": {"message": "Provider returned error", "code": 502}}, ModelTrouble, "HTTP 502"),
        (200, {"error": "overloaded"}, ModelTrouble, "HTTP 500"),
        (200, {"error": {"code": 503, "message": "x"}, "choices": []}, ModelTrouble, "HTTP 503"),
        (
            200,
            {"choices": [{"finish_reason": "error", "error": {"code": 502, "message": "Provider died"}}]},
            ModelTrouble,
            "HTTP 502",
        ),
        (
            200,
            {
                "choices": [{"message": {"content": None}, "finish_reason": None}],
                "error": {"message": "rate limited", "code": "rate_limit_exceeded"},
            },
            ModelTrouble,
            "rate limiting",
        ),
    ],
)
async def test_what_an_answer_with_an_error_means(
    status: int, body: Any, error: type[Exception], says: str
) -> None:
    async with answering(body, status, Location="http://127.0.0.1:9/elsewhere") as writer:
        with pytest.raises(error) as caught:
            await writer.write(REQUEST)
    assert says in str(caught.value)


async def test_a_refusal_that_is_not_about_the_form_leaves_nothing_changed() -> None:
    async with answering({"error": {"message": "the request is too long for this model"}}, 400) as writer:
        with pytest.raises(ModelRefused):
            await writer.write(REQUEST)
        assert writer.described == "JSON by schema, nothing refused"


async def test_a_redirect_carries_nothing_elsewhere() -> None:
    reached: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        reached.append(await request.text())
        return web.json_response(completion(json.dumps(WRITTEN)))

    async with (
        serving("/v1/chat/completions", elsewhere) as other,
        answering({}, 307, Location=f"{other}/v1/chat/completions") as writer,
    ):
        with pytest.raises(ModelRefused):
            await writer.write(REQUEST)
    assert reached == []


@pytest.mark.parametrize("finish", ["length", "max_tokens", "MAX_TOKENS"])
async def test_an_answer_that_was_cut_off_says_so(finish: str) -> None:
    answer = completion('{"drafts": [{"par', finish, {"prompt_tokens": 7, "completion_tokens": 800})
    async with answering(answer) as writer:
        with pytest.raises(AnswerCutOff) as caught:
            await writer.write(REQUEST)
    assert caught.value.spent == (7, 800) and "800 tokens" in caught.value.what


@pytest.mark.parametrize(
    "answer",
    [
        completion("", "content_filter"),
        completion(None, "stop", refusal="I cannot."),
        completion("", "SAFETY"),
    ],
)
async def test_a_filtered_answer_is_a_refusal_that_is_booked(answer: dict[str, Any]) -> None:
    async with answering(answer) as writer:
        with pytest.raises(ModelRefused, match="content filter") as caught:
            await writer.write(REQUEST)
    assert caught.value.spent


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"retry-after": "7"}, "", 7),
        ({"retry-after-ms": "1500"}, "", 1.5),
        ({}, "Please try again in 39.2s. Visit …", 39.2),
        ({}, "try again in 1m2.5s", 62.5),
        ({}, "Please retry after 20 seconds.", 20),
        ({}, "Please wait 250ms", 0.25),
        ({}, '{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "39s"}', 39),
        ({"x-ratelimit-reset-requests": "6m0s", "x-ratelimit-remaining-requests": "0"}, "", 360),
        ({"x-ratelimit-reset-tokens": "90ms", "x-ratelimit-remaining-tokens": "100"}, "", None),
        ({"x-ratelimit-reset": "12"}, "", 12),
        ({}, "rate limit", None),
        ({}, '{"error": {"message": "slow down", "retry_after": 12.5}}', 12.5),
        ({"x-ratelimit-reset": "1760000030", "date": "Thu, 09 Oct 2025 08:53:20 GMT"}, "", 30),
        ({"x-ratelimit-reset": "1760000030000", "date": "Thu, 09 Oct 2025 08:53:20 GMT"}, "", 30),
        (
            {
                "anthropic-ratelimit-requests-reset": "2025-10-09T08:54:20Z",
                "anthropic-ratelimit-requests-remaining": "0",
                "date": "Thu, 09 Oct 2025 08:53:20 GMT",
            },
            "",
            60,
        ),
        ({"x-ratelimit-reset": "soon"}, "", None),
        ({"x-ratelimit-reset": "2020-01-01T00:00:00Z", "date": "Thu, 09 Oct 2025 08:53:20 GMT"}, "", None),
        ({"retry-after": "-1"}, "try again in 99999999999999999s", None),
    ],
)
def test_the_rest_that_an_endpoint_asks_for(
    headers: dict[str, str], body: str, seconds: float | None
) -> None:
    assert rest_of(headers, body) == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("pasted", "base", "query"),
    [
        ("https://api.example.com/v1", "https://api.example.com/v1", {}),
        ("https://api.example.com/v1/", "https://api.example.com/v1", {}),
        ("https://api.example.com/v1/chat/completions", "https://api.example.com/v1", {}),
        ("https://api.example.com/v1/responses/", "https://api.example.com/v1", {}),
        ("http://127.0.0.1:11434", "http://127.0.0.1:11434/v1", {}),
        ("http://127.0.0.1:1234/v1/models", "http://127.0.0.1:1234/v1", {}),
        ("https://api.groq.com", "https://api.groq.com/openai/v1", {}),
        ("https://api.groq.com/v1", "https://api.groq.com/openai/v1", {}),
        ("https://api.groq.com/openai/v1", "https://api.groq.com/openai/v1", {}),
        ("https://openrouter.ai/api/", "https://openrouter.ai/api/v1", {}),
        (
            "https://generativelanguage.googleapis.com/v1beta",
            "https://generativelanguage.googleapis.com/v1beta/openai",
            {},
        ),
        (
            "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
            "https://generativelanguage.googleapis.com/v1beta/openai",
            {},
        ),
        ("https://mine.openai.azure.com/", "https://mine.openai.azure.com/openai/v1", {}),
        ("https://api.anthropic.com", "https://api.anthropic.com/v1", {}),
        ("https://api.deepseek.com", "https://api.deepseek.com/v1", {}),
        ("https://gateway.example.com/some/path", "https://gateway.example.com/some/path", {}),
        (
            "https://mine.example.com/openai/deployments/d/chat/completions?api-version=2024-10-21",
            "https://mine.example.com/openai/deployments/d",
            {"api-version": "2024-10-21"},
        ),
    ],
)
def test_an_address_is_understood_as_it_was_pasted(pasted: str, base: str, query: dict[str, str]) -> None:
    assert address_of(pasted) == (base, query)
