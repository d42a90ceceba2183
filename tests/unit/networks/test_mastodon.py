"""Mastodon: how it counts, what its HTML says, what a server tells of itself, and what its errors mean."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from mastodon.errors import (
    MastodonAPIError,
    MastodonNetworkError,
    MastodonNotFoundError,
    MastodonRatelimitError,
    MastodonUnauthorizedError,
)
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError

from stonechat.config.loader import load
from stonechat.core.errors import ConfigError, NotFound, Permanent, SessionTrouble, Transient, Unknown
from stonechat.core.network import Publication
from stonechat.core.states import SessionState
from stonechat.core.texts import same_text
from stonechat.networks.mastodon.errors import explain
from stonechat.networks.mastodon.instance import Instance, ServerTextRules, read_instance
from stonechat.networks.mastodon.statuses import plain_text, read_post, read_profile
from stonechat.networks.mastodon.text_rules import MastodonTextRules
from tests.support.networks import KNOWN
from tests.support.pictures import picture

RULES = MastodonTextRules()
SERVER = "https://social.example"


# --- counting -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("Hello", 5),
        ("https://example.com/" + "a" * 200, 23),
        ("see https://example.com.", 4 + 23 + 1),
        ("@bob@other.example hi", len("@bob hi")),
        ("@bob hi", len("@bob hi")),
        ("e\u0301", 1),
        ("👩‍👩‍👧‍👦", 1),
        ("🇦🇹 and 👍🏽", len("x and y")),
        ("example.com is no link", len("example.com is no link")),
    ],
)
def test_a_text_is_as_long_as_mastodon_counts_it(text: str, length: int) -> None:
    assert RULES.length(text) == length


def test_links_mentions_and_tags_are_those_that_become_live() -> None:
    found = RULES.entities(
        "Ask @bob@other.example or @eve, #Sleep #1 (https://a.example/x_#frag). me@mail.example"
    )
    assert found.links == ("https://a.example/x_#frag",)
    assert found.mentions == ("bob@other.example", "eve")
    assert found.hashtags == ("Sleep",)


def test_a_server_with_other_limits_is_held_to_by_its_own() -> None:
    small = read_instance(
        {"configuration": {"statuses": {"max_characters": 30, "characters_reserved_per_url": 25}}}
    )
    assert not small.refuse_text("x" * 30)
    assert "31 characters" in small.refuse_text("x" * 31)
    assert "30 is the most" in small.refuse_text("x" * 25, "a warning")
    assert small.length("https://example.com/" + "a" * 100) == 25


@pytest.mark.parametrize(
    ("limit", "warning", "left"),
    [(500, "", 500), (5000, "", 500), (200, "", 200), (200, "A warning", 191), (5, "A warning", 1)],
)
def test_posts_are_planned_to_fit_the_accounts_own_server(limit: int, warning: str, left: int) -> None:
    rules = ServerTextRules(Instance(max_length=limit, link_length=30), warning)
    assert rules.max_length == left
    assert rules.length("https://example.com") == 30
    assert rules.entities("see https://example.com").links == ("https://example.com",)


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ({}, Instance()),
        ({"configuration": None, "api_versions": []}, Instance()),
        ({"uri": "pleroma.example", "max_toot_chars": 5000}, Instance("pleroma.example", max_length=5000)),
        ({"title": "A", "api_versions": {"mastodon": 6}}, Instance("A")),
        ({"title": "A", "api_versions": {"mastodon": 7}}, Instance("A", quotes=True)),
        (
            {
                "domain": "gts.example",
                "version": "0.17.4+git-abc",
                "configuration": {
                    "statuses": {
                        "max_characters": 5000,
                        "max_media_attachments": 6,
                        "characters_reserved_per_url": 25,
                    },
                    "media_attachments": {
                        "supported_mime_types": ["image/jpeg", "image/png"],
                        "image_size_limit": 41943040,
                        "description_limit": 1500,
                    },
                },
            },
            Instance(
                "gts.example",
                max_length=5000,
                link_length=25,
                max_pictures=6,
                image_bytes=41943040,
                mime_types=("image/jpeg", "image/png"),
            ),
        ),
        (
            {"configuration": {"statuses": {"max_characters": "many", "max_media_attachments": -1}}},
            Instance(),
        ),
    ],
)
def test_a_servers_limits_are_read_and_the_usual_ones_hold_for_what_it_leaves_out(
    said: Any, wanted: Instance
) -> None:
    assert read_instance(said) == wanted


def test_pictures_that_a_server_does_not_take_are_named() -> None:
    one = Instance(max_pictures=1, image_bytes=40, alt_length=5, mime_types=("image/jpeg",))
    assert "2 pictures" in one.refuse_pictures([picture(1, "a"), picture(2, "b")])
    assert "image/png is no picture" in one.refuse_pictures([picture(1, "a")])
    png = Instance(image_bytes=40, alt_length=5)
    assert "MB" in png.refuse_pictures([picture(1, "a")])
    assert "without a description" in Instance().refuse_pictures([picture(1, " ")])
    assert "6 characters" in Instance(alt_length=5).refuse_pictures([picture(1, "abcdef")])


# --- reading ------------------------------------------------------------------------------------------------

LINK = (
    '<a href="https://example.com/a/very/long/path?x=1&amp;y=2" rel="nofollow"><span class="invisible">https://</span>'
    '<span class="ellipsis">example.com/a/very/long/</span><span class="invisible">path?x=1&amp;y=2</span></a>'
)
MENTION = '<span class="h-card"><a href="https://other.example/@bob" class="u-url mention">@<span>bob</span></a></span>'


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("<p>One &amp; two &lt;three&gt;</p>", "One & two <three>"),
        ("<p>One<br>two<br/>three</p><p>Four</p>", "One\ntwo\nthree\n\nFour"),
        (f"<p>See {LINK}, then</p>", "See https://example.com/a/very/long/path?x=1&y=2, then"),
        (f"<p>{MENTION} hi</p>", "@bob@other.example hi"),
        ('<p>A <a href="https://s/tags/x" class="mention hashtag">#<span>x</span></a></p>', "A #x"),
        ('<p class="quote-inline">RE: <a href="https://s/@a/1">s/@a/1</a></p><p>Mine</p>', "Mine"),
        ("Plain, as some servers send it", "Plain, as some servers send it"),
        ("<ul><li>one</li><li>two</li></ul>", "one\ntwo"),
        ("", ""),
        ("<p>Not closed <b>at all", "Not closed at all"),
        ("<script>alert(1)</script><p>Said</p>", "Said"),
    ],
)
def test_html_is_read_as_the_text_that_was_written(content: str, text: str) -> None:
    assert plain_text(content, {"https://other.example/@bob": "bob@other.example"}) == text


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="<>&@#"), max_size=80))
def test_any_text_comes_back_from_html_as_the_same_one(text: str) -> None:
    paragraphs = "".join(f"<p>{one}</p>" for one in text.split("\n\n"))
    assert same_text(text, plain_text(paragraphs, {}))


def test_a_status_with_little_in_it_is_read_and_nothing_is_made_up() -> None:
    post = read_post({"id": 7, "content": "<p>Hi</p>"})
    assert (post.id, post.text, post.created_at, post.in_reply_to, post.quoted_id) == (
        "7",
        "Hi",
        None,
        None,
        None,
    )
    assert (post.metrics.likes, post.metrics.views) == (None, None)


def test_no_bot_in_a_bio_or_a_field_is_seen() -> None:
    tag = '<a href="https://s/tags/NoBot" class="mention hashtag">#<span>NoBot</span></a>'
    assert "#NoBot" in read_profile({"note": f"<p>Me {tag}</p>"}, "me").bio
    assert "#NoBot" in read_profile({"note": "", "fields": [{"name": "Rules", "value": tag}]}, "me").bio


def test_a_reply_to_somebody_on_another_server_is_known_again() -> None:
    assert same_text("So do I", "@bob@other.example So do I", reply=True)


# --- errors -------------------------------------------------------------------------------------------------


def api(status: int, said: str | None, kind: type[MastodonAPIError] = MastodonAPIError) -> MastodonAPIError:
    return kind("Mastodon API returned error", status, "Reason", said)


def network(cause: Exception) -> MastodonNetworkError:
    try:
        try:
            raise cause
        except Exception as exc:
            raise MastodonNetworkError(f"Could not complete request: {exc}")  # noqa: B904 - as the library does
    except MastodonNetworkError as exc:
        return exc


REFUSED = requests.ConnectionError(MaxRetryError(None, "/", NewConnectionError(None, "refused")))  # type: ignore[arg-type]
RESET = requests.ConnectionError(ProtocolError("Connection aborted."))


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (api(422, "Validation failed: Text is too long"), Permanent, "Text is too long"),
        (api(404, "Record not found", MastodonNotFoundError), NotFound, "Record not found"),
        (api(403, "This action is not allowed"), Permanent, "not allowed"),
        (api(401, "The access token was revoked", MastodonUnauthorizedError), SessionTrouble, "revoked"),
        (api(403, "Your login is currently disabled"), SessionTrouble, "disabled"),
        (api(403, "This action is outside the authorized scopes"), SessionTrouble, "scopes"),
        (api(403, None), Transient, "HTTP 403"),
        (api(410, "Gone"), Transient, "HTTP 410"),
        (network(REFUSED), Transient, "cannot be reached"),
        (network(requests.ConnectTimeout()), Transient, "in time"),
        (network(requests.TooManyRedirects()), Transient, "has moved"),
        (MastodonRatelimitError("Hit rate limit."), Transient, "HTTP 429"),
    ],
)
def test_what_certainly_was_not_taken_is_said_so(error: Exception, kind: type, says: str) -> None:
    for is_effect in (False, True):
        found = explain(error, SERVER, is_effect=is_effect)
        assert type(found) is kind
        assert says in found.what


@pytest.mark.parametrize(
    "error",
    [
        api(500, None),
        api(502, "Bad gateway"),
        api(503, None),
        api(504, None),
        api(408, None),
        network(RESET),
        network(requests.ReadTimeout()),
        network(requests.exceptions.SSLError("EOF occurred in violation of protocol")),
        network(requests.exceptions.ChunkedEncodingError()),
        network(ValueError("something else")),
        MastodonAPIError(
            "Could not parse response as JSON, response code was 200, bad json content was b'<html>'."
        ),
    ],
)
def test_what_may_have_been_taken_is_unknown_for_a_post_and_temporary_for_a_read(error: Exception) -> None:
    assert isinstance(explain(error, SERVER, is_effect=True), Unknown)
    found = explain(error, SERVER)
    assert type(found) is Transient
    assert "<html>" not in str(found)


def test_a_limit_says_until_when_it_holds() -> None:
    found = explain(MastodonRatelimitError("Hit rate limit."), SERVER, timedelta(seconds=90))
    assert isinstance(found, Transient)
    assert found.retry_after == timedelta(seconds=90)


def test_a_login_that_the_server_suspended_is_told_from_one_that_ended() -> None:
    barred = explain(api(403, "Your login is currently disabled"), SERVER)
    ended = explain(api(401, "The access token is invalid", MastodonUnauthorizedError), SERVER)
    assert isinstance(barred, SessionTrouble)
    assert isinstance(ended, SessionTrouble)
    assert (barred.state, ended.state) == (SessionState.SUSPENDED, SessionState.EXPIRED)


# --- keys ---------------------------------------------------------------------------------------------------


def test_a_part_has_one_key_in_every_try_and_another_once_it_is_another_post() -> None:
    whole = Publication(("one", "two"), key="k")
    resumed = Publication(("two",), reply_to="7", key="k")
    assert whole.key_of_part(1, "7") == resumed.key_of_part(0, "7")
    keys = {
        whole.key_of_part(0, None),
        whole.key_of_part(1, "7"),
        whole.key_of_part(1, "8"),
        Publication(("One", "two"), key="k").key_of_part(0, None),
        Publication(("one", "two"), key="other").key_of_part(0, None),
        Publication(("one",), key="k", quote_of="9").key_of_part(0, None),
        Publication(("one",), key="k", pictures=((picture(1, "a"),),)).key_of_part(0, None),
    }
    assert len(keys) == 7


# --- settings -----------------------------------------------------------------------------------------------

NEEDED = {"OPENAI_API_KEY": "k", "ACCOUNT_NETWORK": "mastodon"}


@pytest.mark.parametrize(
    ("given", "name", "problem"),
    [
        ({"ACCOUNT_HANDLE": "me", "MASTODON_ACCESS_TOKEN": "t"}, "ACCOUNT_HANDLE", "names no server"),
        ({"ACCOUNT_HANDLE": "me@s.example"}, "MASTODON_ACCESS_TOKEN", "is missing"),
        (
            {"ACCOUNT_HANDLE": "me", "MASTODON_URL": "http://s.example", "MASTODON_ACCESS_TOKEN": "t"},
            "MASTODON_URL",
            "is not encrypted",
        ),
        (
            {"ACCOUNT_HANDLE": "me@s.example", "MASTODON_ACCESS_TOKEN": "t", "MASTODON_VISIBILITY": "all"},
            "MASTODON_VISIBILITY",
            "",
        ),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(
    given: dict[str, str], name: str, problem: str, tmp_path: Any
) -> None:
    with pytest.raises(ConfigError) as caught:
        load({**NEEDED, "DATA_DIR": str(tmp_path), **given}, KNOWN)
    assert [one.name for one in caught.value.faults] == [name]
    assert problem in caught.value.faults[0].problem


def test_an_account_with_its_server_and_a_token_is_enough(tmp_path: Any) -> None:
    given = {"ACCOUNT_HANDLE": "me@s.example", "MASTODON_ACCESS_TOKEN": "t", "DATA_DIR": str(tmp_path)}
    [account] = load({**NEEDED, **given}, KNOWN).accounts
    assert account.handle == "me@s.example"
