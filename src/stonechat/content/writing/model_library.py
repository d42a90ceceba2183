"""The one place that asks through pydantic-ai: its messages, profiles, providers and exceptions end here.

Imported at the first question only (see :mod:`stonechat.content.writing.endpoint_client`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast
from urllib.parse import urlsplit

import httpx2
from openai import AsyncOpenAI
from pydantic_ai.direct import model_request
from pydantic_ai.exceptions import ModelAPIError, ModelHTTPError, ModelTimeoutError, UnexpectedModelBehavior
from pydantic_ai.messages import ModelRequest, SystemPromptPart, UserPromptPart
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.profiles import ModelProfile, merge_profile
from pydantic_ai.providers import Provider
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider
from pydantic_ai.settings import ModelSettings

from stonechat.content.writing.clean_transport import CleanTransport
from stonechat.content.writing.endpoint_client import named_provider, provider_root
from stonechat.content.writing.model_failures import (
    EndpointRefusal,
    EndpointTimeout,
    EndpointUnreachable,
    ProviderMissing,
)
from stonechat.content.writing.model_profiles import OPENAI_HOSTS, profile_of
from stonechat.content.writing.model_providers import NativeClient, is_installed, load_provider
from stonechat.core.ports import WriteRequest

_AZURE = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com")


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """What a model answered.

    Attributes:
        finish: ``stop``, ``length`` or ``content_filter``.
        prompt_tokens, completion_tokens: both 0 where the endpoint did not say, or not credibly.
    """

    text: str
    finish: str
    prompt_tokens: int
    completion_tokens: int


class Connection:
    """An HTTP connection pool to one endpoint. It follows no redirect and never retries by itself."""

    def __init__(self, base: str, query: Mapping[str, str], api_key: str, patience: timedelta) -> None:
        self._host = urlsplit(base).netloc.rpartition("@")[2]
        self._address, self._key, self._patience = (base, query), api_key, patience
        self._native: dict[str, NativeClient] = {}
        is_azure = self._host.endswith(_AZURE) and bool(api_key)
        self._http = httpx2.AsyncClient(
            transport=CleanTransport(), timeout=patience.total_seconds(), follow_redirects=False
        )
        self._sdk = AsyncOpenAI(
            base_url=base,
            api_key=api_key or "none",  # the SDK insists on one; an endpoint without keys ignores it
            default_query=dict(query),
            default_headers={"Accept-Encoding": "identity"} | ({"api-key": api_key} if is_azure else {}),
            http_client=self._http,
            max_retries=0,
        )

    async def close(self) -> None:
        """Close the pool."""
        await self._http.aclose()
        for client in self._native.values():
            await client.close()

    def load(self, model: str) -> None:
        """Load the library of the provider that ``model`` is named by; it takes seconds."""
        load_provider(named_provider(model)[0])

    def profile(self, model: str, changes: Mapping[str, Any]) -> Mapping[str, Any]:
        """What is known of a model here, with what its endpoint has refused so far."""
        return self._model(model, changes).profile

    async def ask(self, model: str, changes: Mapping[str, Any], request: WriteRequest) -> RawAnswer:
        """One answer in the way that the model's profile says is the best that it can.

        Raises:
            EndpointRefusal: an answer with a status from 400 on, or one that is no completion.
            EndpointTimeout, EndpointUnreachable: no answer.
            ProviderMissing: the model is named by a provider whose library is not installed.
        """
        library = self._model(model, changes)
        try:
            answer = await model_request(
                library,
                [ModelRequest(parts=[SystemPromptPart(request.system), UserPromptPart(request.prompt)])],
                model_settings=_settings(request, library.profile),
                model_request_parameters=_parameters(request, library.profile),
            )
        except ModelHTTPError as exc:
            raise EndpointRefusal(exc.status_code, exc.headers or {}, exc.body) from exc
        except ModelTimeoutError as exc:
            raise EndpointTimeout from exc
        except ModelAPIError as exc:
            raise EndpointUnreachable(type(exc.__cause__ or exc).__name__) from exc
        except UnexpectedModelBehavior as exc:
            raise EndpointRefusal(502, {}, f"unreadable answer: {exc.message[:200]}") from exc
        usage = answer.usage
        return RawAnswer(
            answer.text or "", str(answer.finish_reason or "stop"), usage.input_tokens, usage.output_tokens
        )

    def _model(self, model: str, changes: Mapping[str, Any]) -> Model[Any]:
        named, name = named_provider(model)
        if named:
            return self._client_of(named).model(name, cast("ModelProfile", changes))
        profile = merge_profile(profile_of(self._host, model), cast("ModelProfile", changes))
        return OpenAIChatModel(model, provider=self._provider(), profile=profile)

    def _client_of(self, provider: str) -> NativeClient:
        if not is_installed(provider):
            raise ProviderMissing(provider)
        if provider not in self._native:
            base, query = self._address
            root = provider_root(provider, base)
            patience = self._patience.total_seconds()
            self._native[provider] = NativeClient(provider, root, query, self._key, patience)
        return self._native[provider]

    def _provider(self) -> Provider[AsyncOpenAI]:
        if self._host.endswith(OPENAI_HOSTS):
            return OpenAIProvider(openai_client=self._sdk)
        name = self._host.rpartition(":")[0] or self._host
        return OpenAICompatibleProvider(name, openai_client=self._sdk)


def _settings(request: WriteRequest, profile: Mapping[str, Any]) -> ModelSettings:
    settings = ModelSettings(max_tokens=request.max_output_tokens)
    if "temperature" not in profile.get("openai_unsupported_model_settings", ()):
        settings["temperature"] = request.temperature
    return settings


def _parameters(request: WriteRequest, profile: Mapping[str, Any]) -> ModelRequestParameters:
    native = bool(profile.get("supports_json_schema_output"))
    return ModelRequestParameters(
        output_mode="native" if native else "prompted",
        output_object=OutputObjectDefinition(
            json_schema=dict(request.schema), name=request.schema_name, strict=True
        ),
        allow_text_output=True,
    )
