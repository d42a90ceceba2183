"""A labelled set of pairs: what a reader would call the same post, and what not.

Duplicates are hand-written rewordings and mechanical edits of hand-written posts (the edits that models
and people make when they repeat themselves). Different pairs are posts on the same topics with the same
kinds of opening, and all pairs of the originals.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable

ORIGINALS = (
    "What did you last do without looking at a screen? Start tomorrow with that.",
    "A short walk after lunch is not lost time. It is where the afternoon begins.",
    "Put the phone to charge in the kitchen tonight. The bedroom gets darker and the morning gets slower.",
    "Three slow breaths before you answer that message. The reply will be shorter and kinder.",
    "Most people plan the day in the morning, when they are busy. Plan it the evening before, when you know.",
    "How to read more: keep one thin book in the bag you already carry.",
    "Stop collecting tips about focus. Close one tab and finish the sentence you were in.",
    "Cook twice as much soup on Sunday.\n\n- eat one bowl today\n- freeze two\n- forget the rest until Thursday",
    "1. Stand up when the phone rings\n2. Walk while you talk\n3. Sit down when you hang up",
    "Before: twelve open chats and a cold coffee\nAfter: one chat, one task, one warm cup",
    "The alarm that never moves is the one you end up trusting.",
    "Everybody says drink more water. Nobody says put the glass where your hand already is.",
    "A question for the train ride home: what did you learn today that you could explain to a child?",
    "Your chair is not the problem. The eight hours without leaving it are.",
    "“A pause is part of the music.” The same goes for meetings.",
    "Write the worry down, give it a date, and go to dinner. It will keep.",
    "Two minutes of tidying before you leave the desk, and tomorrow starts on an empty table.",
    "Last winter the heating failed and everybody worked in the kitchen. It was the best week of the year.",
    "You do not need a new notebook. You need to read the last one again.",
    "Eat the first half of lunch slowly. The second half will follow.",
    "If a task takes longer to postpone than to do, do it while the kettle boils.",
    "An evening with no plan is not empty. It is the only one that can surprise you.",
    "Learn one keyboard shortcut a week. In a year that is fifty small roads around the mouse.",
    "Turn off every notification that does not come from a person.",
    "Stretch before the stairs, not after the backache.",
    "The best time to stop working is one sentence before you are empty.",
    "Nobody remembers the mail you answered at eleven at night. Your sleep does.",
    "Half an hour outside before noon does more for the night than any pillow.",
    "Ask one colleague to walk instead of meet. You will both say less and mean more.",
    "Teach the thing you learned on Monday to somebody on Friday. That is the whole study plan.",
    "Put vegetables on the plate first. Hunger is not picky when it is early.",
    "A list of five tasks is a plan. A list of fifty is a diary of worry.",
    "When stress shouts, lower your shoulders before you raise your voice.",
    "Keep a bowl of apples where the biscuits used to be and see who notices.",
    "The first page is the hardest one to read. Leave the book open on it.",
    "One deep block before lunch beats three shallow ones after it.",
)

REWORDED = (
    (
        "Put the phone to charge in the kitchen tonight. The bedroom gets darker and the morning gets slower.",
        "Tonight, put your phone to charge in the kitchen. The bedroom gets darker, the morning gets slower.",
    ),
    (
        "A short walk after lunch is not lost time. It is where the afternoon begins.",
        "Is a short walk after lunch lost time? No, it is where the afternoon begins.",
    ),
    (
        "Three slow breaths before you answer that message. The reply will be shorter and kinder.",
        "Take three slow breaths before you answer that message: your reply will be shorter and kinder.",
    ),
    (
        "You do not need a new notebook. You need to read the last one again.",
        "You don't need a new notebook, you need to read your last one again.",
    ),
    (
        "The best time to stop working is one sentence before you are empty.",
        "The best moment to stop working is one sentence before you're empty.",
    ),
    (
        "A list of five tasks is a plan. A list of fifty is a diary of worry.",
        "Five tasks on a list is a plan. A list of fifty is a diary of worry.",
    ),
    (
        "Everybody says drink more water. Nobody says put the glass where your hand already is.",
        "Everyone says drink more water. No one says put the glass where your hand already is.",
    ),
    (
        "Learn one keyboard shortcut a week. In a year that is fifty small roads around the mouse.",
        "One keyboard shortcut a week. In a year, that is fifty small roads around the mouse.",
    ),
    (
        "Your chair is not the problem. The eight hours without leaving it are.",
        "The problem is not your chair. The eight hours without leaving it are.",
    ),
    (
        "Nobody remembers the mail you answered at eleven at night. Your sleep does.",
        "Nobody will remember the mail you answered at eleven last night. Your sleep does.",
    ),
)

DIFFERENT = (
    (
        "How to read more: keep one thin book in the bag you already carry.",
        "How to read more: stop finishing books that bore you by page fifty.",
    ),
    (
        "Stop collecting tips about focus. Close one tab and finish the sentence you were in.",
        "Stop collecting tips about sleep. Turn the lamp off and see what happens.",
    ),
    (
        "Three slow breaths before you answer that message. The reply will be shorter and kinder.",
        "Three things to do before you answer: stand up, drink some water, read it again.",
    ),
    (
        "1. Stand up when the phone rings\n2. Walk while you talk\n3. Sit down when you hang up",
        "1. Write down what done means\n2. Ask who needs it, and when\n3. Keep the last day empty",
    ),
    (
        "Before: twelve open chats and a cold coffee\nAfter: one chat, one task, one warm cup",
        "Before: scrolling until the battery is empty\nAfter: reading until the eyes are",
    ),
    (
        "The alarm that never moves is the one you end up trusting.",
        "The alarm is not the enemy. The second one is.",
    ),
    (
        "A short walk after lunch is not lost time. It is where the afternoon begins.",
        "A short walk before breakfast is a meeting that nobody else can join.",
    ),
    (
        "Write the worry down, give it a date, and go to dinner. It will keep.",
        "Write tomorrow's first task on paper and close the laptop on top of it.",
    ),
    (
        "The best time to stop working is one sentence before you are empty.",
        "The best time to start is before you have read everything about it.",
    ),
    (
        "Turn off every notification that does not come from a person.",
        "Turn the chair to the window for ten minutes and call it a break.",
    ),
    (
        "What did you last do without looking at a screen? Start tomorrow with that.",
        "What did you last learn without a search engine? Write that down tonight.",
    ),
    (
        "Put vegetables on the plate first. Hunger is not picky when it is early.",
        "Put the shoes by the door first. Motivation is not picky when it is dressed.",
    ),
)

_SYNONYMS = {
    "tonight": "this evening",
    "short": "brief",
    "slow": "calm",
    "start": "begin",
    "stop": "quit",
    "small": "little",
    "best": "finest",
    "nobody": "no one",
    "everybody": "everyone",
    "week": "month",
    "first": "opening",
    "before": "ahead of",
    "answer": "reply to",
    "read": "study",
    "walk": "stroll",
    "keep": "leave",
    "one": "a single",
    "that": "this",
}


def _synonyms(text: str, rng: random.Random, left: int = 2) -> str:
    words = text.split(" ")
    for at in rng.sample(range(len(words)), len(words)):
        if left and words[at].lower() in _SYNONYMS:
            words[at] = _SYNONYMS[words[at].lower()]
            left -= 1
    return " ".join(words)


def _typos(text: str, rng: random.Random) -> str:
    letters = list(text)
    for at in rng.sample(range(len(letters) - 1), max(1, len(letters) // 40)):
        letters[at], letters[at + 1] = letters[at + 1], letters[at]
    return "".join(letters)


def _sentences(text: str) -> list[str]:
    return [part for part in re.split(r"(?<=[.!?:])\s+|\n+", text) if part]


def _swapped(text: str, rng: random.Random) -> str:
    sentences = _sentences(text)
    return " ".join(sentences[::-1])


def _one_word_fewer(text: str, rng: random.Random) -> str:
    words = text.split()
    del words[rng.randrange(len(words))]
    return " ".join(words)


EDITS: dict[str, Callable[[str, random.Random], str]] = {
    "the same again": lambda text, rng: text,
    "louder": lambda text, rng: text.upper(),
    "no punctuation": lambda text, rng: re.sub(r"[^\w\s']", "", text).lower(),
    "one line": lambda text, rng: " ".join(text.split()),
    "a line for each sentence": lambda text, rng: "\n\n".join(_sentences(text)),
    "emoji added": lambda text, rng: f"\u2728 {text} \U0001f331",
    "a tag and a link added": lambda text, rng: f"{text} #habits https://example.com/p/7",
    "an opening added": lambda text, rng: f"Reminder: {text}",
    "a closing added": lambda text, rng: f"{text} Try it.",
    "sentences swapped": _swapped,
    "two synonyms": _synonyms,
    "four synonyms": lambda text, rng: _synonyms(text, rng, 4),
    "swapped, two synonyms": lambda text, rng: _swapped(_synonyms(text, rng), rng),
    "a sentence added": lambda text, rng: f"{text} Worth a try this week, and cheaper than an app.",
    "a sentence before": lambda text, rng: f"Something I keep coming back to. {text}",
    "typos": _typos,
    "one word fewer": _one_word_fewer,
    "curly quotes and dashes": lambda text, rng: text.replace("'", "\u2019").replace(", ", " \u2014 "),
    "full-width letters": lambda text, rng: "".join(
        chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text
    ),
}
"""Edits after which a reader still sees the same post."""


def duplicates() -> list[tuple[str, str, str]]:
    """``(how, one, other)`` for every pair that must be found."""
    rng = random.Random(11)
    edited = [(how, text, edit(text, rng)) for text in ORIGINALS for how, edit in EDITS.items()]
    return edited + [("reworded", one, other) for one, other in REWORDED]


def different() -> list[tuple[str, str]]:
    """Pairs that must not be called duplicates."""
    return [*itertools.combinations(ORIGINALS, 2), *DIFFERENT]
