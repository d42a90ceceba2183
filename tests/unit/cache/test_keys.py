"""Keys and times to live: bounded, and apart from each other."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from stonechat.cache.keys import LONGEST_KEY, LONGEST_TTL, bounded_ms, full_key


@pytest.mark.parametrize(
    "key", ["x" * 10_000, "a b", "a\r\nSET x 1", "\x00", "grün", "a" * (LONGEST_KEY + 1)]
)
def test_every_key_is_short_and_plain(key: str) -> None:
    told = full_key("ours", "v", key)
    assert len(told) <= len("ours:v:") + LONGEST_KEY
    assert re.fullmatch(r"[A-Za-z0-9_.:/@+#-]+", told)


def test_keys_that_look_alike_once_cleaned_stay_apart() -> None:
    keys = ["a b", "a_b", "a\tb", "a  b", "x" * 300 + "1", "x" * 300 + "2"]
    assert len({full_key("ours", "v", key) for key in keys}) == len(keys)


def test_a_plain_key_stays_as_it_is() -> None:
    assert full_key("ours", "v", "seen/x:robin") == "ours:v:seen/x:robin"


def test_no_time_to_live_is_endless_and_none_is_nothing() -> None:
    assert bounded_ms(timedelta(days=4000)) == bounded_ms(LONGEST_TTL)
    assert bounded_ms(timedelta(microseconds=1)) == 1
    with pytest.raises(ValueError, match="time to live"):
        bounded_ms(timedelta())
