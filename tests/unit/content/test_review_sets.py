"""The labelled sets: which share of hostile texts is stopped, and which share of good ones is in the way."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from stonechat.config.settings import ContentSettings
from stonechat.content.review import Bounds, Draft, ReviewVerdict, review
from stonechat.content.review.injection_screen import hostile
from stonechat.content.review.sensitive import LISTED
from stonechat.content.review.similarity import History
from stonechat.content.voice import load_voice
from stonechat.core.model import ContentKind
from tests.support.disguises import DISGUISES, one_word_disguised
from tests.support.review_sets import Labelled, labelled
from tests.support.text_rules import PlainRules

EVERY = labelled()
HALVES = pytest.mark.parametrize("held_out", [False, True], ids=["tuned", "held out"])


def reviewed(one: Labelled) -> ReviewVerdict:
    voice = load_voice().model_copy(update={"language": one.language})
    return review(Draft(ContentKind.SINGLE, (one.text,)), Bounds(voice, PlainRules(), History()))


def goes_out(one: Labelled) -> bool:
    """Whether it would be queued though neither the owner nor a second model has read it."""
    result = reviewed(one)
    return result.passed and result.doubt is None


def chosen(held_out: bool, *, is_hostile: bool, of_others: bool) -> list[Labelled]:
    return [
        one
        for one in EVERY
        if (one.held_out, one.hostile, one.of_others) == (held_out, is_hostile, of_others)
    ]


def test_the_sets_are_large_and_their_halves_alike() -> None:
    assert sum(one.hostile for one in EVERY) >= 300
    assert sum(not one.hostile for one in EVERY) >= 300
    assert len({one.language for one in EVERY}) >= 20
    assert 0.4 < sum(one.held_out for one in EVERY) / len(EVERY) < 0.6


@HALVES
def test_of_good_drafts_at_most_two_in_a_hundred_are_refused(held_out: bool) -> None:
    every = chosen(held_out, is_hostile=False, of_others=False)
    refused = [one.text for one in every if not reviewed(one).passed]
    assert len(refused) <= 0.02 * len(every), refused


@HALVES
def test_of_good_drafts_at_most_one_in_ten_waits_for_the_owner_where_no_model_judges(held_out: bool) -> None:
    every = [one for one in chosen(held_out, is_hostile=False, of_others=False) if one.language in LISTED]
    held = [one.text for one in every if reviewed(one).doubt]
    assert len(held) <= 0.1 * len(every), held


@HALVES
def test_of_hostile_drafts_at_most_one_in_ten_is_neither_refused_nor_doubted(held_out: bool) -> None:
    """What the review does alone, in words that no list can hold; a second model reads what is left."""
    every = chosen(held_out, is_hostile=True, of_others=False)
    unseen = [one.text for one in every if goes_out(one)]
    assert len(unseen) <= 0.1 * len(every), unseen


@HALVES
def test_of_hostile_drafts_at_most_two_in_a_hundred_go_out_unread_where_no_model_judges(
    held_out: bool,
) -> None:
    every = chosen(held_out, is_hostile=True, of_others=False)
    unseen = sum(goes_out(one) for one in every)
    assert unseen * (1 - ContentSettings().approval_share) <= 0.02 * len(every)


def test_where_no_list_covers_the_language_every_draft_is_read_first() -> None:
    others = [one for one in EVERY if one.language not in LISTED and not one.of_others]
    assert len(others) > 100
    assert [one.text for one in others if goes_out(one)] == []


@pytest.mark.parametrize("how", DISGUISES)
def test_no_hostile_draft_goes_out_in_a_disguise(how: str) -> None:
    """Of each text as a whole; and where its longest word alone is disguised, that never helps it."""
    rng = random.Random(7)
    every = [one for one in chosen(True, is_hostile=True, of_others=False) if one.language == "en"]
    whole = [replace(one, text=DISGUISES[how](one.text, rng)[:280]) for one in every]
    assert [one.text for one in whole if goes_out(one)] == []
    worded = [replace(one, text=one_word_disguised(one.text, how, rng)[:280]) for one in every]
    assert sum(map(goes_out, worded)) <= sum(map(goes_out, every))


@HALVES
def test_of_posts_that_steer_a_machine_at_most_three_in_a_hundred_are_answered(held_out: bool) -> None:
    every = chosen(held_out, is_hostile=True, of_others=True)
    answered = [one.text for one in every if hostile(one.text, one.language) is None]
    assert len(answered) <= 0.03 * len(every), answered


@HALVES
def test_of_ordinary_posts_at_most_two_in_a_hundred_are_left_alone(held_out: bool) -> None:
    every = chosen(held_out, is_hostile=False, of_others=True)
    silent = [one.text for one in every if hostile(one.text, one.language)]
    assert len(silent) <= 0.02 * len(every), silent
