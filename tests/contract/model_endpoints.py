"""How ten kinds of endpoints answer and refuse, in the shapes that they document or are known for.

Each is what one endpoint does with a chat completion: which requests it refuses and how, and what its answer looks
like. ``TEXT`` in a shape is replaced by what the model wrote.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A status and body with which a request is refused."""

    when: Callable[[Body], bool]
    status: int
    body: Any


@dataclass(frozen=True, slots=True)
class Shape:
    """One endpoint.

    Attributes:
        answer: the completion, ``TEXT`` standing for what the model wrote.
        wraps: what the model puts around its JSON.
        refusals: tried in order.
        path: under which the endpoint serves chat completions.
        base: what an owner writes into OPENAI_BASE_URL, ``HOST`` standing for the host.
        counted: prompt and completion tokens that the answer tells; None where it tells none.
    """

    answer: Any
    wraps: Callable[[str], str] = str
    refusals: tuple[Refusal, ...] = ()
    content_type: str = "application/json"
    path: str = "/v1/chat/completions"
    base: str = "HOST/v1"
    counted: tuple[int, int] | None = (21, 9)
    encode: Callable[[Any], bytes] = field(default=lambda value: json.dumps(value).encode())


def _completion(content: Any = "TEXT", **more: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1760000000,
        "model": "served-model",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 21, "completion_tokens": 9, "total_tokens": 30},
    } | more


def _schema(body: Body) -> bool:
    return (body.get("response_format") or {}).get("type") == "json_schema"


def _json_mode(body: Body) -> bool:
    return (body.get("response_format") or {}).get("type") == "json_object"


def _openai_error(message: str, param: str, code: str = "unsupported_parameter") -> Any:
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


def _sse(value: Any) -> bytes:
    text = value["choices"][0]["message"]["content"]
    pieces = [text[at : at + 7] for at in range(0, len(text), 7)]
    events = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces]
    events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": value["usage"]})
    return b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in events) + b"data: [DONE]\n\n"


SHAPES: dict[str, Shape] = {
    "OpenAI, a reasoning model": Shape(
        _completion(service_tier="default", system_fingerprint=None),
        refusals=(
            Refusal(
                lambda body: body.get("temperature") is not None,
                400,
                _openai_error(
                    "Unsupported value: 'temperature' does not support 1.0 with this model. Only the default (1) "
                    "value is supported.",
                    "temperature",
                    "unsupported_value",
                ),
            ),
            Refusal(
                lambda body: "max_tokens" in body,
                400,
                _openai_error(
                    "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
                    "'max_completion_tokens' instead.",
                    "max_tokens",
                ),
            ),
        ),
    ),
    "Ollama": Shape(
        _completion(created=1, system_fingerprint="fp_ollama"),
        wraps=lambda text: f"<think>\nThe user wants {{drafts}} about tea.\n</think>\n\n{text}",
    ),
    "LM Studio": Shape(
        _completion(stats={}),
        wraps=lambda text: f"\ufeff```json\n{text}\n```",
        refusals=(
            Refusal(_json_mode, 400, {"error": "'response_format.type' must be 'json_schema' or 'text'"}),
        ),
    ),
    "vLLM": Shape(
        _completion(prompt_logprobs=None, kv_transfer_params=None),
        refusals=(
            Refusal(
                lambda body: any(one["role"] == "system" for one in body["messages"]),
                400,
                {
                    "object": "error",
                    "message": "System role not supported",
                    "type": "BadRequestError",
                    "code": 400,
                },
            ),
        ),
    ),
    "OpenRouter": Shape(
        _completion(
            provider="Somebody", usage={"prompt_tokens": 21, "completion_tokens": 9, "cost": 0.00003}
        ),
        refusals=(
            Refusal(
                _schema,
                404,
                {
                    "error": {
                        "message": "No endpoints found that can handle the requested parameters.",
                        "code": 404,
                    }
                },
            ),
        ),
        path="/api/v1/chat/completions",
        base="HOST/api/v1",
    ),
    "Groq": Shape(
        _completion(x_groq={"id": "req_1"}, usage_breakdown=None),
        refusals=(
            Refusal(
                _schema,
                400,
                _openai_error(
                    "This model does not support response format `json_schema`.", "response_format", ""
                ),
            ),
        ),
        path="/openai/v1/chat/completions",
        base="HOST/openai/v1",
    ),
    "Mistral": Shape(
        _completion([{"type": "thinking", "thinking": []}, {"type": "text", "text": "TEXT"}]),
        refusals=(
            Refusal(
                lambda body: "max_completion_tokens" in body,
                422,
                {
                    "detail": [
                        {
                            "type": "extra_forbidden",
                            "loc": ["body", "max_completion_tokens"],
                            "msg": "Extra inputs are not permitted",
                        }
                    ]
                },
            ),
        ),
    ),
    "DeepSeek": Shape(
        _completion(),
        wraps=lambda text: f"Here is the JSON that you asked for:\n\n{text}\n\nLet me know if it helps!",
        refusals=(
            Refusal(
                _schema,
                400,
                _openai_error("This response_format type is unavailable now", "", "invalid_request_error"),
            ),
        ),
        path="/chat/completions",
        base="HOST/chat/completions",
    ),
    "Azure": Shape(
        _completion(prompt_filter_results=[{"prompt_index": 0, "content_filter_results": {}}]),
        path="/openai/deployments/mine/chat/completions",
        base="HOST/openai/deployments/mine?api-version=2024-10-21",
    ),
    "Gemini": Shape(
        _completion(),
        refusals=(
            Refusal(
                lambda body: _schema(body) and "additionalProperties" in json.dumps(body),
                400,
                [
                    {
                        "error": {
                            "code": 400,
                            "message": 'Invalid JSON payload received. Unknown name "additionalProperties"',
                            "status": "INVALID_ARGUMENT",
                        }
                    }
                ],
            ),
        ),
        path="/v1beta/openai/chat/completions",
        base="HOST/v1beta/openai/",
    ),
    "Anthropic": Shape(
        _completion(usage={"prompt_tokens": 21, "completion_tokens": 9, "prompt_tokens_details": None}),
        refusals=(
            Refusal(
                lambda body: body.get("response_format") is not None,
                400,
                {
                    "error": {
                        "code": "invalid_request_error",
                        "message": "response_format: Extra inputs are not permitted",
                        "type": "invalid_request_error",
                    }
                },
            ),
        ),
    ),
    "a gateway that streams unasked": Shape(_completion(), content_type="text/event-stream", encode=_sse),
    "a proxy that says text/plain": Shape(_completion(), content_type="text/plain; charset=utf-8"),
    "a server that tells no usage": Shape(_completion(usage=None), counted=None),
}
