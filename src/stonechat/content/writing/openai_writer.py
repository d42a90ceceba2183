"""A language model behind any endpoint that speaks OpenAI's chat completions, asked over HTTP.

Retries, limits, prices and what an error means are ours in any case, so that of the official SDK one POST
would be left, for 35 MB of memory (decision record 0023).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from pydantic import BaseModel, ValidationError

from stonechat.content.errors import ModelRefused, ModelTrouble
from stonechat.core.ports import WriteRequest, WriteResult

_QUOTA_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached"})


class _Message(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Message


class _Usage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Completion(BaseModel):
    """What is read of an answer, see the API's reference of chat completions."""

    choices: list[_Choice] | None = None
    usage: _Usage | None = None


class OpenAIWriter:
    """Writes with one model. Tries once: retries and fallbacks are the chain's.

    Args:
        timeout: real time for a whole answer, also where it drips in byte by byte.
    """

    def __init__(self, client: httpx.AsyncClient, model: str, timeout: timedelta) -> None:
        self._client = client
        self._model = model
        self._timeout = timeout.total_seconds()

    @property
    def model(self) -> str:
        """The model's name, as the price table knows it."""
        return self._model

    async def write(self, request: WriteRequest) -> WriteResult:
        """One answer that follows the request's schema.

        Raises:
            ModelTrouble: down, slow, rate limited, or answering garbage.
            ModelRefused: the key, the model's name or the request is wrong; trying again is no use.
        """
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._client.post("chat/completions", json=self._body(request))
        except (TimeoutError, httpx.TimeoutException) as exc:
            raise self._slow() from exc
        except httpx.HTTPError as exc:
            raise self._trouble(f"could not be reached ({type(exc).__name__})") from exc
        if not answer.is_success:
            raise self._status(answer)
        return self._read(answer, request)

    def _body(self, request: WriteRequest) -> dict[str, Any]:
        return {
            "model": self._model,
            "messages": [
                {"role": "system", "content": request.system},
                {"role": "user", "content": request.prompt},
            ],
            "response_format": {
                "type": "json_schema",
                "json_schema": {
                    "name": request.schema_name,
                    "schema": dict(request.schema),
                    "strict": True,
                },
            },
            "max_completion_tokens": request.max_output_tokens,
            "temperature": request.temperature,
        }

    def _read(self, response: httpx.Response, request: WriteRequest) -> WriteResult:
        if "json" not in response.headers.get("content-type", ""):
            raise self._trouble("answered a web page or text where JSON was expected")
        try:
            answer = _Completion.model_validate_json(response.content)
        except ValidationError as exc:
            raise self._trouble("answered something that is not JSON, or no completion") from exc
        usage = answer.usage
        spent = (usage.prompt_tokens or 0, usage.completion_tokens or 0) if usage else None
        text = answer.choices[0].message.content if answer.choices else None
        if not text:
            raise self._trouble("answered without any text", spent=spent)
        try:
            data = json.loads(text)
        except ValueError as exc:
            raise self._trouble("wrote text that is not JSON", spent=spent) from exc
        fault = departs(request.schema, data)
        if fault:
            raise self._trouble(f"wrote JSON that departs from the schema: {fault}", spent=spent)
        prompt_tokens, completion_tokens = spent or (0, 0)
        return WriteResult(data, self._model, prompt_tokens, completion_tokens)

    def _slow(self) -> ModelTrouble:
        # the provider may have finished and billed the answer that we no longer wait for
        return self._trouble(f"did not answer within {self._timeout:.0f} s", maybe_billed=True)

    def _status(self, answer: httpx.Response) -> ModelTrouble | ModelRefused:
        status = answer.status_code
        if _code(answer) in _QUOTA_CODES:
            return self._refused("says that its quota is used up", "Top up the provider's account.")
        if status == 429:
            wait = retry_after(answer.headers)
            return self._trouble("is rate limiting us", retry_after=wait)
        if status in {401, 403}:
            return self._refused(f"does not accept the key (HTTP {status})", "Check OPENAI_API_KEY.")
        if status == 404:
            return self._refused(
                "does not know this model or path (HTTP 404)", "Check OPENAI_MODEL and OPENAI_BASE_URL."
            )
        if status >= 500 or status in {408, 409}:
            return self._trouble(f"failed with HTTP {status}", retry_after=retry_after(answer.headers))
        return self._refused(f"does not accept the request (HTTP {status})", "Check the model's abilities.")

    def _trouble(self, what: str, **more: Any) -> ModelTrouble:
        return ModelTrouble(
            f"The model {self._model} {what}.",
            meaning="Another try, the next model or the reserve serves instead.",
            remedy="Nothing, unless it lasts; then check OPENAI_BASE_URL and the provider's status.",
            **more,
        )

    def _refused(self, what: str, remedy: str) -> ModelRefused:
        return ModelRefused(
            f"The model {self._model} {what}.",
            meaning="Nothing is written with it; the next model or the reserve serves.",
            remedy=remedy,
        )


@asynccontextmanager
async def open_client(base_url: str, api_key: str, patience: timedelta) -> AsyncIterator[httpx.AsyncClient]:
    """One client for all models of an endpoint, closed at the end. It never retries by itself."""
    key = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    async with httpx.AsyncClient(
        base_url=base_url,
        headers={"Accept": "application/json"} | key,
        timeout=patience.total_seconds(),
        follow_redirects=True,
    ) as client:
        yield client


def retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """The wait that a ``Retry-After`` or ``retry-after-ms`` header asks for, at most a day.

    Seconds, or a date (RFC 9110, 10.2.3), which is held against the answer's own ``Date``.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * unit
        except (KeyError, ValueError):
            continue
        if seconds >= 0:
            return timedelta(seconds=min(seconds, 86_400.0))
    try:
        wait = parsedate_to_datetime(headers["retry-after"]) - parsedate_to_datetime(headers["date"])
    except (KeyError, ValueError, TypeError):  # no date, or one of the two without a zone
        return None
    return min(max(wait, timedelta()), timedelta(days=1)) or None


def departs(schema: Mapping[str, Any], value: Any, at: str = "answer") -> str | None:
    """How ``value`` departs from the part of JSON Schema that our requests use, or None."""
    kind = schema.get("type")
    if kind == "object":
        if not isinstance(value, dict):
            return f"{at} is not an object"
        missing = [name for name in schema.get("required", ()) if name not in value]
        if missing:
            return f"{at} lacks {missing[0]!r}"
        inner = schema.get("properties", {})
        faults = (departs(inner[name], value[name], f"{at}.{name}") for name in inner if name in value)
        return next((fault for fault in faults if fault), None)
    if kind == "array":
        if not isinstance(value, list):
            return f"{at} is not a list"
        items = schema.get("items", {})
        faults = (departs(items, one, f"{at}[{number}]") for number, one in enumerate(value))
        return next((fault for fault in faults if fault), None)
    if kind == "string" and not isinstance(value, str):
        return f"{at} is not text"
    return None


def _code(answer: httpx.Response) -> str:
    """The error's code in the body, or ""."""
    try:
        said = answer.json()
        return str(said.get("error", said)["code"] or "")
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
