"""An OpenAI-compatible endpoint on loopback whose faults a test chooses, call by call."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

_OPENINGS = (
    "A slow {n} can wait until the kettle has boiled.",
    "Most evenings are lost between the {n} and the sofa.",
    "Put the {n} where you will trip over it tomorrow.",
    "The neighbour waters the {n} before anybody is awake.",
    "Rain on the {n} is a good enough reason to sit still.",
    "Nobody ever regretted leaving the {n} at home.",
    "There is a quiet corner behind every {n}.",
    "Try carrying one {n} fewer than you think you need.",
    "When the {n} creaks, it is time to open a window.",
    "An unread {n} is still better than a late message.",
)
_MIDDLES = (
    "Ten minutes of that changed how the {n} felt by noon.",
    "Write it on paper and let the {n} do the remembering.",
    "Your shoulders notice long before the {n} does.",
    "Small enough to do badly, useful enough to repeat beside a {n}.",
    "Half of it is light, the other half is a plain {n}.",
    "Leave the second {n} for somebody who asks.",
    "It works on buses, in kitchens and under a borrowed {n}.",
    "The trick is to stop while the {n} is still warm.",
)
_NOUNS = (
    "lamp notebook staircase garden pillow orchard bicycle kettle jacket ladder basket harbour violin compass "
    "blanket letter bench cupboard river pencil mirror candle bridge apron drawer curtain teapot shovel ribbon "
    "market pocket saddle anchor barrel feather hammer island jungle lantern meadow needle oven parcel quilt"
).split()

Answer = Callable[[str, str, random.Random], str]
"""``(system, prompt, rng) -> text of the answer``."""


@dataclass(slots=True)
class ModelEndpoint:
    """What the endpoint does and has seen.

    Attributes:
        faults: the next calls' faults, first come first served: an HTTP status, ``html``, ``garbage``,
            ``fields``, ``hang``, ``drip`` or ``429:<seconds>``.
        always: the fault of every call while it is set.
        calls: ``(model, system, prompt)`` of every call.
        room: tokens that an answer needs; with a lower ceiling it is cut off.
    """

    url: str = ""
    faults: deque[str] = field(default_factory=deque)
    always: str = ""
    dead_models: set[str] = field(default_factory=set)
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    answer: Answer | None = None
    usage: bool = True
    room: int = 0
    rng: random.Random = field(default_factory=lambda: random.Random(7))
    release: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        said = [(message["role"], message["content"]) for message in body["messages"]]
        system, prompt = next(text for _, text in said), next(text for _, text in reversed(said))
        self.calls.append((body["model"], system, prompt))
        fault = self.always or (self.faults.popleft() if self.faults else "")
        if body["model"] in self.dead_models:
            fault = "503"
        if fault:
            return await self._fail(request, fault)
        write = self.answer or ordinary
        ceiling = body.get("max_completion_tokens") or body.get("max_tokens") or self.room
        if ceiling < self.room:
            return web.json_response(self._completion(body["model"], prompt, '{"drafts": [', "length"))
        return web.json_response(self._completion(body["model"], prompt, write(system, prompt, self.rng)))

    def _completion(self, model: str, prompt: str, text: str, finish: str = "stop") -> dict[str, Any]:
        used = {"prompt_tokens": len(prompt) // 4, "completion_tokens": len(text) // 4}
        return {
            "id": f"chatcmpl-{len(self.calls)}",
            "object": "chat.completion",
            "created": 1,
            "model": model,
            "choices": [
                {
                    "index": 0,
                    "finish_reason": finish,
                    "message": {"role": "assistant", "content": text, "refusal": None},
                    "logprobs": None,
                }
            ],
            "usage": {**used, "total_tokens": sum(used.values())} if self.usage else None,
        }

    async def _fail(self, request: web.Request, fault: str) -> web.StreamResponse:
        if fault == "html":
            return web.Response(text="<html><body>Welcome</body></html>", content_type="text/html")
        if fault == "garbage":
            return web.json_response(self._completion("m", "", "Sure! Here is a post about sleep."))
        if fault == "fields":
            return web.json_response(self._completion("m", "", json.dumps({"posts": ["x"]})))
        if fault == "cut":
            return web.Response(text='{"id": "chatcmpl-1", "choi', content_type="application/json")
        if fault == "hang":
            await self.release.wait()
            return web.Response(status=503)
        if fault == "drip":
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            await response.prepare(request)
            while not self.release.is_set():
                await response.write(b" ")
                await asyncio.sleep(0.02)
            return response
        status, _, wait = fault.partition(":")
        headers = {"Retry-After": wait} if wait else {}
        code = "insufficient_quota" if status == "402" else "fault"
        error = {"error": {"message": "made to fail", "type": "fault", "code": code}}
        return web.json_response(error, status=429 if status == "402" else int(status), headers=headers)


def ordinary(system: str, prompt: str, rng: random.Random) -> str:
    """As many drafts as asked for, each of its own."""
    drafts, parts = (int(setting(prompt, name) or 1) for name in ("drafts", "parts"))
    return json.dumps({"drafts": [{"parts": [sentence(rng) for _ in range(parts)]} for _ in range(drafts)]})


def sentence(rng: random.Random) -> str:
    """A harmless post that nobody has written before."""
    return " ".join(
        rng.choice(group).format(n=" ".join(rng.sample(_NOUNS, 2)))
        for group in rng.sample((_OPENINGS, _MIDDLES, _MIDDLES), 2)
    )


def setting(prompt: str, key: str) -> str:
    """The value of a line ``key: value`` of a prompt, up to a bracket."""
    match = re.search(rf"^{key}: ([^(\n]*)", prompt, re.MULTILINE)
    return match[1].strip() if match else ""


@asynccontextmanager
async def model_endpoint() -> AsyncIterator[ModelEndpoint]:
    """Serve on a free port of 127.0.0.1."""
    endpoint = ModelEndpoint()
    application = web.Application()
    application.router.add_post("/v1/chat/completions", endpoint.serve)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    endpoint.url = f"http://{host}:{port}/v1"
    try:
        yield endpoint
    finally:
        endpoint.release.set()
        await runner.cleanup()
