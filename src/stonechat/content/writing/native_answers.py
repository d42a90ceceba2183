"""Answers of providers' own protocols in one form each, with only what we read and nothing doubtful."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from stonechat.content.writing.completions import MOST_TOKENS, read_answer

_STOPS = frozenset({"end_turn", "max_tokens", "stop_sequence", "refusal"})
_FINISHES = frozenset(
    {"STOP", "MAX_TOKENS", "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII"}
)


def clean_message(status: int, content_type: str, body: bytes) -> tuple[int, bytes]:
    """An answer of Anthropic's ``/v1/messages``; any bytes at all are taken."""
    status, answer = read_answer(status, content_type, body)
    if status >= 400:
        return status, json.dumps(answer, default=str).encode()
    if answer.get("type") == "error" or "content" not in answer:
        return 500, json.dumps({"error": answer.get("error") or "an answer without content"}).encode()
    stop, usage = answer.get("stop_reason"), _mapping(answer.get("usage"))
    read = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    prompt, written = _sum(usage, *read), _sum(usage, "output_tokens")
    clean = {
        "id": "answer",
        "type": "message",
        "role": "assistant",
        "model": "unnamed",
        "content": [{"type": "text", "text": _texts(answer.get("content"))}],
        "stop_reason": stop if stop in _STOPS else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": prompt, "output_tokens": written} if prompt and written else _NOTHING,
    }
    return 200, json.dumps(clean).encode()


_NOTHING = {"input_tokens": 0, "output_tokens": 0}


def clean_gemini(status: int, content_type: str, body: bytes) -> tuple[int, bytes]:
    """An answer of Gemini's ``:generateContent``; any bytes at all are taken."""
    status, answer = read_answer(status, content_type, body)
    if status >= 400:
        return status, json.dumps(answer, default=str).encode()
    listed = answer.get("candidates")
    candidate = _mapping(listed[0]) if isinstance(listed, list) and listed else {}
    blocked = _mapping(answer.get("promptFeedback")).get("blockReason")
    if not candidate and not blocked:
        return 500, json.dumps({"error": answer.get("error") or "an answer without candidates"}).encode()
    usage = _mapping(answer.get("usageMetadata"))
    prompt = _sum(usage, "promptTokenCount")
    written = _sum(usage, "candidatesTokenCount", "thoughtsTokenCount")
    finish = "SAFETY" if blocked else candidate.get("finishReason")
    text = _texts(_mapping(candidate.get("content")).get("parts"))
    clean = {
        "candidates": [
            {
                "content": {"role": "model", "parts": [{"text": text}]},
                "finishReason": finish if finish in _FINISHES else "STOP",
            }
        ],
        "modelVersion": "unnamed",
    }
    if prompt and written:
        clean["usageMetadata"] = {  # type: ignore[assignment]
            "promptTokenCount": prompt,
            "candidatesTokenCount": written,
            "totalTokenCount": prompt + written,
        }
    return 200, json.dumps(clean).encode()


def _texts(parts: Any) -> str:
    """What was written, without the model's thoughts."""
    blocks = [one for one in parts if isinstance(one, dict)] if isinstance(parts, list) else []
    said = [one.get("text") for one in blocks if one.get("type", "text") == "text" and not one.get("thought")]
    return "".join(one for one in said if isinstance(one, str))


def _sum(usage: Mapping[str, Any], *names: str) -> int:
    """The sum of credible counts; 0 where one of them is none."""
    told = [value for name in names if (value := usage.get(name)) is not None]
    credible = all(isinstance(one, int) and not isinstance(one, bool) and one >= 0 for one in told)
    total = sum(told) if credible else 0
    return total if total <= MOST_TOKENS else 0


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
