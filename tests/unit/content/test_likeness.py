"""Near-duplicates on the labelled pairs: none missed, fewer than one in a hundred false."""

from __future__ import annotations

from stonechat.content.review.similarity import ALIKE, History, likeness
from tests.unit.content.likeness_pairs import ORIGINALS, different, duplicates


def test_no_labelled_duplicate_is_missed() -> None:
    pairs = duplicates()
    missed = [pair for pair in pairs if History([pair[1]]).closest(pair[2]) is None]
    assert len(pairs) >= 600 and not missed


def test_fewer_than_one_in_a_hundred_different_pairs_are_called_duplicates() -> None:
    pairs = different()
    false = [pair for pair in pairs if likeness(*pair) >= ALIKE]
    assert len(pairs) >= 600 and len(false) < 0.01 * len(pairs)


def test_likeness_is_symmetric() -> None:
    pairs = different()[:200]
    assert len(pairs) == 200
    assert all(abs(likeness(a, b) - likeness(b, a)) < 1e-9 for a, b in pairs)


def test_the_closest_text_is_named_as_it_was_written() -> None:
    match = History(ORIGINALS).closest(ORIGINALS[4].upper())
    assert match is not None and match.text == ORIGINALS[4] and match.score > 99


def test_only_the_newest_texts_count_however_long_the_history() -> None:
    history = History((f"{text} {number}" for number in range(100) for text in ORIGINALS), limit=500)
    assert len(history) == 500
    assert len(history.without(f"{ORIGINALS[0]} 0")) == 499


def test_a_draft_without_words_is_like_nothing() -> None:
    assert History(ORIGINALS).closest("!!! \U0001f331") is None
