"""Reading saved pages: zeros left out of labels, quoted posts, and pages that are not what was asked for."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stonechat.core.model import Metrics
from stonechat.networks.x_web.dom_parser import (
    PageKind,
    exact,
    page_kind,
    read_label,
    read_page,
    read_profile_page,
)
from stonechat.networks.x_web.recordings import parse_file


def article(
    label: str | None, *, quoted: str = "", body: str = "<span>own words</span>", buttons: str = ""
) -> str:
    group = f'<div role="group" aria-label="{label}">{buttons}</div>' if label is not None else buttons
    text = f'<div data-testid="tweetText">{body}</div>' if body else ""
    return f"""<article data-testid="tweet"><div data-testid="User-Name"><a href="/us">Us</a>
      <a href="/us/status/1900000000000000001"><time datetime="2026-01-05T09:00:00.000Z"></time></a></div>
      {text}{quoted}{group}</article>"""


QUOTED = """<div role="link">
  <div data-testid="User-Name">Other <time datetime="2020-02-02T02:02:02.000Z"></time></div>
  <div data-testid="tweetText">their words</div><a href="/other/status/1800000000000000001/photo/1"></a>
</div>"""


def test_the_label_gives_exact_counts() -> None:
    [post] = read_page(article("49 replies, 1294 reposts, 1362 likes, 67 bookmarks, 34401 views"))

    assert post.metrics == Metrics(replies=49, reposts=1294, likes=1362, bookmarks=67, views=34401)
    assert (post.id, post.author, post.text) == ("1900000000000000001", "us", "own words")
    assert post.created_at == datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def test_a_count_left_out_of_the_label_is_zero_but_views_and_quotes_stay_unknown() -> None:
    [post] = read_page(article("1 like"))
    [fresh] = read_page(article(""))

    assert post.metrics == Metrics(replies=0, reposts=0, likes=1, bookmarks=0)
    assert fresh.metrics == Metrics(replies=0, reposts=0, likes=0, bookmarks=0)


def test_without_a_label_nothing_is_zero() -> None:
    [post] = read_page(article(None))

    assert post.metrics == Metrics()


def test_a_label_in_words_we_do_not_know_is_not_filled_with_zeros() -> None:
    [post] = read_page(article("49 Antworten, 1.294 Reposts, 67 Lesezeichen"))

    assert post.metrics == Metrics(reposts=1294)


def test_buttons_speak_where_the_label_is_missing() -> None:
    buttons = '<button data-testid="reply" aria-label="0 Replies. Reply"></button>'
    buttons += '<button data-testid="like" aria-label="1,362 Likes. Like"></button>'
    [post] = read_page(article(None, buttons=buttons))

    assert post.metrics == Metrics(replies=0, likes=1362)


def test_views_come_from_their_own_link_where_the_label_has_none() -> None:
    link = '<a href="/us/status/1/analytics" aria-label="34401 views. View post analytics"></a>'
    [post] = read_page(article("2 replies", buttons=link))

    assert post.metrics.views == 34401


@pytest.mark.parametrize(
    ("label", "views"),
    [
        ("34,401 views", 34401),
        ("34.401 views", 34401),
        ("34\u202f401 views", 34401),
        ("34 401 views", 34401),
        ("12,34,401 views", 1234401),
        ("1.2K views", None),
        ("34K views", None),
        ("1.2 views", None),
    ],
)
def test_grouped_numbers_are_exact_and_abbreviated_ones_are_unknown(label: str, views: int | None) -> None:
    assert read_label(f"1,294 reposts, {label}") == {"reposts": 1294, "views": views}


def test_a_plain_number_is_exact() -> None:
    assert [exact(number) for number in ("0", "7", "1.5", "1,5", "", "x")] == [0, 7, None, None, None, None]


def test_a_quoted_post_is_a_post_of_its_own_and_lends_nothing_to_the_outer_one() -> None:
    outer, inner = read_page(article("3 likes", quoted=QUOTED))

    assert (outer.text, outer.metrics.likes, outer.quoted_id) == ("own words", 3, inner.id)
    assert (inner.id, inner.author, inner.text) == ("1800000000000000001", "other", "their words")
    assert inner.metrics == Metrics()


def test_a_post_without_words_does_not_take_the_words_of_the_one_it_quotes() -> None:
    outer, _ = read_page(article("3 likes", quoted=QUOTED, body=""))

    assert outer.text == ""
    assert outer.created_at == datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def test_emoji_pictures_and_line_breaks_are_text() -> None:
    [post] = read_page(article("", body='<span>one</span><br><img alt="🎉"><a href="/t">two</a>'))

    assert post.text == "one\n🎉two"


@pytest.mark.parametrize(
    ("html", "address", "kind"),
    [
        (article(""), "/home", PageKind.POSTS),
        ('<div data-testid="empty_state_header_text">No results</div>', "/search", PageKind.EMPTY),
        ("<title>Log in to X / X</title>", "/anything", PageKind.LOGIN),
        ("<p>x</p>", "https://x.com/i/flow/login?redirect=1", PageKind.LOGIN),
        ("<p>x</p>", "https://x.com/account/access", PageKind.LOCKED),
        (
            "<p>Your account is suspended and is not permitted to perform this action.</p>",
            "/",
            PageKind.SUSPENDED,
        ),
        ("<p>Before you continue, choose your cookies</p>", "/", PageKind.CONSENT),
        ("<p>Confirm you're human</p>", "/", PageKind.CHALLENGE),
        ("<span>Something went wrong. Try reloading.</span>", "/", PageKind.FAILED),
        ("<p>something else</p>", "/", PageKind.OTHER),
        (
            article("", body="Your account has been locked, they wrote. Something went wrong."),
            "/",
            PageKind.POSTS,
        ),
    ],
)
def test_each_way_of_being_kept_out_is_told_apart(html: str, address: str, kind: PageKind) -> None:
    assert page_kind(html, address) is kind


def test_a_profile_page_gives_name_and_exact_counts_only() -> None:
    html = """<div data-testid="UserName"><span>Quiet Builder</span><span>@quietbuilder</span></div>
      <div data-testid="UserDescription">builds</div>
      <a href="/quietbuilder/verified_followers"><span>1,234</span> Followers</a>
      <a href="/quietbuilder/following"><span>1.2K</span> Following</a>"""
    profile = read_profile_page(html)

    assert profile is not None
    assert (profile.name, profile.handle, profile.bio) == ("Quiet Builder", "quietbuilder", "builds")
    assert (profile.followers, profile.following) == (1234, None)


def test_a_page_saved_as_one_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "page.mhtml"
    page = article("3 likes").replace("=", "=3D")
    path.write_text(
        'From: <Saved by Blink>\nMIME-Version: 1.0\nContent-Type: multipart/related; boundary="b"\n\n'
        "--b\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n"
        f"{page}\n--b--\n"
    )

    [post] = parse_file(path)
    assert post.metrics.likes == 3


@pytest.mark.parametrize(
    "html",
    [
        '<article data-testid="tweet">' * 20_000,
        "<div>" * 300_000,
        '<article data-testid="tweet"><a href="/a/status/1">' * 3_000,
        "<div>" * 100_000 + '<article data-testid="tweet"></article>',
    ],
)
def test_a_page_that_nests_without_end_takes_no_time_and_shows_nothing(html: str) -> None:
    began = time.process_time()
    assert read_page(html) == []
    page_kind(html)
    assert time.process_time() - began < 5


def test_a_thousand_posts_beside_each_other_are_read_in_a_moment() -> None:
    one = '<article data-testid="tweet"><a href="/a/status/{}"><time datetime="2026-01-01T00:00:00Z"></time></a></article>'
    began = time.process_time()
    assert len(read_page("".join(one.format(10**18 + n) for n in range(1000)))) == 1000
    assert time.process_time() - began < 5
