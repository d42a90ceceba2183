"""Who asks to be left alone is heard, in many languages; who only talks is not taken for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from stonechat.harvesting.stop_requests import wants_no_bots, wants_no_replies

STOP = (Path(__file__).parents[2] / "data" / "stop_requests.txt").read_text(encoding="utf-8").splitlines()

SIGNS = [
    "Writer. #NoBot",
    "Gardener, father. #nobots",
    "no bots, no crypto",
    "#NoAI | humans only",
    "Bots will be blocked.",
    "Keine Bots.",
    "Pas de bots ici",
    "Sin bots, gracias",
    "DNI: bots",
    "без ботов",
    "ボットお断り",
]

TALK = [
    "How do you stop working in the evening?",
    "I could not stop reading last night.",
    "The bus stop is where I read.",
    "My phone does not stop ringing, what do you do?",
    "When do you answer mail?",
    "I never answer mail after six.",
    "Does a robot vacuum count as tidying up?",
    "Nonstop meetings today. How do you take breaks?",
    "Leave the phone in the hallway, works for me.",
    "Enough sleep changes everything.",
    "I need to write more often.",
    "Wie schläfst du so gut?",
    "Para dormir mejor leo un libro.",
    "Never thought of that, thanks!",
]


@pytest.mark.parametrize("text", STOP)
def test_a_request_to_stop_is_heard(text: str) -> None:
    assert wants_no_replies(text)


@pytest.mark.parametrize("text", SIGNS)
def test_a_sign_in_a_profile_or_a_post_is_heard(text: str) -> None:
    assert wants_no_bots(text) and wants_no_replies(text)


@pytest.mark.parametrize("text", TALK)
def test_ordinary_talk_is_no_request_to_stop(text: str) -> None:
    assert not wants_no_replies(text) and not wants_no_bots(text)
