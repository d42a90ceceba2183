"""A saved log-in in every form that browsers, extensions and libraries export, whole, damaged and foreign."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stonechat.config.session_form import SavedSession, SessionForm, read_session

FORM = SessionForm(setting="SITE_SESSION", host="site.example", needed=("auth", "csrf"))
SECRETS = {"auth": "0a1b2c3d4e5f", "csrf": "f00dfeed"}
COOKIES = [
    {"name": name, "value": value, "domain": ".site.example", "path": "/"} for name, value in SECRETS.items()
]
NETSCAPE = (
    "# Netscape HTTP Cookie File\n# https://curl.se/docs/http-cookies.html\n\n"
    "#HttpOnly_.site.example\tTRUE\t/\tTRUE\t1900000000\tauth\t0a1b2c3d4e5f\n"
    ".site.example\tTRUE\t/\tTRUE\t0\tcsrf\tf00dfeed\n"
)
STATE = json.dumps({"cookies": COOKIES, "origins": []})

WRITTEN = {
    "a storage state": STATE,
    "an array": json.dumps(COOKIES),
    "names and values": json.dumps(SECRETS),
    "capital keys": json.dumps(
        [{"Name": n, "Value": v, "Domain": "site.example"} for n, v in SECRETS.items()]
    ),
    "Firefox's names": json.dumps(
        [{"Name raw": n, "Value raw": v, "Host raw": ".site.example"} for n, v in SECRETS.items()]
    ).replace(" raw", ""),
    "cookies.txt": NETSCAPE,
    "cookies.txt of Windows": NETSCAPE.replace("\n", "\r\n"),
    "a Cookie line": "Cookie: auth=0a1b2c3d4e5f; csrf=f00dfeed",
    "a Cookie line without its name": "auth=0a1b2c3d4e5f; csrf=f00dfeed;",
    "in quotation marks": f"'{STATE}'",
}


def packed(text: str) -> dict[str, str | bytes]:
    """The text as a setting or a file may hold it."""
    plain = base64.b64encode(text.encode()).decode()
    return {
        "as it stands": text,
        "base64": plain,
        "base64 in lines": "\n".join(plain[i : i + 60] for i in range(0, len(plain), 60)),
        "base64 without padding": plain.rstrip("="),
        "base64url": base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
        "base64 twice": base64.b64encode(plain.encode()).decode(),
        "base64 of UTF-16": base64.b64encode(text.encode("utf-16")).decode(),
        "quoted base64": f'"{plain}"',
        "bytes": text.encode(),
        "with a mark": b"\xef\xbb\xbf" + text.encode(),
        "UTF-16": text.encode("utf-16"),
        "UTF-16 without mark": text.encode("utf-16-le"),
        "UTF-16, big end first": text.encode("utf-16-be"),
        "blanks around": f"\ufeff \n{text}\n ",
    }


def values(saved: SavedSession) -> dict[str, str]:
    return {cookie["name"]: cookie["value"] for cookie in saved.cookies}


@pytest.mark.parametrize("how", list(packed("")))
@pytest.mark.parametrize("form", list(WRITTEN))
def test_every_form_is_taken_however_it_is_packed(form: str, how: str) -> None:
    assert values(read_session(packed(WRITTEN[form])[how], FORM)) == SECRETS


def test_what_a_cookies_txt_says_of_a_cookie_is_kept() -> None:
    auth, csrf = read_session(NETSCAPE, FORM).cookies
    assert (auth["httpOnly"], auth["expires"], auth["secure"]) == (True, 1900000000, True)
    assert (csrf["httpOnly"], csrf["expires"], csrf["domain"]) == (False, -1, ".site.example")


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("", "none of the forms"),
        ("hello", "none of the forms"),
        ("auth", "none of the forms"),
        (b"\xff\xfe\x00", "no text in UTF-8 or UTF-16"),
        (b"\x89PNG\r\n\x1a\n\xff", "no text in UTF-8 or UTF-16"),
        (base64.b64encode(STATE.encode()).decode()[:50], "cut off"),
        (STATE[:-5], "no JSON (is it cut off?)"),
        ("{}", "holds no cookies"),
        ("[]", "holds no cookies"),
        ('["auth"]', "something else than cookies"),
        ('{"cookies": 5}', "holds no cookies"),
        (json.dumps({"cookies": COOKIES, "origins": [5]}), "origins of another form"),
        (json.dumps(COOKIES[:1]), "lacks the cookie csrf"),
        (json.dumps([{**one, "value": ""} for one in COOKIES]), "lacks the cookies auth and csrf"),
        (
            json.dumps([{**one, "domain": ".other.example"} for one in COOKIES]),
            "of other.example, and none of site",
        ),
        (json.dumps([{**one, "domain": "site.example.evil"} for one in COOKIES]), "none of site.example"),
        (json.dumps([{**one, "domain": "evilsite.example"} for one in COOKIES]), "none of site.example"),
        ("other=1; another=2", "lacks the cookies auth and csrf"),
    ],
)
def test_what_is_no_log_in_of_the_site_is_named(given: str | bytes, problem: str) -> None:
    with pytest.raises(ValueError) as caught:
        read_session(given, FORM)
    assert problem in str(caught.value)


BAD: dict[str, dict[str, Any]] = {
    "a semicolon": {"value": "secret;x"},
    "a line break": {"value": "secret\r\nSet-Cookie: a=b"},
    "a zero byte": {"value": "secret\0"},
    "a tab": {"value": "secret\tx"},
    "a blank before": {"value": " secret"},
    "half a character": {"value": "secret\ud800"},
    "too long": {"value": "s" * 4096},
    "a path without slash": {"path": "secret"},
    "a path with a semicolon": {"path": "/;secret"},
    "a long path": {"path": "/" + "p" * 1024},
    "no date": {"expires": float("inf")},
    "a date beyond all": {"expires": 1e300},
    "a whole number beyond all": {"expires": 10**400},
    "a date in words": {"expires": "tomorrow"},
    "a list for a date": {"expires": [1]},
    "an equals sign in the name": {"name": "secret=name"},
    "no name": {"name": ""},
    "a prefix that wants Secure": {"name": "__Secure-a", "secure": False, "sameSite": "Lax"},
    "a prefix that wants one host": {"name": "__Host-a", "domain": ".site.example"},
    "a prefix that wants the path": {"name": "__Host-a", "domain": "site.example", "path": "/a"},
    "a prefix that wants HttpOnly": {"name": "__Http-a", "httpOnly": False},
}


@pytest.mark.parametrize("what", list(BAD))
def test_a_bad_cookie_that_is_not_needed_is_left_out_and_named_without_its_value(what: str) -> None:
    more = {"name": "other", "value": "v", "domain": ".site.example", "path": "/"} | BAD[what]
    saved = read_session(json.dumps([*COOKIES, more]), FORM)
    assert values(saved) == SECRETS
    [said] = saved.left_out
    assert "is left out: " in said
    assert "secret" not in said


@pytest.mark.parametrize("what", [one for one in BAD if "name" not in BAD[one]])
def test_a_bad_cookie_that_is_needed_is_refused_without_its_value(what: str) -> None:
    with pytest.raises(ValueError, match="holds a cookie auth that no browser takes") as caught:
        read_session(json.dumps([COOKIES[0] | BAD[what], COOKIES[1]]), FORM)
    assert "secret" not in str(caught.value)


def test_what_other_sites_left_in_an_export_goes_to_no_browser() -> None:
    others = [
        {"name": "sid", "value": "v", "domain": host} for host in (".bank.example", "xsite.example", "")
    ]
    state = {
        "cookies": [*COOKIES, *others],
        "origins": [
            {"origin": "https://bank.example", "localStorage": [{"name": "a", "value": "b"}]},
            {"origin": "https://site.example", "localStorage": [{"name": "a", "value": "b"}, {"name": "c"}]},
            {"origin": "file:///etc", "localStorage": []},
            {"origin": "https://[", "localStorage": []},
        ],
    }
    saved = read_session(json.dumps(state), FORM)
    assert [(one["name"], one["domain"]) for one in saved.cookies][2:] == [("sid", ".site.example")]
    assert [one["origin"] for one in saved.origins] == ["https://site.example"]
    assert saved.origins[0]["localStorage"] == [{"name": "a", "value": "b"}]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    "name value domain path expires expirationDate httpOnly secure sameSite hostOnly Name Value Host".split()
)
JARS = st.lists(st.dictionaries(KEYS, JSON_VALUES, max_size=8), max_size=4)


@settings(deadline=None)
@given(st.text() | st.binary() | JARS.map(json.dumps) | JSON_VALUES.map(json.dumps))
@example("[" * 60_000)
@example("=" * 100)
@example("a=;" * 5_000)
def test_whatever_is_given_is_a_session_or_a_sentence(value: str | bytes) -> None:
    try:
        saved = read_session(value, FORM)
    except ValueError as exc:
        assert type(exc) is ValueError
        assert len(str(exc)) < 200
    else:
        assert FORM.has_log_in(saved.cookies)


@settings(deadline=None)
@given(JARS)
def test_no_other_cookie_of_an_export_spoils_the_log_in(jar: list[dict[str, Any]]) -> None:
    others = [one for one in jar if str(one.get("name", one.get("Name"))) not in FORM.needed]
    saved = read_session(json.dumps([*others, *COOKIES]), FORM)
    assert values(saved).items() >= SECRETS.items()
    json.dumps(saved.cookies, allow_nan=False)
