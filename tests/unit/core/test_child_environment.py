"""What a child process gets to see: what a program needs to run, and no secret."""

from __future__ import annotations

import os

import pytest

from stonechat.core.child_environment import child_environment, narrowed_environment

SECRETS = (
    "OPENAI_API_KEY",
    "DATABASE_URL",
    "REDIS_URL",
    "SESSION_KEY",
    "TWITTER_SESSION_B64_ROBIN",
    "ALERT_URLS",
)


@pytest.fixture
def canaries(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        monkeypatch.setenv(name, "canary-4711")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:canary-4711@proxy.example:3128")
    monkeypatch.setenv("all_proxy", "me:canary-4711@proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "localhost,.example")


def test_no_secret_is_handed_on_and_the_way_out_is(canaries: None) -> None:
    seen = child_environment()
    assert "canary-4711" not in str(seen)
    assert seen["HTTPS_PROXY"] == "http://proxy.example:3128" and seen["all_proxy"] == "proxy.example:3128"
    assert seen["NO_PROXY"] == "localhost,.example" and seen["PATH"] == os.environ["PATH"]


def test_our_own_code_gets_out_through_a_proxy_with_a_log_in(canaries: None) -> None:
    seen = child_environment(with_proxy_log_in=True)
    assert seen["HTTPS_PROXY"] == "http://me:canary-4711@proxy.example:3128"
    assert not set(SECRETS) & seen.keys()


def test_a_narrowed_environment_is_whole_again_afterwards(canaries: None) -> None:
    before = dict(os.environ)
    with narrowed_environment({"NODE_OPTIONS": "--x"}):
        assert "canary-4711" not in str(dict(os.environ)) and os.environ["NODE_OPTIONS"] == "--x"
    assert dict(os.environ) == before
