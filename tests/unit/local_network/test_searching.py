"""X's search syntax."""

from __future__ import annotations

from stonechat_aviary.searching import parse_query


def test_operators_are_told_from_words() -> None:
    query = parse_query(
        "deep work min_faves:300 -filter:replies lang:en from:@Calm_Desk -crypto since:2026-01-05"
    )
    assert query.groups == (("deep",), ("work",))
    assert (query.min_likes, query.replies, query.lang) == (300, False, "en")
    assert query.authors == ("calm_desk",)
    assert query.without == ("crypto",)
    assert query.since == 1_767_571_200.0


def test_or_joins_words_and_quotes_keep_phrases_together() -> None:
    query = parse_query('(sleep OR nap) "deep work"')
    assert query.groups == (("sleep", "nap"), ("deep work",))
    assert query.matches_text("A nap after deep work.")
    assert not query.matches_text("A nap after work, deep in thought.")


def test_words_match_whole_words_only() -> None:
    assert parse_query("nap").matches_text("Nap!")
    assert not parse_query("nap").matches_text("snapshot")


def test_a_mention_is_searched_as_a_word() -> None:
    assert parse_query("@quietbuilder").matches_text("Well said, @quietbuilder.")
    assert not parse_query("@quietbuilder").matches_text("quietbuilder")


def test_an_unknown_operator_is_a_word_and_a_bad_number_is_none() -> None:
    assert parse_query("a:b").groups == (("a:b",),)
    assert parse_query("min_faves:many").min_likes == 0
