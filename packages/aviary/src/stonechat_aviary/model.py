"""A language model's endpoint in the shape of OpenAI's: it writes what the prompt asks for.

``POST chat/completions`` and ``POST responses`` with structured output by JSON schema, ``GET models``;
usage is counted; any bearer key but ``bad`` is accepted. Its levers are ``levers.ModelLevers``.
"""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from stonechat_aviary.faults import disturb_model
from stonechat_aviary.filling import Filler
from stonechat_aviary.levers import Panel, take
from stonechat_aviary.ordering import injected, read_order
from stonechat_aviary.world import World
from stonechat_aviary.writing import Author, Draft

MODELS = ("aviary-writer", "aviary-writer-small", "gpt-4o-mini")
_CHATTER = "Sure! Here are some ideas for your posts. Let me know if you would like more."
_BAD_KEY = "bad"


class ModelEndpoint:
    """The handlers of the model endpoint."""

    def __init__(self, world: World, panel: Panel, author: Author) -> None:
        self._world = world
        self._panel = panel
        self._author = author
        self._count = 0
        self.tokens = 0

    def routes(self) -> list[web.RouteDef]:
        """All routes, under ``/model/v1``."""
        return [
            web.get("/model/v1/models", self.models),
            web.get("/model/v1/models/{name}", self.models),
            web.post("/model/v1/chat/completions", self.chat),
            web.post("/model/v1/responses", self.responses),
        ]

    async def models(self, request: web.Request) -> web.Response:
        """The models that may be asked for (any other name is served too)."""
        if refusal := _unauthorised(request):
            return refusal
        rows = [_model(name) for name in MODELS]
        name = request.match_info.get("name")
        return web.json_response(_model(name) if name else {"object": "list", "data": rows})

    async def chat(self, request: web.Request) -> web.Response:
        """``/chat/completions``."""
        body, refusal = await self._admit(request)
        if body is None:
            return refusal
        texts = [_content(message.get("content")) for message in body.get("messages", [])]
        system = "\n".join(
            _content(m.get("content"))
            for m in body.get("messages", [])
            if m.get("role") in {"system", "developer"}
        )
        user = "\n".join(
            _content(m.get("content")) for m in body.get("messages", []) if m.get("role") == "user"
        )
        wanted = body.get("response_format") or {}
        schema = (wanted.get("json_schema") or {}).get("schema")
        answer = self._answer(system, user, schema, wanted.get("type") == "json_object")
        spent, written = _tokens("".join(texts)), _tokens(answer)
        self.tokens += spent + written
        return web.json_response(
            {
                "id": f"chatcmpl-{self._count:08d}",
                "object": "chat.completion",
                "created": int(self._world.clock.real()),
                "model": body.get("model", MODELS[0]),
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": answer, "refusal": None},
                        "logprobs": None,
                        "finish_reason": "stop",
                    }
                ],
                "usage": {
                    "prompt_tokens": spent, "completion_tokens": written, "total_tokens": spent + written,
                },
            }
        )  # fmt: skip

    async def responses(self, request: web.Request) -> web.Response:
        """``/responses``: the same in the newer shape."""
        body, refusal = await self._admit(request)
        if body is None:
            return refusal
        given = body.get("input", "")
        user = given if isinstance(given, str) else "\n".join(_content(m.get("content")) for m in given)
        wanted = (body.get("text") or {}).get("format") or {}
        answer = self._answer(str(body.get("instructions") or ""), user, wanted.get("schema"), False)
        spent, written = _tokens(user), _tokens(answer)
        self.tokens += spent + written
        part = {"type": "output_text", "text": answer, "annotations": []}
        message = {
            "id": f"msg_{self._count:08d}", "type": "message", "role": "assistant", "status": "completed",
            "content": [part],
        }  # fmt: skip
        return web.json_response(
            {
                "id": f"resp_{self._count:08d}",
                "object": "response",
                "created_at": int(self._world.clock.real()),
                "status": "completed",
                "error": None,
                "incomplete_details": None,
                "instructions": body.get("instructions"),
                "metadata": {},
                "model": body.get("model", MODELS[0]),
                "output": [message],
                "parallel_tool_calls": False,
                "temperature": 1.0,
                "tool_choice": "none",
                "tools": [],
                "top_p": 1.0,
                "usage": {
                    "input_tokens": spent,
                    "input_tokens_details": {"cached_tokens": 0},
                    "output_tokens": written,
                    "output_tokens_details": {"reasoning_tokens": 0},
                    "total_tokens": spent + written,
                },
            }
        )

    async def _admit(self, request: web.Request) -> tuple[dict[str, Any] | None, web.Response]:
        """The request's body, or the answer that turns it away (the other one means nothing)."""
        if refusal := _unauthorised(request):
            return None, refusal
        disturbed = await disturb_model(self._panel.everybody.model, request)
        if disturbed is not None:
            return None, disturbed
        try:
            body = await request.json()
        except json.JSONDecodeError:
            body = None
        if not isinstance(body, dict) or body.get("stream"):
            return None, _problem("Send a JSON object; streaming is not offered here.", 400)
        self._count += 1
        return body, web.Response()

    def _answer(self, system: str, user: str, schema: dict[str, Any] | None, json_wanted: bool) -> str:
        levers = self._panel.everybody.model
        if take(levers, "bad_content"):
            return _CHATTER
        order = read_order(user)
        drafts = self._author.write(order)
        hostile = injected(order.foreign or user, system) if levers.obey_injection else None
        if hostile:
            drafts = [Draft((hostile,), draft.topic, draft.hook, draft.format) for draft in drafts]
        if schema:
            return json.dumps(Filler(schema, order, drafts).fill(), ensure_ascii=False)
        if json_wanted or "json" in user.lower():
            return json.dumps({"drafts": [{"parts": list(d.parts)} for d in drafts]}, ensure_ascii=False)
        return "\n\n---\n\n".join(draft.text for draft in drafts)


def _unauthorised(request: web.Request) -> web.Response | None:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key.strip() and key.strip() != _BAD_KEY:
        return None
    return _problem("Incorrect API key provided.", 401, code="invalid_api_key")


def _problem(message: str, status: int, code: str | None = None) -> web.Response:
    body = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}
    return web.json_response(body, status=status)


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "aviary"}


def _content(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content or "")


def _tokens(text: str) -> int:
    """About as many tokens as a real tokeniser counts in English: four characters each."""
    return max(1, len(text) // 4)
