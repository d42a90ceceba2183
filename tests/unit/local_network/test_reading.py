"""The audience's reading of texts."""

from __future__ import annotations

import pytest

from stonechat_aviary.reading import read_format, read_hook, read_length, read_topic, read_traits


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("The lamp is off and the pillow waits.", "sleep"),
        ("Close the tabs, keep one task.", "focus"),
        ("A walk before the first call.", "movement"),
        ("Soup for lunch, again.", "nutrition"),
        ("Breathe out before the deadline.", "stress"),
        ("Read ten pages and take a note.", "learning"),
        ("Nothing of the kind.", None),
    ],
)
def test_a_topic_is_known_by_its_words(text: str, topic: str | None) -> None:
    assert read_topic(text) == topic


def test_of_two_topics_the_one_with_more_words_wins_then_the_earlier_one() -> None:
    assert read_topic("Read in bed, sleep after.") == "sleep"
    assert read_topic("A walk, a book.") == "movement"


@pytest.mark.parametrize(
    ("text", "hook"),
    [
        ("What wakes you? The alarm does.", "question"),
        ("3 ways to end the day: stop.", "number"),
        ("Two small things help.", "number"),
        ("Last winter I moved the charger.", "story"),
        ("It is late and the lamp is on.", "story"),
        ("How to stop: stop.", "how_to"),
        ("Stop reading in bed.", "contrarian"),
        ("Unpopular opinion: naps work.", "contrarian"),
        ("Sleep wins.", "bold_claim"),
        ("", None),
    ],
)
def test_a_hook_is_known_by_the_opening(text: str, hook: str | None) -> None:
    assert read_hook(text) == hook


@pytest.mark.parametrize(
    ("text", "layout"),
    [
        ("One. Two.", "plain"),
        ("Only this.", "one_liner"),
        ("Do this:\n\n- a\n- b", "list"),
        ("Do this:\n\n1. a\n2. b", "steps"),
        ("He said.\n\n“Put the phone away tonight.”", "quote"),
        ("See.\n\nBefore: a\nAfter: b", "comparison"),
    ],
)
def test_a_format_is_known_by_the_layout(text: str, layout: str) -> None:
    assert read_format(text) == layout


def test_length_is_by_characters() -> None:
    assert [read_length("x" * n) for n in (100, 101, 190, 191)] == ["short", "medium", "medium", "long"]


@pytest.mark.parametrize(
    ("hour", "block"),
    [(0, "night"), (4, "dawn"), (11, "morning"), (12, "afternoon"), (19, "evening"), (23, "late")],
)
def test_the_hour_block_is_four_hours_of_utc(hour: int, block: str) -> None:
    assert read_traits("Sleep.", hour * 3600.0).hour_block == block
