"""A language model behind any endpoint that speaks OpenAI's chat completions, asked through pydantic-ai.

The library knows what models can do (its profiles) and how to ask for structured output in three ways. What
an endpoint refuses all the same is changed in its model's profile, once, and remembered. Retries, budget and
what an error means to the owner are ours.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from stonechat.content.errors import AnswerCutOff, ModelRefused, ModelTrouble
from stonechat.content.writing.endpoint_client import EndpointClient
from stonechat.content.writing.model_answers import read_object
from stonechat.content.writing.model_failures import (
    BAD_KEY,
    NEXT_TEXT,
    EndpointRefusal,
    EndpointTimeout,
    EndpointUnreachable,
    ProviderMissing,
    failure_of,
    refused,
    trouble,
)
from stonechat.core.ports import WriteRequest, WriteResult
from stonechat.core.safe_json import UnsafeJson

if TYPE_CHECKING:
    from stonechat.content.writing.model_library import Connection, RawAnswer

_FORM = frozenset({400, 415, 422, 501})
"""Statuses with which endpoints refuse the form of a request."""

_MOST_ADAPTED = 7
"""Times that one call is asked anew after a refusal of its form; each costs a round trip and no token."""

_ADAPTATIONS: tuple[tuple[re.Pattern[str], Mapping[str, Any]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), change)
    for pattern, change in (
        (r"temperature", {"openai_unsupported_model_settings": ("temperature",)}),
        (
            r"use 'max_completion_tokens'|max_tokens.{0,60}not supported",
            {"openai_chat_supports_max_completion_tokens": True},
        ),
        (r"max_completion_tokens", {"openai_chat_supports_max_completion_tokens": False}),
        (
            r"(?:system|developer).{0,40}(?:role|message|instruction)|role.{0,40}(?:system|developer)",
            {"openai_system_prompt_role": "user"},
        ),
        (r"\bstrict\b|additionalproperties", {"openai_supports_strict_tool_definition": False}),
        (
            r"json_object|json mode|json_validate_failed",
            {"supports_json_schema_output": False, "supports_json_object_output": False},
        ),
        (
            r"response_format|json_schema|schema|structured output|grammar",
            {"supports_json_schema_output": False},
        ),
    )
)
"""What the words of a refusal (400, 422) change in the model's profile. The first that changes anything is
tried.
"""

_LADDER: tuple[Mapping[str, Any], ...] = (
    {"supports_json_schema_output": False},
    {"supports_json_object_output": False},
    {"openai_unsupported_model_settings": ("temperature",)},
    {"openai_chat_supports_max_completion_tokens": False},
)
"""What is tried one after the other where a refusal says nothing that we understand, or nothing new."""


_WORDS: Mapping[str, str] = {
    "supports_json_schema_output": "no JSON schema",
    "supports_json_object_output": "no JSON mode, asked in the prompt",
    "openai_supports_strict_tool_definition": "schema not strict",
    "openai_unsupported_model_settings": "no temperature",
    "openai_chat_supports_max_completion_tokens": "another name for the ceiling",
    "openai_system_prompt_role": "no system role",
}


class ModelWriter:
    """Writes with one model. Tries once: retries and fallbacks are the chain's.

    Args:
        timeout: real time for a whole answer, also where it drips in byte by byte.
    """

    def __init__(self, client: EndpointClient, model: str, timeout: timedelta) -> None:
        self._client = client
        self._name = model
        self._timeout = timeout.total_seconds()
        self._changes: dict[str, Any] = {}

    @property
    def model(self) -> str:
        """The model's name, as the price table knows it."""
        return self._name

    @property
    def described(self) -> str:
        """How the endpoint is asked, in words: what it made us change so far."""
        said = [words for name, words in _WORDS.items() if name in self._changes]
        return ", ".join(said) or "JSON by schema, nothing refused"

    async def write(self, request: WriteRequest) -> WriteResult:
        """One answer that follows the request's schema.

        Raises:
            AnswerCutOff: the answer is longer than the request allows.
            ModelTrouble: down, slow, rate limited, or answering garbage.
            ModelRefused: the key, the model's name or the request is wrong, or the model does not want to
            write
                this; trying again is no use.
        """
        connection = await self._client.connection(self._name)
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._adapting(request, connection)
        except TimeoutError as exc:
            raise self._slow() from exc
        return self._read(answer, request)

    async def _adapting(self, request: WriteRequest, connection: Connection) -> RawAnswer:
        """The answer to the request, in a form that the endpoint does not refuse."""
        before = dict(self._changes)
        for _ in range(_MOST_ADAPTED):
            try:
                return await connection.ask(self._name, self._changes, request)
            except EndpointRefusal as exc:
                if not self._adapt(exc, connection):
                    self._changes = before  # it was not the form that was refused
                    raise failure_of(self._name, exc.status, exc.headers, exc.body) from exc
            except EndpointTimeout as exc:
                raise self._slow() from exc
            except EndpointUnreachable as exc:
                raise trouble(self._name, f"could not be reached ({exc})") from exc
            except ProviderMissing as exc:
                install = f"pip install 'stonechat[{exc.args[0]}]'"
                raise refused(self._name, "needs a library that is not installed", f"{install}.") from exc
        self._changes = before
        raise refused(self._name, "refuses every form of the request", "Run `stonechat doctor --model`.")

    def _adapt(self, refusal: EndpointRefusal, connection: Connection) -> bool:
        """Change the profile by what the endpoint refuses; False where nothing is left to change."""
        said = json.dumps(refusal.body, default=str)
        if refusal.status not in _FORM and not (refusal.status == 404 and "parameters" in said):
            return False
        if BAD_KEY.search(said):
            return False
        profile = connection.profile(self._name, self._changes)
        understood = [change for pattern, change in _ADAPTATIONS if pattern.search(said)]
        for change in (*understood, *_LADDER):
            if any(profile.get(name) != value for name, value in change.items()):
                self._changes |= change
                return True
        return False

    def _read(self, answer: RawAnswer, request: WriteRequest) -> WriteResult:
        spent = (answer.prompt_tokens, answer.completion_tokens)
        if not any(spent):
            spent = estimated(request, answer.text)
        if answer.finish == "content_filter":
            raise refused(self._name, "does not want to write this (content filter)", NEXT_TEXT, spent=spent)
        if answer.finish == "length":
            raise AnswerCutOff(
                f"The model {self._name} needed more than {request.max_output_tokens} tokens for its answer.",
                meaning="It is asked once more with more room.",
                remedy="Nothing, unless it lasts: a model that thinks at length wants fewer DRAFTS_PER_SLOT.",
                spent=spent,
            )
        if not answer.text.strip():
            raise trouble(self._name, "answered without any text", spent=spent)
        try:
            data = read_object(answer.text, request.schema)
        except UnsafeJson as exc:
            raise trouble(self._name, exc.what.rstrip("."), spent=spent) from exc
        return WriteResult(data, self._name, *spent)

    def _slow(self) -> ModelTrouble:
        # the provider may have finished and billed the answer that we no longer wait for
        return trouble(self._name, f"did not answer within {self._timeout:.0f} s", maybe_billed=True)


def estimated(request: WriteRequest, answer: str) -> tuple[int, int]:
    """Tokens of a call whose endpoint does not say, or not credibly: rather too many than too few."""
    texts = (request.system, request.prompt, json.dumps(dict(request.schema)))
    asked = sum(len(text.encode()) for text in texts)
    return asked // 2 + 64, min(len(answer.encode()) // 2 + 16, request.max_output_tokens)


__all__ = ["ModelRefused", "ModelTrouble", "ModelWriter", "estimated"]
