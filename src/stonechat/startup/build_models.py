"""The language models that write: those of the first endpoint, then the fallbacks, each behind a breaker."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from stonechat.config.settings import ContentSettings
from stonechat.content.writing.endpoint_client import open_client
from stonechat.content.writing.fallback import Guard, GuardedWriter
from stonechat.content.writing.model_writer import ModelWriter
from stonechat.core.ports import Writer
from stonechat.resilience import Guarded, breaker_name

FIRST, FALLBACK = breaker_name(Guarded.MODEL), breaker_name(Guarded.MODEL, "fallback")
"""Names of the endpoints' breakers."""

NO_JUDGE = "off"
"""The value of ``JUDGE_MODEL`` with which nobody gives a second opinion."""

GuardOf = Callable[[str], Guard]
"""The breaker of an endpoint, by its name."""


@dataclass(frozen=True, slots=True)
class Models:
    """Who writes, in the order in which they are asked; and who gives a second opinion, if anybody."""

    writers: tuple[Writer, ...]
    judges: tuple[Writer, ...]


@asynccontextmanager
async def open_models(own: ContentSettings, guard_of: GuardOf) -> AsyncIterator[Models]:
    """One client for each endpoint, closed at the end.

    The fallback models are asked at ``OPENAI_FALLBACK_BASE_URL`` where that is set: a provider that is
    down takes all its models with it.
    """
    key = own.api_key.get_secret_value() if own.api_key else ""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(open_client(own.base_url, key, own.call_timeout))
        first = guard_of(FIRST)
        other, fallback = client, first
        if own.fallback_base_url:
            # a key is for the provider that gave it: the first one's is never sent to another host
            other_key = own.fallback_api_key.get_secret_value() if own.fallback_api_key else ""
            opened = open_client(own.fallback_base_url, other_key, own.call_timeout)
            other, fallback = await stack.enter_async_context(opened), guard_of(FALLBACK)
        endpoints = {own.model: (client, first)}
        endpoints |= {name: (other, fallback) for name in own.fallback_models if name != own.model}
        writers = [
            GuardedWriter(ModelWriter(at, model, own.call_timeout), guard)
            for model, (at, guard) in endpoints.items()
        ]
        if own.fallback_base_url and own.model in own.fallback_models:  # the same model, elsewhere
            writers.append(GuardedWriter(ModelWriter(other, own.model, own.call_timeout), fallback))
        judge = own.judge_model or own.model
        judges = (
            [GuardedWriter(ModelWriter(client, judge, own.call_timeout), first)]
            if judge.casefold() != NO_JUDGE
            else []
        )
        yield Models(tuple(writers), tuple(judges))
