"""The levels that the audience tells apart, and the words by which it recognises them.

A post earns more or less by its topic, hook, format, length and hour block. The names below are the
ones an arms file should use; the word lists are what :mod:`stonechat_aviary.reading` looks for and what
the model endpoint's texts carry.
"""

from __future__ import annotations

from types import MappingProxyType


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TOPICS = MappingProxyType(
    {
        "sleep": _words(
            "sleep slept asleep bed bedtime bedroom night nights tired wake waking woke nap "
            "pillow evening evenings lamp alarm"
        ),
        "focus": _words(
            "focus focused attention distraction distractions notification notifications tab tabs "
            "interruption interruptions concentrate concentration deep block blocks task tasks"
        ),
        "movement": _words(
            "walk walks walking walked move moving movement stretch stretches stretching stairs "
            "stand standing steps gym run exercise posture chair desk legs shoulders"
        ),
        "nutrition": _words(
            "eat eating eats ate meal meals lunch lunches breakfast dinner snack snacks water "
            "food cook cooking vegetables plate kitchen fruit fridge soup"
        ),
        "stress": _words(
            "stress stressed stressful calm calmer breath breaths breathe breathing worry worries "
            "pressure overwhelm overwhelmed tense tension pause pauses deadline deadlines burnout"
        ),
        "learning": _words(
            "learn learns learning learned read reading book books notes note practice practise "
            "study teach teaching skill skills curious curiosity tutorial tutorials page pages"
        ),
    }
)
"""Topic to the words that speak of it (lower case, whole words)."""

HOOKS = ("question", "number", "story", "bold_claim", "how_to", "contrarian")
"""How a post opens; recognised from its first sentence."""

FORMATS = ("plain", "list", "one_liner", "steps", "quote", "comparison")
"""How a post is laid out."""

LENGTHS = MappingProxyType({"short": 100, "medium": 190, "long": 25_000})
"""Length to the greatest number of characters that still counts as it."""

HOUR_BLOCKS = ("night", "dawn", "morning", "afternoon", "evening", "late")
"""Four hours each, from midnight UTC on: night 0-4, dawn 4-8 and so on to late 20-24."""

NUMBER_WORDS = frozenset(
    (
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "twenty",
        "thirty",
        "ninety",
    )
)
HOW_TO_OPENINGS = ("how to ", "here is how", "here's how", "a simple way to ", "the easiest way to ")
CONTRARIAN_OPENINGS = (
    "stop ",
    "forget ",
    "unpopular opinion",
    "most advice",
    "everyone says",
    "everybody says",
    "contrary to",
    "nobody needs",
    "you do not need",
    "you don't need",
    "they tell you",
)
STORY_OPENINGS = (
    "i ",
    "my ",
    "last ",
    "yesterday",
    "this morning",
    "this week i",
    "a year ago",
    "a month ago",
    "years ago",
    "when i ",
    "for years i",
    "for months i",
    "for a long time i",
    "once ",
    "it is ",
    "it was ",
    "somebody ",
    "someone ",
    "half past",
    "halfway",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
)
COMPARISON_LABELS = ("before", "after", "less", "more", "then", "now", "instead of", "tired way", "calm way")

FACTORS = MappingProxyType(
    {
        "topic": tuple(TOPICS),
        "hook": HOOKS,
        "format": FORMATS,
        "length": tuple(LENGTHS),
        "hour_block": HOUR_BLOCKS,
    }
)
"""Every factor with its levels, in a fixed order (the hidden truth is drawn in this order)."""
