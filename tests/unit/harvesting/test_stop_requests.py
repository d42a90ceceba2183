"""Who asks to be left alone is heard, in many languages; who only talks is not taken for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stonechat.harvesting.stop_requests import wants_no_bots, wants_no_replies

DATA = Path(__file__).parents[2] / "data"
STOP, NO_BOTS, NO_REQUEST = (
    (DATA / name).read_text(encoding="utf-8").splitlines()
    for name in ("stop_requests.txt", "no_bots_signs.txt", "no_stop_requests.txt")
)

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


@pytest.mark.parametrize("text", [*SIGNS, *NO_BOTS])
def test_a_sign_in_a_profile_or_a_post_is_heard(text: str) -> None:
    assert wants_no_bots(text) and wants_no_replies(text)


@pytest.mark.parametrize("text", [*TALK, *NO_REQUEST])
def test_ordinary_talk_is_no_request_to_stop(text: str) -> None:
    assert not wants_no_replies(text) and not wants_no_bots(text)


REQUEST = "please stop replying to me"


@pytest.mark.parametrize(
    "spelled",
    [
        REQUEST.upper(),
        REQUEST.title(),
        "please stop repyling to me",
        "please stop replyiing to me",
        "pleease stooop replying to me",
        "please st0p reply1ng to me",
        "p l e a s e  stop replying to me",
        "please stop replying to me 😡🙏",
        "please 🛑 replying to me",
        "@robin @wren please stop replying to me",
        "\uff50\uff4c\uff45\uff41\uff53\uff45 stop replying to me",
        '"I love it" — no, please stop replying to me',
        '"please stop replying to me"',
    ],
)
def test_a_request_is_heard_however_it_is_spelled(spelled: str) -> None:
    assert wants_no_replies(spelled)


@pytest.mark.parametrize(
    "marks", ['"{}"', "\u201c{}\u201d", "\u201e{}\u201c", "\xab{}\xbb", "\u300c{}\u300d", "'{}'"]
)
def test_what_somebody_quotes_is_not_said_by_them(marks: str) -> None:
    quoted = marks.format("stop replying to me, no bots")
    assert not wants_no_replies(f"She told her boss {quoted} and he laughed. Your view?")
    assert wants_no_replies(f"As I said: {quoted}. So please stop replying to me")


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    assert wants_no_replies(text) or not wants_no_bots(text)
