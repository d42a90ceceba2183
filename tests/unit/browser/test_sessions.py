"""Sessions: read from a setting that can be wrong in many ways, moved to another site, kept encrypted."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from stonechat.browser.sessions import SavedSessions, Session, for_site, parse_session, renewed
from stonechat.core.errors import ConfigError

COOKIES = [
    {"name": "auth_token", "value": "secret-a", "domain": ".x.com", "path": "/", "secure": True},
    {"name": "ct0", "value": "secret-c", "domain": ".x.com", "path": "/", "sameSite": "Lax"},
]


def encoded(data: Any) -> str:
    return base64.b64encode(json.dumps(data).encode()).decode()


@pytest.mark.parametrize("data", [{"cookies": COOKIES, "origins": []}, {"cookies": COOKIES}, COOKIES])
def test_both_forms_of_a_session_are_read(data: Any) -> None:
    session = parse_session(encoded(data))

    assert {cookie["name"]: cookie["value"] for cookie in session.cookies} == {
        "auth_token": "secret-a",
        "ct0": "secret-c",
    }


def test_the_names_that_cookie_exports_use_are_understood() -> None:
    exported = [{**one, "expirationDate": 1900000000.5, "sameSite": "no_restriction"} for one in COOKIES]

    cookie = parse_session(encoded(exported)).cookies[0]

    assert (cookie["expires"], cookie["sameSite"], cookie["secure"]) == (1900000000.5, "None", True)


def test_line_breaks_in_the_setting_do_no_harm() -> None:
    value = encoded(COOKIES)

    assert parse_session(f"{value[:40]}\n{value[40:]}\n").fingerprint() == parse_session(value).fingerprint()


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("not base64 at all!", "is not base64"),
        (base64.b64encode(b'{"cookies": [').decode(), "not of JSON"),
        (encoded({"cookies": "none"}), "holds no cookies"),
        (encoded("text"), "holds no cookies"),
        (encoded([{"value": "x"}]), "without name or value"),
        (encoded(COOKIES[:1]), "lacks the cookie ct0"),
        (encoded([]), "lacks the cookies auth_token and ct0"),
        (encoded([{**one, "value": ""} for one in COOKIES]), "lacks the cookies auth_token and ct0"),
    ],
)
def test_what_is_no_session_is_named(value: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_session(value)

    [fault] = caught.value.faults
    assert fault.name == "TWITTER_SESSION_B64"
    assert problem in fault.problem
    assert fault.expected


def test_a_session_for_the_site_itself_is_left_alone_and_for_another_one_moved_there() -> None:
    session = parse_session(encoded(COOKIES))

    assert for_site(session, "https://x.com") is session
    moved = for_site(session, "http://127.0.0.1:8000")
    assert {(cookie["domain"], cookie["secure"], cookie["sameSite"]) for cookie in moved.cookies} == {
        ("127.0.0.1", False, "Lax")
    }
    assert moved.fingerprint() == session.fingerprint()


def test_renewed_cookies_are_noticed_and_a_logged_out_browser_renews_nothing() -> None:
    session = parse_session(encoded(COOKIES))
    same = [dict(cookie) for cookie in session.cookies]

    assert renewed(session, same) is None
    assert renewed(session, same[:1]) is None
    newer = renewed(session, [same[0], {**same[1], "value": "renewed"}])
    assert newer is not None
    assert newer.fingerprint() != session.fingerprint()


def test_a_session_never_shows_its_secrets() -> None:
    assert "secret" not in repr(parse_session(encoded(COOKIES)))


@pytest.fixture
def given() -> Session:
    return parse_session(encoded(COOKIES))


def changed(session: Session, value: str) -> Session:
    return Session(tuple({**one, "value": value} if one["name"] == "ct0" else one for one in session.cookies))


def test_what_was_written_back_is_encrypted_and_wins_after_a_restart(tmp_path: Path, given: Session) -> None:
    new = changed(given, "renewed-value")
    SavedSessions(tmp_path, {"x:a": given}, "https://x.com").save("x:a", new)

    again = SavedSessions(tmp_path, {"x:a": given}, "https://x.com").load("x:a")

    assert again is not None
    assert again.fingerprint() == new.fingerprint()
    files = [path for path in tmp_path.iterdir() if path.name != "key"]
    assert files
    assert all(b"renewed-value" not in path.read_bytes() for path in files)
    assert {path.stat().st_mode & 0o077 for path in tmp_path.iterdir()} == {0}


def test_a_changed_setting_wins_over_what_was_written_back(tmp_path: Path, given: Session) -> None:
    SavedSessions(tmp_path, {"x:a": given}, "https://x.com").save("x:a", changed(given, "renewed"))
    fresh = changed(given, "new log-in")

    loaded = SavedSessions(tmp_path, {"x:a": fresh}, "https://x.com").load("x:a")

    assert loaded is not None
    assert loaded.fingerprint() == fresh.fingerprint()


def test_a_new_session_is_taken_up_without_a_restart(tmp_path: Path, given: Session) -> None:
    store = SavedSessions(tmp_path, {"x:a": given}, "https://x.com")
    store.load("x:a")
    fresh = changed(given, "new log-in")

    store.give("x:a", fresh)

    loaded = store.load("x:a")
    assert loaded is not None
    assert loaded.fingerprint() == fresh.fingerprint()


@pytest.mark.parametrize("damage", ["key", "session"])
def test_a_damaged_file_is_passed_over(tmp_path: Path, given: Session, damage: str) -> None:
    SavedSessions(tmp_path, {"x:a": given}, "https://x.com").save("x:a", changed(given, "renewed"))
    for path in tmp_path.iterdir():
        if (path.name == "key") == (damage == "key"):
            path.write_bytes(b"damaged")

    store = SavedSessions(tmp_path, {"x:a": given}, "https://x.com")

    loaded = store.load("x:a")
    assert loaded is not None
    assert loaded.fingerprint() == given.fingerprint()
    store.save("x:a", changed(given, "renewed again"))


def test_an_account_without_a_session_has_none(tmp_path: Path) -> None:
    assert SavedSessions(tmp_path, {}, "https://x.com").load("x:nobody") is None
