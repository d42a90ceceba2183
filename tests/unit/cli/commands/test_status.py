"""What answers is taken for Stonechat only where it answers as Stonechat does."""

import json
from typing import Any

import httpx
import pytest

from stonechat.cli.commands.status import _are_rows, _is_status, _reachable, _understood, ask
from stonechat.core.errors import Permanent, Transient

BASE = "http://127.0.0.1:8787"


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404, json={"detail": "Not Found"}),
        httpx.Response(200, json={"detail": "hello"}),
        httpx.Response(200, json=["a"]),
        httpx.Response(200, text="<html>"),
        httpx.Response(500, json={"verdict": "", "state": "", "layers": []}),
    ],
)
def test_another_programs_answer_is_refused(answer: Any) -> None:
    with pytest.raises(Permanent, match="Something else than Stonechat"):
        _understood(answer.status_code, answer.content, BASE, _is_status)


def test_stonechats_answer_is_taken() -> None:
    said = {"verdict": "runs", "state": "ok", "layers": []}
    assert _understood(200, json.dumps(said).encode(), BASE, _is_status) == said
    assert _understood(200, b"[]", BASE, _are_rows) == []


def test_not_ready_yet_is_worth_another_try() -> None:
    with pytest.raises(Transient, match="the database is not open yet"):
        _understood(503, b'{"error": "the database is not open yet"}', BASE, _is_status)


@pytest.mark.parametrize("url", ["http://[::1", "http://a:b", "127.0.0.1", "ftp://127.0.0.1"])
def test_what_is_no_address_is_said(url: str) -> None:
    with pytest.raises(Permanent, match="is not an address"):
        ask("/api/status", url, _is_status)


@pytest.mark.parametrize(
    ("host", "asked"),
    [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]"), ("localhost", "localhost")],
)
def test_an_ipv6_host_stands_in_brackets(host: Any, asked: Any) -> None:
    assert _reachable(host) == asked
