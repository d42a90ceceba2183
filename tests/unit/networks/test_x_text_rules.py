"""X's reading of a text: what it weighs, and what in it becomes live."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stonechat.networks import x_text_rules as text_rules
from stonechat.networks.x_text_rules import entities, weighted_length

TABLES = json.loads(Path(text_rules.__file__).with_name("x_text_tables.json").read_text(encoding="utf-8"))
LOCAL = Path(__file__).resolve().parents[3] / "packages/aviary/src/stonechat_aviary/text_tables.json"


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("", 0),
        ("plain", 5),
        ("Cafe\u0301", 4),
        ("\u6f22\u5b57", 4),
        ("\u201cquoted\u201d \u2026", 11),
        ("two\r\nlines", 9),
        ("\U0001f426\u200d\U0001f525", 2),  # newer than Unicode 12
        ("\U0001fae0", 2),
        ("\U0001f468\u200d\U0001f469\u200d\U0001f467", 2),
        ("\U0001f44d\U0001f3fd", 2),
        ("\U0001f1e9\U0001f1ea\U0001f1e9\U0001f1ea", 4),
        ("1\ufe0f\u20e3 1", 4),
        ("https://example.org", 23),
        ("a https://example.org/" + "x" * 300 + " b", 27),
        ("README.md", 23),
        ("main.rs, docs.python.org.", 49),
        ("example.web/page", 23),  # a top-level domain newer than the old parser's list
        ("www.example.org", 23),
        ("v1.2.3 and 3.14", 15),
        ("not.a.domainatall", 17),
        ("mail@example.org", 16),
    ],
)
def test_a_text_weighs_what_x_says(text: str, weight: int) -> None:
    assert weighted_length(text) == weight


def test_every_emoji_of_unicode_weighs_two() -> None:
    assert len(TABLES["emoji"]) > 5000
    assert {one for one in TABLES["emoji"] if weighted_length(one) != 2} == set()


def test_every_top_level_domain_makes_a_link() -> None:
    assert len(TABLES["top_level_domains"]) > 1400
    ascii_domains = [one for one in TABLES["top_level_domains"] if one.isascii()]
    assert [one for one in ascii_domains if entities(f"see page.{one} now").links != (f"page.{one}",)] == []
    others = [one for one in TABLES["top_level_domains"] if not one.isascii()]
    wanted = [f"https://page.{one}" for one in others]
    assert [one for one in wanted if entities(f"see {one} now").links != (one,)] == []


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("See README.md and main.rs.", ("README.md", "main.rs")),
        ("docs.python.org/3/library", ("docs.python.org/3/library",)),
        ("www.x.org?a=b", ("www.x.org",)),
        ("http://a.de/b(c)d?e=f#g.", ("http://a.de/b(c)d?e=f#g",)),
        ("(example.com)", ("example.com",)),
        ("m\u00fcller.de", ("m\u00fcller.de",)),
        ("\u65e5\u672c\u8a9e.jp", ()),
        ("https://\u65e5\u672c\u8a9e.jp/a", ("https://\u65e5\u672c\u8a9e.jp/a",)),
        ("xn--wgv71a119e.jp", ("xn--wgv71a119e.jp",)),
        ("example.com\u4e2d\u56fd", ("example.com",)),
        ("e.g. this, i.e. that. And so on", ()),
        ("end.Then it began", ()),
        ("@example.com #example.com $example.com", ()),
        ("foo_bar.com", ()),
        ("U.S.A.https://example.org", ("https://example.org",)),
        ("https://t.co/abc123/more", ("https://t.co/abc123",)),
        ("ftp://example.org mailto:a@example.org", ()),
        ("localhost:8080 http://localhost", ()),
        ("HTTP://EXAMPLE.COM/X", ("HTTP://EXAMPLE.COM/X",)),
    ],
)
def test_links_are_what_x_makes_of_them(text: str, links: tuple[str, ...]) -> None:
    assert entities(text).links == links


def test_mentions_and_tags_are_told_without_their_signs() -> None:
    found = entities("@robin and (@wren), #sleep #2026 #2026goals $ABC $a.b http://x.org/#no a@b.com $1")
    assert found.mentions == ("robin", "wren")
    assert found.hashtags == ("sleep", "2026goals")
    assert found.cashtags == ("ABC", "a.b")
    assert found.links == ("http://x.org/#no",)


@given(st.text(alphabet="ab.-_/:@#$()?=& \n\u00e9\u65e5\U0001f600\u200d\ufe0fhtps", max_size=80))
def test_any_text_can_be_measured(text: str) -> None:
    found = entities(text)
    assert weighted_length(text) >= 0
    assert not [link for link in found.links if link not in text]


@pytest.mark.parametrize(
    "piece", ["a.", "a-", "a_", "(", "@a", "\u00e4-", "a-.", "#a", "$a", "http://a-", "a.de/(a"]
)
def test_the_time_grows_with_the_length_and_not_with_its_square(piece: str) -> None:
    """A model's answer may hold megabytes: ten times the text takes far less than a hundred times as long."""

    def takes(times: int) -> float:
        text = piece * times
        began = time.process_time()
        weighted_length.__wrapped__(text)
        entities(text)
        return time.process_time() - began

    takes(10)  # the tables are read at first use
    short = min(takes(3000) for _ in range(3))
    assert takes(30_000) < 40 * max(short, 0.002)


def test_both_tables_are_the_same() -> None:
    """The local network has a copy of its own, since it shares no code with us."""
    assert json.loads(LOCAL.read_text(encoding="utf-8")) == TABLES
