"""Answers of model endpoints in one form: OpenAI's chat completion, with only what we read and nothing
doubtful.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from stonechat.core.safe_json import UnsafeJson, safe_json

MOST_TOKENS = 10_000_000
"""More than any model reads or writes in one call; what is said beyond it is not believed."""

_CUT_OFF = frozenset({"length", "max_tokens", "max_output_tokens", "model_length"})
_FILTERED = frozenset(
    {
        "content_filter",
        "safety",
        "recitation",
        "blocklist",
        "prohibited_content",
        "spii",
        "refusal",
        "content_filtered",
    }
)
_UNREADABLE = "the endpoint answered a web page or text where JSON was expected"


def clean_answer(status: int, content_type: str, body: bytes) -> tuple[int, bytes]:
    """Status and body as the model library should see them; any bytes at all are taken.

    * a redirect, a page and JSON that nobody honest writes become errors with a sentence of ours;
    * an error inside a 200 gets the status it names, or 500;
    * a stream of events is put together; plain text that is JSON is read as JSON;
    * usage that is odd (negative, huge, no whole number) is left out, so that an estimate is booked.
    """
    status, answer = read_answer(status, content_type, body)
    if status >= 400:
        return status, json.dumps(answer, default=str).encode()
    error = answer.get("error") or _first(answer.get("choices")).get("error")  # OpenRouter: in the choice
    if error and not _said(answer):
        return _status_of(error), json.dumps({"error": error}).encode()
    return 200, json.dumps(_completion(answer)).encode()


def read_answer(status: int, content_type: str, body: bytes) -> tuple[int, Mapping[str, Any]]:
    """Status and object of an answer; a status from 400 on where it is none that could be used."""
    if 300 <= status < 400:
        return 421, _error(
            "the endpoint redirects elsewhere, which is not followed: it would carry text away"
        )
    try:
        answer = _parsed(content_type, body)
    except UnsafeJson as exc:
        why = exc.what if body.lstrip()[:1] in (b"{", b"[") else _UNREADABLE
        return (502, _error(f"unreadable answer: {why}")) if status < 400 else (status, _error(_told(body)))
    if isinstance(answer, list) and len(answer) == 1:  # Gemini wraps its errors so
        answer = answer[0]
    if not isinstance(answer, dict):
        return max(status, 502), _error("unreadable answer: JSON, but no completion")
    return status, answer


def _said(answer: Mapping[str, Any]) -> str:
    """What the model wrote, where it wrote anything."""
    message = _first(answer.get("choices")).get("message")
    return _text(message.get("content")).strip() if isinstance(message, dict) else ""


def too_long(most: int) -> tuple[int, bytes]:
    """What an answer beyond all bounds is turned into."""
    return 502, json.dumps(_error(f"unreadable answer: longer than {most} bytes")).encode()


def _parsed(content_type: str, body: bytes) -> Any:
    if "event-stream" in content_type or body.lstrip().startswith((b"data:", b"event:", b": ")):
        return _joined([safe_json(one) for one in _events(body)])
    return safe_json(body)


def _events(body: bytes) -> Iterator[bytes]:
    for line in body.splitlines():
        data = line.removeprefix(b"data:").strip()
        if line.startswith(b"data:") and data and data != b"[DONE]":
            yield data


def _joined(events: list[Any]) -> dict[str, Any]:
    """One completion from the pieces of a stream."""
    if not events:
        raise UnsafeJson("it is an empty stream.")
    whole: dict[str, Any] = {}
    text, reason = "", None
    for event in (one for one in events if isinstance(one, dict)):
        whole |= {key: value for key, value in event.items() if value is not None and key != "choices"}
        choice = _first(event.get("choices"))
        piece = choice.get("delta") or choice.get("message") or {}
        text += _text(piece.get("content")) if isinstance(piece, dict) else ""
        reason = choice.get("finish_reason") or reason
    if "error" in whole and not text:
        return whole
    return whole | {"choices": [{"message": {"content": text}, "finish_reason": reason}]}


def _completion(answer: Mapping[str, Any]) -> dict[str, Any]:
    choice = _first(answer.get("choices"))
    message = choice.get("message")
    message = message if isinstance(message, dict) else {"content": choice.get("text")}
    refusal = message.get("refusal")
    clean: dict[str, Any] = {
        "id": "answer",
        "object": "chat.completion",
        "created": 1,
        "model": answer["model"] if isinstance(answer.get("model"), str) else "unnamed",
        "choices": [
            {
                "index": 0,
                "finish_reason": _reason(choice.get("finish_reason")),
                "message": {
                    "role": "assistant",
                    "content": _text(message.get("content")),
                    "refusal": refusal if isinstance(refusal, str) and refusal else None,
                },
            }
        ],
    }
    usage = _usage(answer.get("usage"))
    return clean | ({"usage": usage} if usage else {})


def _first(choices: Any) -> Mapping[str, Any]:
    found = choices[0] if isinstance(choices, list) and choices else {}
    return found if isinstance(found, dict) else {}


def _text(content: Any) -> str:
    """A string, or a list of parts of which those of type text count."""
    if isinstance(content, list):
        parts = [one.get("text", "") if isinstance(one, dict) else one for one in content]
        return "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""


def _reason(given: Any) -> str:
    said = str(given or "stop").lower()
    return "length" if said in _CUT_OFF else "content_filter" if said in _FILTERED else "stop"


def _usage(given: Any) -> dict[str, int] | None:
    if not isinstance(given, dict):
        return None
    prompt = given.get("prompt_tokens", given.get("input_tokens"))
    written = given.get("completion_tokens", given.get("output_tokens"))
    if prompt is None or written is None or not (_tokens(prompt) and _tokens(written)):
        return None
    return {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written}


def _tokens(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_TOKENS


def _status_of(error: Any) -> int:
    """The status that an error inside a 200 stands for."""
    given = (error.get("code"), error.get("status")) if isinstance(error, dict) else ()
    for value in map(str, given):
        if value.isdecimal() and len(value) == 3 and "400" <= value <= "599":
            return int(value)
    said = json.dumps(error).lower()
    return 429 if "rate limit" in said or "rate_limit" in said else 500


def _told(body: bytes) -> str:
    return " ".join(body[:300].decode("utf-8", "replace").split()) or "no text"


def _error(message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "stonechat", "code": None}}
