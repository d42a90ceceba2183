"""Models that an owner names by their provider (``anthropic:…``, ``google:…``, ``azure:…``).

They are asked by that provider's own protocol instead of OpenAI's chat completions. Each provider's
library is loaded at the first question to it.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from typing import Any

import httpx2
from openai import AsyncAzureOpenAI
from pydantic_ai.models import Model
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.profiles import ModelProfile, merge_profile
from pydantic_ai.providers.azure import AzureProvider

from stonechat.content.writing.clean_transport import CleanTransport
from stonechat.content.writing.completions import clean_answer
from stonechat.content.writing.endpoint_client import AZURE_VERSION
from stonechat.content.writing.native_answers import clean_gemini, clean_message

EXTRAS = {"anthropic": "anthropic", "google": "google.genai"}
"""Packages that come with an extra of the same name as the provider."""

_CLEANING = {"anthropic": clean_message, "google": clean_gemini, "azure": clean_answer}


def is_installed(provider: str) -> bool:
    """Whether this installation can ask that provider."""
    package = EXTRAS.get(provider)
    if package is None:
        return True
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # not even the package above it
        return False


def load_provider(provider: str) -> None:
    """Load what asking that provider needs, where it is installed."""
    if provider in EXTRAS and is_installed(provider):
        importlib.import_module(f"pydantic_ai.models.{provider}")
        importlib.import_module(f"pydantic_ai.providers.{provider}")


class NativeClient:
    """A connection pool to one provider."""

    def __init__(
        self, provider: str, root: str, query: Mapping[str, str], api_key: str, timeout: float
    ) -> None:
        self._provider = provider
        self._root = root
        self._query = query
        self._key = api_key or "none"
        self._http = httpx2.AsyncClient(
            transport=CleanTransport(_CLEANING[provider]), timeout=timeout, follow_redirects=False
        )

    def model(self, name: str, changes: ModelProfile) -> Model[Any]:
        """The model called ``name``, with what its endpoint has refused so far."""
        match self._provider:
            case "anthropic":
                return self._anthropic(name, changes)
            case "google":
                return self._google(name, changes)
            case _:
                return self._azure(name, changes)

    async def close(self) -> None:
        """Close the pool."""
        await self._http.aclose()

    def _anthropic(self, name: str, changes: ModelProfile) -> Model[Any]:
        from anthropic import AsyncAnthropic  # noqa: PLC0415 - an extra
        from pydantic_ai.models.anthropic import AnthropicModel  # noqa: PLC0415
        from pydantic_ai.providers.anthropic import AnthropicProvider  # noqa: PLC0415

        sdk = AsyncAnthropic(api_key=self._key, base_url=self._root, http_client=self._http, max_retries=0)
        provider = AnthropicProvider(anthropic_client=sdk)
        known = provider.model_profile(name)
        return AnthropicModel(name, provider=provider, profile=merge_profile(known, changes))

    def _google(self, name: str, changes: ModelProfile) -> Model[Any]:
        from pydantic_ai.models.google import GoogleModel  # noqa: PLC0415 - an extra
        from pydantic_ai.providers.google import GoogleProvider  # noqa: PLC0415

        provider = GoogleProvider(api_key=self._key, base_url=self._root, http_client=self._http)
        known = provider.model_profile(name)
        return GoogleModel(name, provider=provider, profile=merge_profile(known, changes))

    def _azure(self, name: str, changes: ModelProfile) -> Model[Any]:
        sdk = AsyncAzureOpenAI(
            azure_endpoint=self._root,
            api_version=self._query.get("api-version", AZURE_VERSION),
            api_key=self._key,
            http_client=self._http,
            max_retries=0,
        )
        provider = AzureProvider(openai_client=sdk)
        known = provider.model_profile(name)
        return OpenAIChatModel(name, provider=provider, profile=merge_profile(known, changes))
