"""Which of the model library's profiles fits an endpoint, told by its host."""

from __future__ import annotations

from pydantic_ai.profiles import ModelProfile, merge_profile
from pydantic_ai.profiles.anthropic import anthropic_model_profile
from pydantic_ai.profiles.deepseek import deepseek_model_profile
from pydantic_ai.profiles.google import google_model_profile
from pydantic_ai.profiles.groq import groq_model_profile
from pydantic_ai.profiles.mistral import mistral_model_profile
from pydantic_ai.profiles.openai import OpenAIJsonSchemaTransformer, OpenAIModelProfile

OPENAI_HOSTS = (
    "api.openai.com",
    ".openai.azure.com",
    ".cognitiveservices.azure.com",
    ".services.ai.azure.com",
)
_FAMILIES = (
    ("anthropic.com", anthropic_model_profile),
    ("googleapis.com", google_model_profile),
    ("groq.com", groq_model_profile),
    ("mistral.ai", mistral_model_profile),
    ("deepseek.com", deepseek_model_profile),
)
_NO_STRICT_SCHEMA = ("deepseek.com", "anthropic.com")
_OLD_CEILING = ("mistral.ai", "deepseek.com", "openrouter.ai", "anthropic.com", "googleapis.com")
"""Hosts that know ``max_tokens`` only."""


def profile_of(host: str, model: str) -> ModelProfile | None:
    """What is known of a model at a host before the endpoint has refused anything.

    Structured output by JSON schema is asked for first wherever it is not known to be missing.
    """
    family = next((profile for end, profile in _FAMILIES if host.endswith(end)), None)
    known = family(model) if family else None
    if host.endswith(OPENAI_HOSTS) or family is None:
        known = None
    return merge_profile(
        known,
        OpenAIModelProfile(
            json_schema_transformer=OpenAIJsonSchemaTransformer,
            supports_json_schema_output=not host.endswith(_NO_STRICT_SCHEMA),
            supports_json_object_output=not host.endswith("anthropic.com"),
            openai_chat_supports_max_completion_tokens=not host.endswith(_OLD_CEILING),
        ),
    )
