"""The writer against a real endpoint: every way in which it can fail becomes an error that says what to do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from stonechat.content.errors import ModelRefused, ModelTrouble
from stonechat.content.writing.endpoint_client import open_client
from stonechat.content.writing.model_answers import departs
from stonechat.content.writing.model_failures import retry_after
from stonechat.content.writing.model_writer import ModelWriter
from stonechat.core.ports import WriteRequest
from tests.support.model_endpoint import ModelEndpoint, model_endpoint

SCHEMA = {
    "type": "object",
    "properties": {
        "drafts": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"parts": {"type": "array", "items": {"type": "string"}}},
                "required": ["parts"],
            },
        }
    },
    "required": ["drafts"],
}
REQUEST = WriteRequest("Be brief.", "kind: single\nparts: 1\ndrafts: 2", SCHEMA, "drafts")


@asynccontextmanager
async def writer(patience: float = 5.0) -> AsyncIterator[tuple[ModelWriter, ModelEndpoint]]:
    wait = timedelta(seconds=patience)
    async with model_endpoint() as endpoint, open_client(endpoint.url, "k", wait) as client:
        yield ModelWriter(client, "m-large", wait), endpoint


async def test_an_answer_is_parsed_and_its_usage_counted() -> None:
    async with writer() as (model, endpoint):
        written = await model.write(REQUEST)
        assert len(written.data["drafts"]) == 2
        assert written.model == "m-large" and written.prompt_tokens > 0 and written.completion_tokens > 0
        assert endpoint.calls == [("m-large", "Be brief.", REQUEST.prompt)]


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("500", "HTTP 500"),
        ("503", "HTTP 503"),
        ("html", "web page"),
        ("garbage", "not JSON"),
        ("fields", "lacks 'drafts'"),
        ("cut", "not JSON"),
    ],
)
async def test_a_fault_that_passes_is_worth_another_try(fault: str, says: str) -> None:
    async with writer() as (model, endpoint):
        endpoint.always = fault
        with pytest.raises(ModelTrouble) as caught:
            await model.write(REQUEST)
        assert says in caught.value.what and caught.value.remedy
        assert len(endpoint.calls) == 1, "it must not retry by itself"


async def test_a_rate_limit_says_how_long_to_wait() -> None:
    async with writer() as (model, endpoint):
        endpoint.always = "429:7"
        with pytest.raises(ModelTrouble) as caught:
            await model.write(REQUEST)
        assert caught.value.retry_after == timedelta(seconds=7)


@pytest.mark.parametrize("fault", ["hang", "drip"])
async def test_a_slow_answer_ends_at_the_deadline_even_where_bytes_keep_coming(fault: str) -> None:
    async with writer(patience=0.3) as (model, endpoint):
        endpoint.always = fault
        with pytest.raises(ModelTrouble) as caught:
            await model.write(REQUEST)
        assert caught.value.maybe_billed, "an answer nobody waited for may still be billed"


@pytest.mark.parametrize(
    ("fault", "says"), [("401", "key"), ("403", "key"), ("404", "model"), ("400", "request")]
)
async def test_what_no_retry_can_mend_is_refused(fault: str, says: str) -> None:
    async with writer() as (model, endpoint):
        endpoint.always = fault
        with pytest.raises(ModelRefused) as caught:
            await model.write(REQUEST)
        assert says in caught.value.what


async def test_a_quota_that_is_used_up_is_no_rate_limit() -> None:
    async with writer() as (model, endpoint):
        endpoint.always = "402"
        with pytest.raises(ModelRefused) as caught:
            await model.write(REQUEST)
        assert "quota" in caught.value.what


async def test_an_endpoint_that_is_not_there_is_named() -> None:
    wait = timedelta(seconds=2)
    async with open_client("http://127.0.0.1:1/v1", "k", wait) as client:
        with pytest.raises(ModelTrouble) as caught:
            await ModelWriter(client, "m", wait).write(REQUEST)
        assert "could not be reached" in caught.value.what and not caught.value.maybe_billed


def test_retry_after_reads_seconds_and_milliseconds_and_ignores_nonsense() -> None:
    assert retry_after({"retry-after": "12"}) == timedelta(seconds=12)
    assert retry_after({"retry-after-ms": "250", "retry-after": "9"}) == timedelta(milliseconds=250)
    assert retry_after({"retry-after": "soon"}) is None
    assert retry_after({"retry-after": "-3"}) is None
    assert retry_after({"retry-after": "9999999"}) == timedelta(days=1)


def test_a_schema_is_held_at_every_depth() -> None:
    good = {"drafts": [{"parts": ["a"]}]}
    assert departs(SCHEMA, good) is None
    assert departs(SCHEMA, []) == "answer is not an object"
    assert departs(SCHEMA, {"drafts": [{"parts": "a"}]}) == "answer.drafts[0].parts is not a list"
    assert departs(SCHEMA, {"drafts": [{"parts": [1]}]}) == "answer.drafts[0].parts[0] is not text"
    assert departs(SCHEMA, {"drafts": [{}]}) == "answer.drafts[0] lacks 'parts'"
