"""Each account writes about the topics of its own voice."""

from __future__ import annotations

from stonechat.content.arms import load_arms
from stonechat.content.voice import load_voice
from stonechat.startup.build_content import arms_of_voices


def test_accounts_of_different_niches_do_not_mix() -> None:
    common = load_voice()
    baker = common.model_copy(update={"topics": ("bread", "sleep")})
    arms_of = arms_of_voices(load_arms(), common, {"x:baker": baker})
    assert arms_of("x:baker").learned()["topic"] == ("bread", "sleep")
    assert arms_of("x:other").learned()["topic"] == tuple(common.topics)
    assert arms_of("x:baker").says("topic", "sleep"), "a known topic keeps what it asks of the writer"
    assert arms_of("x:baker").learned()["hook"] == arms_of("x:other").learned()["hook"]
