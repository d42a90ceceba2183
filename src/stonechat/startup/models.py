"""The language models that write: those of the first endpoint, then the fallbacks, each behind a breaker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING

from stonechat.config.settings import ContentSettings
from stonechat.content.fallback import Guard, GuardedWriter
from stonechat.core.ports import Writer, WriteRequest, Written

if TYPE_CHECKING:
    from stonechat.content.openai_writer import OpenAIWriter

FIRST, FALLBACK = "model", "model/fallback"
"""Names of the endpoints' breakers."""

GuardOf = Callable[[str], Guard]
"""The breaker of an endpoint, by its name."""


@dataclass(frozen=True, slots=True)
class Models:
    """Who writes, in the order in which they are asked; and who gives a second opinion, if anybody."""

    writers: tuple[Writer, ...]
    judges: tuple[Writer, ...]


class _Endpoint:
    """An endpoint with one client, made at the first call: to load its SDK takes 16 MB and half a second."""

    def __init__(self, stack: AsyncExitStack, base_url: str, key: str, timeout: timedelta) -> None:
        self._stack = stack
        self._base_url = base_url
        self._key = key
        self._timeout = timeout
        self._first = asyncio.Lock()
        self._make: Callable[[str], OpenAIWriter] | None = None

    async def writer(self, model: str) -> OpenAIWriter:
        async with self._first:
            if self._make is None:
                sdk = await asyncio.to_thread(import_module, "stonechat.content.openai_writer")
                opened = sdk.open_client(self._base_url, self._key, self._timeout)
                client = await self._stack.enter_async_context(opened)
                self._make = lambda name: sdk.OpenAIWriter(client, name, self._timeout)
            return self._make(model)


@dataclass(frozen=True, slots=True)
class _Model:
    """One model of an endpoint: a :class:`Writer`."""

    endpoint: _Endpoint
    model: str

    async def write(self, request: WriteRequest) -> Written:
        return await (await self.endpoint.writer(self.model)).write(request)


@asynccontextmanager
async def open_models(own: ContentSettings, guard_of: GuardOf) -> AsyncIterator[Models]:
    """One client for each endpoint that is asked, closed at the end.

    The fallback models are asked at ``OPENAI_FALLBACK_BASE_URL`` where that is set: a provider that is
    down takes all its models with it.
    """
    key = own.api_key.get_secret_value() if own.api_key else ""
    async with AsyncExitStack() as stack:
        endpoint, first = _Endpoint(stack, own.base_url, key, own.call_timeout), guard_of(FIRST)
        other, fallback = endpoint, first
        if own.fallback_base_url:
            other_key = own.fallback_api_key.get_secret_value() if own.fallback_api_key else key
            other = _Endpoint(stack, own.fallback_base_url, other_key, own.call_timeout)
            fallback = guard_of(FALLBACK)
        endpoints = {own.model: (endpoint, first)}
        endpoints |= {name: (other, fallback) for name in own.fallback_models if name != own.model}
        writers = [GuardedWriter(_Model(at, model), guard) for model, (at, guard) in endpoints.items()]
        if own.fallback_base_url and own.model in own.fallback_models:  # the same model, elsewhere
            writers.append(GuardedWriter(_Model(other, own.model), fallback))
        judges = [GuardedWriter(_Model(endpoint, own.judge_model), first)] if own.judge_model else []
        yield Models(tuple(writers), tuple(judges))
