"""The form in which texts are kept, and the one measure of whether a shown text is the one that was sent."""

from __future__ import annotations

import html
import random
import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stonechat.core.model import Content, ContentKind
from stonechat.core.network import NetworkPost
from stonechat.core.states import ContentState
from stonechat.core.texts import canonical, same_text

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
LONG = "w" * 80


@pytest.mark.parametrize(
    ("ours", "shown"),
    [
        ("Two  spaces\n\nand lines", "Two spaces\nand lines"),
        ("Tea & toast < cake", "Tea &amp; toast &lt; cake"),
        ("Cafe\u0301 at six", "Caf\u00e9 at six"),
        ("\u1112\u1161\u11ab\u1100\u1173\u11af", "\ud55c\uae00"),
        ("\u2126 and \u212b", "\u03a9 and \u00c5"),
        ("I \u2764\ufe0f it", "I \u2764 it"),
        ("Read https://example.org/long/path now", "Read https://t.co/abc now"),
        ("See README.md and main.rs.", "See http://README.md and http://main.rs."),
        ("docs.python.org, of course", "http://docs.python.org, of course"),
        ("www.example.org/a", "http://www.example.org/a"),
        ("Read HTTPS://Example.org/Path", "Read https://example.org/Path"),
        ("at https://example.org/", "at https://example.org"),
        ("m\u00fcller.de is up", "http://xn--mller-kva.de is up"),
        ("a https://example.org/K\u00f6ln b", "a https://example.org/K%C3%B6ln b"),
        ("(see example.org/a).", "(see https://t.co/abc)."),
        ("https://example.org/a/long/path/to/it here", "example.org/a/long/pat… here"),
        ("With a picture", "With a picture https://t.co/pic"),
        ("With a picture", "With a picture pic.x.com/Ab12"),
        ("main.rs, or main.rs,lib.rs", "https://t.co/a, or https://t.co/b,https://t.co/c"),
        ("see example.org?a=1", "see http://example.org/?a=1"),
        ("see example.org/?a=1&b=2", "see http://example.org/?a=1&amp;b=2"),
        ("Write &amp; in HTML, and &copy too", "Write &amp;amp; in HTML, and &amp;copy too"),
        ("\ufb01ne, x\u00b2 and \u2460", "fine, x2 and 1"),
        ("\u05e9\u05dc\u05d5\u05dd world", "\u200f\u05e9\u05dc\u05d5\u05dd\u200e world"),
        ("\u2066isolated\u2069", "isolated"),
        ("keycap 1\ufe0f\u20e3", "keycap 1\u20e3"),
        ("Ends with blanks  \u3000\n \u00a0next", "Ends with blanks\nnext"),
        ("Thanks to @wren@birds.example!", "Thanks to @wren!"),
        ("Thanks to @Wren.", "Thanks to @wren."),
        (f"{LONG} and the rest of a long text", f"{LONG} and the…"),
        (f"{LONG} https://example.org/a and the rest", f"{LONG} https://t.co/abc and…"),
    ],
)
def test_what_networks_alter_does_not_hide_a_post(ours: str, shown: str) -> None:
    assert same_text(ours, shown)


@pytest.mark.parametrize(
    ("ours", "shown"),
    [
        ("Good morning", "Good evening"),
        ("Good morning", "Good…"),
        ("a https://x.org b", "a b"),
        ("a https://example.org/1 b", "a https://example.org/2 b"),
        ("Read https://example.org/1", "Read https://example.org/2"),
        ("Read https://example.org/1", "Read https://example.org/12"),
        ("Read https://example.org/A", "Read https://example.org/a"),
        ("Read example.org", "Read"),
        ("@wren hello", "@robin hello"),
        ("@wren hello", "hello"),
        ("hello", "@wren hello"),
        ("GOOD MORNING", "Good morning"),
        ("Read https://example.org/?a=1", "Read https://example.org/?a=2"),
        ("Read https://example.org/#a", "Read https://example.org/#b"),
        ("Read main.rs,lib.rs", "Read https://t.co/a,lib.py"),
        ("Read main,rs", "Read https://t.co/a"),
        ("Write &lt; in HTML", "Write < in HTML"),
        ("Thanks to @wren@birds.example!", "Thanks to @wren@fish.example!"),
        ("\U0001f468\u200d\U0001f469", "\U0001f468\U0001f469"),
        ("\u200b", ""),
        ("\u200b", "https://t.co/pic"),
        (f"{LONG} one thing", f"{LONG} another…"),
        ("", "something"),
    ],
)
def test_another_text_is_another_post(ours: str, shown: str) -> None:
    assert not same_text(ours, shown)


@pytest.mark.parametrize(
    ("ours", "shown", "same"),
    [
        ("Thank you!", "@wren Thank you!", True),
        ("Thank you!", "@wren @robin Thank you!", True),
        ("@wren Thank you!", "@wren Thank you!", True),
        ("@wren Thank you!", "Thank you!", True),
        ("@Robin Thank you!", "@wren @robin Thank you!", True),
        ("@robin Thank you!", "@wren Thank you!", False),
        ("Thank you!", "@wren Thanks!", False),
        ("@wren", "@wren", True),
    ],
)
def test_a_reply_is_known_again_whatever_handles_stand_before_it(ours: str, shown: str, same: bool) -> None:
    assert same_text(ours, shown, reply=True) is same


def test_a_link_to_a_post_at_the_end_may_be_shown_as_the_quoted_post_alone() -> None:
    quoting = NetworkPost("1", "robin", NOW, "Look at this", quoted_id="15")
    assert quoting.shows("Look at this https://x.com/wren/status/15", reply=False)
    assert quoting.shows("Look at this https://twitter.com/wren/status/15?s=20", reply=False)
    assert not quoting.shows("Look at this https://x.com/wren/status/16", reply=False)


@given(st.text())
def test_a_text_in_its_canonical_form_stays_as_it_is_and_is_the_same_text(text: str) -> None:
    kept = canonical(text)
    assert canonical(kept) == kept
    assert unicodedata.is_normalized("NFC", kept)
    assert "\r" not in kept
    kept.encode()


@given(st.text(), st.randoms(use_true_random=False))
def test_every_text_is_known_again_in_every_form_of_unicode(text: str, rng: random.Random) -> None:
    kept = canonical(f"a {text}")
    assert same_text(kept, unicodedata.normalize(rng.choice(("NFC", "NFD", "NFKC", "NFKD")), kept))


@given(st.text(), st.randoms(use_true_random=False))
def test_every_text_is_known_again_whatever_is_escaped_and_marked(text: str, rng: random.Random) -> None:
    kept = canonical(f"a {text}")
    marks = ("", "", "", "\u200e", "\u2069", "\ufe0f", "\u00ad")
    marked = "".join(rng.choice(marks) + sign for sign in kept)
    assert same_text(kept, html.escape(marked, quote=False))


@pytest.mark.parametrize(
    ("given_text", "kept"),
    [
        ("Cafe\u0301\r\ncloses\rat six \n", "Caf\u00e9\ncloses\nat six"),
        ("one\u2028two\u2029three", "one\ntwo\nthree"),
        ("a\x00b\ufeffc\x1bd", "abcd"),
        ("half \ud83d", "half"),
        ("whole \ud83d\ude00", "whole \U0001f600"),
    ],
)
def test_a_text_is_kept_as_the_network_will_keep_it(given_text: str, kept: str) -> None:
    assert canonical(given_text) == kept


def test_content_has_its_texts_in_the_canonical_form_from_the_start() -> None:
    made = Content(
        id="a",
        account_id="x",
        kind=ContentKind.SINGLE,
        state=ContentState.DRAFT,
        parts=("Cafe\u0301\r\n", "plain"),
        due_at=NOW,
        created_at=NOW,
        state_since=NOW,
    )
    assert made.parts == ("Caf\u00e9", "plain")
