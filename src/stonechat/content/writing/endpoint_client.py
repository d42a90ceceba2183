"""One client for a model endpoint, for all of its models: connected at the first question, closed at the end.

The libraries behind it take two seconds and 60 MB to load. Commands that open everything and ask no model do
not pay for them; loading happens beside the event loop.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit, urlunsplit

if TYPE_CHECKING:
    from stonechat.content.writing.model_library import Connection

_PASTED = ("/chat/completions", "/completions", "/responses", "/messages", "/models")
_BASES = {
    "api.groq.com": "/openai/v1",
    "openrouter.ai": "/api/v1",
    "generativelanguage.googleapis.com": "/v1beta/openai",
    "api.fireworks.ai": "/inference/v1",
    "api.cohere.ai": "/compatibility/v1",
    "api.cohere.com": "/compatibility/v1",
    ".openai.azure.com": "/openai/v1",
    ".services.ai.azure.com": "/openai/v1",
}
"""Hosts that do not speak this protocol at ``/v1``, where their documentation says that they do."""

PROVIDERS = {
    "anthropic": "https://api.anthropic.com",
    "google": "https://generativelanguage.googleapis.com",
    "azure": "",
}
"""Providers that are asked by their own protocol where a model is named by them, and where they are."""

AZURE_VERSION = "2024-10-21"
"""Azure's stable version, where the address names none."""

_OWN_PATHS = ("/openai/v1", "/v1beta/openai", "/v1beta", "/v1")

_LIBRARY = "stonechat.content.writing.model_library"


class EndpointClient:
    """A client for one endpoint; it connects when it is first asked."""

    def __init__(self, base_url: str, api_key: str, patience: timedelta) -> None:
        self._base, self._query = address_of(base_url)
        self._key = api_key
        self._patience = patience
        self._connecting = asyncio.Lock()
        self._connection: Connection | None = None

    async def connection(self, model: str = "") -> Connection:
        """The open connection pool, with what is needed to ask ``model`` loaded."""
        async with self._connecting:
            if self._connection is None:
                library = await asyncio.to_thread(importlib.import_module, _LIBRARY)
                self._connection = library.Connection(self._base, self._query, self._key, self._patience)
            await asyncio.to_thread(self._connection.load, model)
            return self._connection

    async def close(self) -> None:
        """Close what was opened."""
        if self._connection is not None:
            await self._connection.close()


@asynccontextmanager
async def open_client(base_url: str, api_key: str, patience: timedelta) -> AsyncIterator[EndpointClient]:
    """A client for all models of an endpoint, closed at the end. It never retries by itself."""
    client = EndpointClient(base_url, api_key, patience)
    try:
        yield client
    finally:
        await client.close()


def address_of(pasted: str) -> tuple[str, dict[str, str]]:
    """The base address and the query that an owner's ``OPENAI_BASE_URL`` means.

    Understood are the path of a call pasted whole (``…/v1/chat/completions``), a query (Azure's
    ``?api-version=…``) and a bare host, which gets ``/v1``, or what its provider has in that place.
    """
    parts = urlsplit(pasted.strip())
    path = parts.path.rstrip("/") or "/v1"
    for end in _PASTED:
        path = path.removesuffix(end).rstrip("/")
    own = next((base for end, base in _BASES.items() if (parts.hostname or "").endswith(end)), None)
    if own is not None and (own.startswith(path) or path == "/v1"):  # nothing, or the beginning of it
        path = own
    return urlunsplit((parts.scheme, parts.netloc, path, "", "")), dict(parse_qsl(parts.query))


def named_provider(model: str) -> tuple[str, str]:
    """Provider and name of a model such as ``anthropic:claude-haiku-5-5``; no provider for any other name."""
    provider, _, name = model.partition(":")
    return (provider, name) if provider in PROVIDERS and name else ("", model)


def provider_root(provider: str, base: str) -> str:
    """Where a provider's own protocol begins, by the base address that :func:`address_of` has understood.

    The address of OpenAI, which is the default, names no other provider.
    """
    parts = urlsplit(base)
    if parts.hostname == "api.openai.com" and PROVIDERS[provider]:
        return PROVIDERS[provider]
    path = parts.path.partition("/openai/deployments/")[0]
    for end in _OWN_PATHS:
        path = path.removesuffix(end)
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))
