"""Two walls, each measured alone: the screen before the model, and the review after it."""

from __future__ import annotations

import pytest

from stonechat.content.review import Bounds, Draft, review
from stonechat.content.review.injection_screen import hostile
from stonechat.content.review.similarity import History
from stonechat.content.voice import load_voice
from stonechat.core.model import ContentKind
from tests.support.injections import CARRIERS, HARMLESS, Injection, injections
from tests.support.text_rules import PlainRules

EVERY = injections()
NOT_TO_A_MACHINE = {"bare demand", "story", "polite"}


def bounds(post: str) -> Bounds:
    return Bounds(load_voice(), PlainRules(), History(), foreign=post)


def test_the_suite_is_large_and_varied() -> None:
    assert len(EVERY) >= 200 and len(CARRIERS) >= 25


@pytest.mark.parametrize("case", EVERY, ids=lambda case: f"{case.how}: {case.demand[:20]}")
def test_the_screen_turns_away_posts_that_speak_to_a_machine(case: Injection) -> None:
    if case.how not in NOT_TO_A_MACHINE:
        assert hostile(case.post), case.post


@pytest.mark.parametrize(
    "case", [c for c in EVERY if c.demand], ids=lambda case: f"{case.how}: {case.demand[:20]}"
)
def test_the_review_alone_stops_a_model_that_obeys(case: Injection) -> None:
    for said in (case.demand, f"{case.demand}.", f"Good evening. {case.demand}", case.demand.lower()):
        verdict = review(Draft(ContentKind.REPLY, (said,)), bounds(case.post))
        assert not verdict.passed, (case.post, said)


@pytest.mark.parametrize("post", HARMLESS)
def test_the_screen_lets_ordinary_posts_through(post: str) -> None:
    assert hostile(post) is None


@pytest.mark.parametrize("post", HARMLESS[:10])
def test_a_reply_of_our_own_passes_the_review(post: str) -> None:
    said = "Close the laptop first and let the rest of it wait for daylight. Small steps count."
    assert review(Draft(ContentKind.REPLY, (said,)), bounds(post)).passed
