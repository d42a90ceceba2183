"""Sessions: read from a setting that can be wrong in many ways, moved to another site, kept encrypted."""

import base64
import json
from typing import Any

import pytest

from stonechat.browser.sessions import for_site, renewed
from stonechat.core.errors import ConfigError, Permanent
from tests.support.networks import x_session, x_site

COOKIES: list[dict[str, Any]] = [
    {"name": "auth_token", "value": "secret-a", "domain": ".x.com", "path": "/", "secure": True},
    {"name": "ct0", "value": "secret-c", "domain": ".x.com", "path": "/", "sameSite": "Lax"},
]


def encoded(data: Any) -> str:
    return base64.b64encode(json.dumps(data).encode()).decode()


@pytest.mark.parametrize("data", [{"cookies": COOKIES, "origins": []}, {"cookies": COOKIES}, COOKIES])
def test_both_forms_of_a_session_are_read(data: Any) -> None:
    session = x_session(encoded(data))

    assert {cookie["name"]: cookie["value"] for cookie in session.cookies} == {
        "auth_token": "secret-a",
        "ct0": "secret-c",
    }


def test_the_names_that_cookie_exports_use_are_understood() -> None:
    exported = [{**one, "expirationDate": 1900000000.5, "sameSite": "no_restriction"} for one in COOKIES]

    cookie = x_session(encoded(exported)).cookies[0]

    assert (cookie["expires"], cookie["sameSite"], cookie["secure"]) == (1900000000.5, "None", True)


def test_line_breaks_in_the_setting_do_no_harm() -> None:
    value = encoded(COOKIES)

    assert x_session(f"{value[:40]}\n{value[40:]}\n").fingerprint() == x_session(value).fingerprint()


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("not base64 at all!", "none of the forms"),
        (base64.b64encode(b'{"cookies": [').decode(), "not of JSON"),
        (encoded({"cookies": "none"}), "holds no cookies"),
        (encoded("text"), "none of the forms"),
        (encoded([{"value": "x"}]), "lacks the cookies auth_token and ct0"),
        (encoded(COOKIES[:1]), "lacks the cookie ct0"),
        (encoded([]), "holds no cookies"),
        (encoded([{**one, "value": ""} for one in COOKIES]), "lacks the cookies auth_token and ct0"),
    ],
)
def test_what_is_no_session_is_named(value: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        x_session(value)

    [fault] = caught.value.faults
    assert fault.name == "TWITTER_SESSION_B64"
    assert problem in fault.problem
    assert fault.expected


def test_a_session_for_the_site_itself_is_left_alone_and_for_another_one_moved_there() -> None:
    session = x_session(encoded(COOKIES))

    assert for_site(session, x_site()) is session
    moved = for_site(session, x_site("http://127.0.0.1:8000"))
    assert {(cookie["domain"], cookie["secure"], cookie["sameSite"]) for cookie in moved.cookies} == {
        ("127.0.0.1", False, "Lax")
    }
    assert moved.fingerprint() == session.fingerprint()


@pytest.mark.parametrize("address", ["https://evil.example", "http://10.0.0.1", "https://x.com.evil.example"])
def test_no_cookie_is_moved_to_a_host_that_is_neither_the_sites_nor_this_machine(address: str) -> None:
    with pytest.raises(Permanent, match="sent to no other host"):
        for_site(x_session(encoded(COOKIES)), x_site(address))


def test_what_no_browser_takes_on_the_other_site_stays_behind() -> None:
    more = [{"name": name, "value": "v", "domain": "x.com"} for name in ("__Host-a", "__Secure-b", "c")]
    session = x_session(encoded([*COOKIES, *more]))
    assert len(session.cookies) == 5
    moved = for_site(session, x_site("http://127.0.0.1:8000"))
    assert {cookie["name"] for cookie in moved.cookies} == {"auth_token", "ct0", "c"}


def test_renewed_cookies_are_noticed_and_a_logged_out_browser_renews_nothing() -> None:
    session = x_session(encoded(COOKIES))
    same = [dict(cookie) for cookie in session.cookies]

    assert renewed(session, same) is None
    assert renewed(session, same[:1]) is None
    newer = renewed(session, [same[0], {**same[1], "value": "renewed"}])
    assert newer is not None
    assert newer.fingerprint() != session.fingerprint()


@pytest.mark.parametrize(
    ("ends", "now_ends", "is_renewed"),
    [
        (1_000_000.0, 1_090_000.0, True),
        (-1, 1_000_000.0, True),
        (1_000_000.0, 1_000_060.0, False),  # with each answer by a little
        (1_000_000.0, 900_000.0, False),  # a browser keeps no cookie for longer than it likes
        (1_000_000.0, -1, False),
    ],
)
def test_a_cookie_that_the_site_prolonged_is_renewed(ends: float, now_ends: float, is_renewed: bool) -> None:
    session = x_session(encoded([COOKIES[0] | {"expires": ends}, COOKIES[1]]))
    held = [dict(cookie) for cookie in session.cookies]
    held[0]["expires"] = now_ends

    newer = renewed(session, held)

    assert (newer is not None) is is_renewed
    assert newer is None or newer.fingerprint() == session.fingerprint()


def test_a_session_never_shows_its_secrets() -> None:
    assert "secret" not in repr(x_session(encoded(COOKIES)))
