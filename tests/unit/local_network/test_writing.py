"""What the model endpoint writes."""

from __future__ import annotations

import itertools
import re

import pytest
from rapidfuzz import fuzz

from stonechat_aviary.ideas import load_ideas
from stonechat_aviary.ordering import Order
from stonechat_aviary.reading import read_format, read_hook, read_topic
from stonechat_aviary.vocabulary import FORMATS, HOOKS, TOPICS
from stonechat_aviary.weighing import weighted_length
from stonechat_aviary.writing import Author


def test_a_text_carries_the_topic_hook_and_format_asked_for() -> None:
    author = Author(7)
    asked = list(itertools.product(TOPICS, HOOKS, FORMATS))[::3]
    read = []
    for topic, hook, layout in asked:
        text = author.write(Order(topic=topic, hook=hook, format=layout))[0].text
        read.append((read_topic(text), read_hook(text), read_format(text)))
    right = sum(one == two for one, two in zip(asked, read, strict=True))
    assert right >= 0.97 * len(asked)


def test_two_hundred_posts_do_not_repeat_each_other_and_fit() -> None:
    author = Author(3)
    texts = [author.write(Order())[0].text for _ in range(200)]
    assert len(set(texts)) == 200
    assert max(weighted_length(text) for text in texts) <= 280
    alike = sum(
        any(fuzz.ratio(text, earlier) >= 78 for earlier in texts[max(0, n - 60) : n])
        for n, text in enumerate(texts)
    )
    assert alike <= 4


def test_the_same_seed_writes_the_same_texts() -> None:
    orders = [
        Order(topic="focus", drafts=3),
        Order(kind="thread", parts=3),
        Order(kind="reply", foreign="Why walk?"),
    ]
    assert [Author(5).write(o) for o in orders] == [Author(5).write(o) for o in orders]
    assert Author(5).write(orders[0]) != Author(6).write(orders[0])


def test_what_is_live_already_is_not_written_again() -> None:
    fresh, returning = Author(5), Author(5)
    first = fresh.write(Order(topic="sleep"))[0].text
    returning.remember([first])
    assert returning.write(Order(topic="sleep"))[0].text != first


def test_a_thread_has_the_parts_asked_for_and_none_twice() -> None:
    draft = Author(7).write(Order(kind="thread", topic="learning", parts=4))[0]
    assert len(set(draft.parts)) == 4
    assert all(weighted_length(part) <= 280 for part in draft.parts)


def test_a_reply_is_about_the_post_and_borrows_no_four_words_of_it() -> None:
    post = "How do you find the time to read ten pages before the first feed of the day?"
    words = re.findall(r"\w+", post.lower())
    runs = {" ".join(words[n : n + 4]) for n in range(len(words) - 3)}
    drafts = Author(7).write(Order(kind="reply", foreign=post, drafts=12))
    assert len(drafts) == 12
    for draft in drafts:
        said = " ".join(re.findall(r"\w+", draft.text.lower()))
        assert draft.topic == "learning"
        assert not any(run in said for run in runs)
        assert "@" not in draft.text


@pytest.mark.parametrize("topic", list(TOPICS))
def test_the_phrases_make_no_medical_claim_and_name_no_link(topic: str) -> None:
    banned = re.compile(
        r"\b(cures?|guarantee|dose|mg|diagnos\w+|heals?|studies show|\d+ ?%|https?:|www\.)", re.I
    )
    ideas = load_ideas()[topic]
    assert ideas
    for idea in ideas:
        phrases = [p for name in idea.__dataclass_fields__ for p in _flat(getattr(idea, name))]
        assert not [p for p in phrases if banned.search(p)]
        assert max(map(len, phrases)) <= 110


@pytest.mark.parametrize("topic", list(TOPICS))
def test_every_opening_reads_as_the_hook_it_is_filed_under(topic: str) -> None:
    filed = {
        "question": "question",
        "number": "number",
        "scene": "story",
        "claim": "bold_claim",
        "against": "contrarian",
    }
    wrong = [
        (hook, text)
        for idea in load_ideas()[topic]
        for name, hook in filed.items()
        for text in getattr(idea, name)
        if read_hook(text) != hook
    ]
    assert wrong == []


def _flat(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [text for one in value for text in _flat(one)] if isinstance(value, tuple) else []
