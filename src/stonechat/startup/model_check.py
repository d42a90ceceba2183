"""What ``doctor`` says of the model endpoints: whether they answer, and on request what they can do."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
from pydantic import SecretStr

from stonechat.config.settings import ContentSettings, Settings
from stonechat.content.errors import ModelRefused, ModelTrouble
from stonechat.content.prices import prices_of
from stonechat.content.writing.endpoint_client import (
    AZURE_VERSION,
    address_of,
    named_provider,
    open_client,
    provider_root,
)
from stonechat.content.writing.model_writer import ModelWriter
from stonechat.core.checkup import Check, CheckResult
from stonechat.core.clock import Clock
from stonechat.core.ports import WriteRequest
from stonechat.startup.build_models import NO_JUDGE

_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"sentence": {"type": "string"}},
    "required": ["sentence"],
    "additionalProperties": False,
}
_PLAIN = {"Accept-Encoding": "identity"}
_TINY = WriteRequest(
    "You answer with one JSON object.", "Write a sentence of four words about tea.", _SCHEMA, "tea", 200
)


async def check_model(settings: Settings, _clock: Clock) -> Check:
    """Whether the endpoints answer and take their keys; nothing is paid for."""
    own = settings.content
    first = await _endpoint(own.model, "OPENAI", own.base_url, own.api_key)
    if first.verdict is CheckResult.OK and (unknown := _unpriced(own)):
        return Check("model", CheckResult.WARN, *unknown)
    if own.fallback_base_url is None or first.verdict is CheckResult.FAIL:
        return first if first.verdict is not CheckResult.OK else replace(first, found=_writing_with(settings))
    behind = own.fallback_models[0] if own.fallback_models else own.model
    second = await _endpoint(behind, "OPENAI_FALLBACK", own.fallback_base_url, own.fallback_api_key)
    return second if second.verdict is not CheckResult.OK else replace(first, found=_writing_with(settings))


def _unpriced(own: ContentSettings) -> tuple[str, str] | None:
    """What to say of models whose price nobody knows."""
    asked = dict.fromkeys(filter(None, (own.model, *own.fallback_models, own.judge_model)))
    prices = prices_of(own)
    unknown = [name for name in asked if name.casefold() != NO_JUDGE and prices.known(name) is None]
    if not unknown:
        return None
    default = f"${own.price_input_usd:g}/{own.price_output_usd:g} for a million tokens"
    return (
        f"the price of {', '.join(unknown)} is not known; {default} is booked",
        f"Say what it costs: MODEL_PRICES={unknown[0]}=0.15/0.60 (0/0 on a machine of your own).",
    )


def _writing_with(settings: Settings) -> str:
    own = settings.content
    behind = f", then {', '.join(own.fallback_models)}" if own.fallback_models else ""
    where = f" at {_shown(own.fallback_base_url)}" if behind and own.fallback_base_url else ""
    return f"{_shown(own.base_url)} answers; writing with {own.model}{behind}{where}"


def _shown(base: str) -> str:
    """An address without what may be secret in it: user, password and query."""
    return urlunsplit(urlsplit(address_of(base)[0])._replace(netloc=urlsplit(base).netloc.rpartition("@")[2]))


def _models_at(model: str, given: str, secret: str) -> tuple[str, dict[str, str], dict[str, str]]:
    """Address, query and headers of a request for the list of models, by the protocol that is asked."""
    base, query = address_of(given)
    provider, _ = named_provider(model)
    root = provider_root(provider, base) if provider else base
    bearer = {"Authorization": f"Bearer {secret}"}
    match provider:
        case "anthropic":
            return f"{root}/v1/models", query, bearer | {"anthropic-version": "2023-06-01"}
        case "google":
            return f"{root}/v1beta/models", query, {"x-goog-api-key": secret}
        case "azure":
            return f"{root}/openai/models", {"api-version": AZURE_VERSION} | query, {"api-key": secret}
        case _:
            return f"{root}/models", query, bearer


async def _endpoint(model: str, settings_of: str, given: str, key: SecretStr | None) -> Check:
    secret, name = key.get_secret_value() if key else "", "model"
    address, query, headers = _models_at(model, given, secret)
    base = _shown(address.removesuffix("/models"))
    try:
        async with (
            asyncio.timeout(10),
            httpx.AsyncClient(timeout=10) as client,
            client.stream("GET", address, headers=headers | _PLAIN, params=query) as answer,
        ):
            pass  # the status and the type say enough; no body is read
    except (httpx.HTTPError, TimeoutError) as exc:
        found = f"{base} does not answer ({type(exc).__name__})"
        return Check(name, CheckResult.FAIL, found, f"Check {settings_of}_BASE_URL.")
    if answer.status_code in {401, 403}:
        return Check(
            name, CheckResult.FAIL, f"{base} refuses the key", f"Set {settings_of}_API_KEY to a valid key."
        )
    kind = answer.headers.get("content-type", "")
    if answer.is_success and "json" not in kind:
        return Check(
            name,
            CheckResult.FAIL,
            f"{base} answers {kind or 'something'} instead of JSON",
            f"{settings_of}_BASE_URL must name the API itself, usually ending in /v1.",
        )
    if not answer.is_success:
        return Check(
            name, CheckResult.WARN, f"{base}/models answers {answer.status_code}", "Try again later."
        )
    return Check(name, CheckResult.OK, f"{base} answers")


async def ask(settings: Settings, _clock: Clock) -> Check:
    """One small question to the first model, which is paid for: whether it answers in form, and how."""
    own = settings.content
    key = own.api_key.get_secret_value() if own.api_key else ""
    async with open_client(own.base_url, key, own.call_timeout) as client:
        writer = ModelWriter(client, own.model, own.call_timeout)
        try:
            written = await writer.write(_TINY)
        except (ModelTrouble, ModelRefused) as exc:
            return Check("model call", CheckResult.FAIL, exc.what, exc.remedy)
    used = f"{written.prompt_tokens} + {written.completion_tokens} tokens"
    cost = prices_of(own).of(own.model).cost(written.prompt_tokens, written.completion_tokens)
    way = writer.described
    return Check("model call", CheckResult.OK, f"{own.model} answers in form ({way}); {used}, ${cost:.6f}")
