"""Settings are checked all at once, and every fault says how to mend it."""

import base64
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from stonechat.config import loader
from stonechat.config.credentials import LogIns
from stonechat.config.loader import known_names, load_stored, sections
from stonechat.config.networks import KnownNetworks, NetworkSettings
from stonechat.config.session_form import SessionForm
from stonechat.config.settings import AccountSettings, Section, expected_form
from stonechat.core.errors import ConfigError
from stonechat.core.model import Mode
from tests.support.networks import KNOWN

COOKIES = [{"name": "auth_token", "value": "a"}, {"name": "ct0", "value": "b"}]


def session(data: Any) -> Any:
    return base64.b64encode(json.dumps(data).encode()).decode()


SESSION = session(COOKIES)
GOOD = {"OPENAI_API_KEY": "k", "ACCOUNT_HANDLE": "quietbuilder", "TWITTER_SESSION_B64": SESSION}


def load(environment: Any, **given: Any) -> Any:
    return loader.load(environment, KNOWN, **given)


def faults(environment: Any, folder: Path) -> Any:
    with pytest.raises(ConfigError) as refusal:
        load(environment, folder=folder)
    return {fault.name: fault for fault in refusal.value.faults}


def test_the_missions_names_are_enough_to_start(tmp_path: Path) -> None:
    settings = load(GOOD, folder=tmp_path)
    assert settings.startup.mode is Mode.SHADOW
    assert settings.accounts[0].handle == "quietbuilder"
    assert settings.database_url.startswith("sqlite:///")


def test_every_setting_says_what_it_does_and_what_form_it_has() -> None:
    known = known_names(KNOWN)
    every: tuple[type[Section], ...] = (*sections().values(), *KNOWN.sections(), AccountSettings)
    for section in every:
        assert section.model_fields, section
        for field in section.model_fields.values():
            about = " ".join((field.description or "").split())
            assert about.endswith(".") and len(about.split()) >= 6, f"{field.alias}: {about!r}"
            assert 0 < len(expected_form(field)) < 100 and expected_form(field) not in about, field.alias
            named = set(re.findall(r"\b[A-Z]+(?:_[A-Z0-9]+)+\b", about))
            assert {name for name in named if not name.startswith("TWITTER_SESSION_B64_")} <= set(known), (
                about
            )


def test_every_fault_is_named_at_once(tmp_path: Path) -> None:
    found = faults({"PORT": "banana", "MODE": "liv", "REDIS_URL": "http://x"}, tmp_path)
    assert {"PORT", "MODE", "REDIS_URL", "OPENAI_API_KEY", "ACCOUNT_HANDLE"} <= set(found)
    assert all(fault.expected for fault in found.values())


def test_a_session_that_cannot_be_read_is_named_beside_a_missing_account(tmp_path: Path) -> None:
    assert {"TWITTER_SESSION_B64", "ACCOUNT_HANDLE"} <= set(faults({"TWITTER_SESSION_B64": "%%%"}, tmp_path))


def test_a_misspelt_name_is_told_with_the_nearest_known_one(tmp_path: Path) -> None:
    assert faults({**GOOD, "DATABSE_URL": "sqlite:///x"}, tmp_path)["DATABSE_URL"].nearest == "DATABASE_URL"


def test_names_of_other_programs_are_left_alone(tmp_path: Path) -> None:
    assert load({**GOOD, "PATH": "/bin", "EDITOR": "vi", "PGHOST": "x", "MODEL": "x"}, folder=tmp_path)


def test_an_unknown_name_in_the_file_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "stonechat.toml").write_text('posting_grce = "1h"\n')
    assert faults(GOOD, tmp_path)["POSTING_GRCE"].nearest == "POSTING_GRACE"


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "stonechat.toml").write_text('POSTING_GRACE = "1h"\nPORT = 9000\n')
    settings = load({**GOOD, "POSTING_GRACE": "3h"}, folder=tmp_path)
    assert settings.posting.grace == timedelta(hours=3)
    assert settings.dashboard.port == 9000


def test_an_account_can_stand_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "stonechat.toml").write_text(
        '[[accounts]]\nhandle = "second"\ntimezone = "Europe/Vienna"\nposts_per_day = 4\n'
    )
    settings = load({**GOOD, "ACCOUNT_HANDLE": ""}, folder=tmp_path)
    assert [(account.handle, account.posts_per_day) for account in settings.accounts] == [("second", 4)]


def two(tmp_path: Path, more: Any = "") -> None:
    (tmp_path / "stonechat.toml").write_text(f'[[accounts]]\nhandle = "second.one"\n{more}')


def session_of(settings: Any, number: int) -> Any:
    secret = settings.accounts[number].session_b64
    return secret.get_secret_value() if secret else None


def test_one_session_does_not_serve_two_accounts(tmp_path: Path) -> None:
    two(tmp_path)
    fault = faults(GOOD, tmp_path)["TWITTER_SESSION_B64_SECOND_ONE"]
    assert fault.problem == "is missing"
    assert "stonechat login --account second.one" in fault.expected


def test_each_account_has_a_session_of_its_own(tmp_path: Path) -> None:
    two(tmp_path)
    other = session([{**one, "value": "other"} for one in COOKIES])
    settings = load({**GOOD, "TWITTER_SESSION_B64_SECOND_ONE": other}, folder=tmp_path)
    assert [session_of(settings, number) for number in (0, 1)] == [SESSION, other]
    two(tmp_path, f'session_b64 = "{other}"\n')
    settings = load(GOOD, folder=tmp_path)
    assert [session_of(settings, number) for number in (0, 1)] == [SESSION, other]


def test_a_session_of_no_account_is_told_with_the_nearest_name(tmp_path: Path) -> None:
    fault = faults({**GOOD, "TWITTER_SESSION_B64_QUIETBUILDR": SESSION}, tmp_path)
    assert fault["TWITTER_SESSION_B64_QUIETBUILDR"].nearest == "TWITTER_SESSION_B64_QUIETBUILDER"


def test_a_broken_session_of_one_account_is_named_as_its_own(tmp_path: Path) -> None:
    two(tmp_path)
    assert (
        "none of the forms"
        in faults({**GOOD, "TWITTER_SESSION_B64_SECOND_ONE": "%%"}, tmp_path)[
            "TWITTER_SESSION_B64_SECOND_ONE"
        ].problem
    )


def test_where_a_key_stands_sessions_may_be_saved_and_none_is_missing(tmp_path: Path) -> None:
    without = {name: value for name, value in GOOD.items() if name != "TWITTER_SESSION_B64"}
    data = {**without, "DATA_DIR": str(tmp_path)}
    assert "TWITTER_SESSION_B64" in faults(data, tmp_path)
    (tmp_path / "sessions").mkdir()
    (tmp_path / "sessions" / "key").write_text("")
    assert load(data, folder=tmp_path).accounts[0].handle == "quietbuilder"


def test_a_changed_settings_file_gives_a_new_session_and_a_broken_one_changes_nothing(tmp_path: Path) -> None:
    two(tmp_path, f'session_b64 = "{SESSION}"\n')
    log_ins = LogIns(load(GOOD, folder=tmp_path), tmp_path, KNOWN)
    other = session([{**one, "value": "other"} for one in COOKIES])
    assert log_ins()["x_web", "second.one"] == SESSION
    for written in (f'session_b64 = "{other}"\n', "session_b64 = [[[", 'session_b64 = "%%%"\n'):
        two(tmp_path, written)
        assert log_ins() == {("x_web", "quietbuilder"): SESSION, ("x_web", "second.one"): other}


def test_an_account_given_twice_is_named(tmp_path: Path) -> None:
    (tmp_path / "stonechat.toml").write_text('[[accounts]]\nhandle = "QuietBuilder"\n')
    assert "'quietbuilder' twice" in faults(GOOD, tmp_path)["accounts"].problem


@pytest.mark.parametrize("written", ["accounts = 3", 'accounts = ["a"]', 'accounts = "abc"'])
def test_accounts_of_another_form_are_a_fault(tmp_path: Path, written: Any) -> None:
    (tmp_path / "stonechat.toml").write_text(written)
    assert "[[accounts]]" in faults(GOOD, tmp_path)["accounts"].expected


def test_a_folder_in_the_place_of_the_file_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "stonechat.toml").mkdir()
    [(name, fault)] = faults(GOOD, tmp_path).items()
    assert name.endswith("stonechat.toml")
    assert "cannot be read" in fault.problem


def test_a_broken_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "stonechat.toml").write_text("this is = = not toml")
    assert any("TOML" in fault.expected for fault in faults(GOOD, tmp_path).values())


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("%%%", "none of the forms"),
        (base64.b64encode(b"not json").decode(), "none of the forms"),
        (base64.b64encode(b"{not json").decode(), "not of JSON"),
        (base64.b64encode(b"[" * 60000).decode(), "not of JSON"),
        (base64.b64encode(b'{"a": 1}').decode(), "no cookies"),
        (base64.b64encode(b'[{"name": "ct0"}]').decode(), "lacks the cookies auth_token and ct0"),
        (base64.b64encode(b'[{"name": "ct0", "value": "x"}]').decode(), "auth_token"),
        (base64.b64encode(b'[{"name": ["x"]}]').decode(), "lacks the cookies auth_token and ct0"),
        (session([{**COOKIES[0], "value": ""}, COOKIES[1]]), "lacks the cookie auth_token"),
        (session({"cookies": COOKIES, "origins": 5}), "origins"),
        (session({"cookies": COOKIES, "origins": ["x"]}), "origins"),
    ],
)
def test_a_broken_session_says_what_is_wrong_with_it(tmp_path: Path, value: Any, problem: Any) -> None:
    assert problem in faults({**GOOD, "TWITTER_SESSION_B64": value}, tmp_path)["TWITTER_SESSION_B64"].problem


def test_a_session_that_was_wrapped_into_lines_is_read(tmp_path: Path) -> None:
    assert load({**GOOD, "TWITTER_SESSION_B64": f"{SESSION[:20]}\n {SESSION[20:]}\n"}, folder=tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgresql://u:p@127.0.0.1:abc/x"),
        ("DATABASE_URL", "postgresql://u:p@127.0.0.1:65536/x"),
        ("DATABASE_URL", "postgresql://u:p@[::1/x"),
        ("REDIS_URL", "redis://"),
        ("REDIS_URL", "redis://host:port/0"),
        ("OPENAI_BASE_URL", "http://a:b"),
        ("OPENAI_API_KEY", "schlüssel"),
        ("OPENAI_API_KEY", "two\nlines"),
        ("ACCOUNT_TIMEZONE", "America"),
        ("ACCOUNT_NETWORK", "friendster"),
        ("DATABASE_POOL_WAIT", "99999999999d"),
        ("CLOCK_EPOCH", "2026-01-05T06:00:00"),
    ],
)
def test_a_bad_form_is_one_fault_and_drags_no_others_behind_it(tmp_path: Path, name: str, value: Any) -> None:
    found = faults({**GOOD, name: value}, tmp_path)
    assert list(found) == [name]
    assert found[name].expected


def test_a_password_with_a_slash_is_not_repeated_as_a_port(tmp_path: Path) -> None:
    found = faults({**GOOD, "DATABASE_URL": "postgresql://u:pass/word@127.0.0.1/x"}, tmp_path)
    assert "pass" not in found["DATABASE_URL"].problem


def test_redis_may_be_a_socket(tmp_path: Path) -> None:
    assert load({**GOOD, "REDIS_URL": "unix:///run/redis.sock"}, folder=tmp_path)


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:8080", "http://127.9.9.9", "http://[::1]:1", "http://localhost"]
)
def test_the_demo_may_use_this_machine(tmp_path: Path, address: Any) -> None:
    assert load({**GOOD, "MODE": "demo", "X_BASE_URL": address}, folder=tmp_path)


@pytest.mark.parametrize("address", ["", "https://x.com", "http://10.0.0.1", "http://localhost.example"])
def test_the_demo_never_reaches_another_machine(tmp_path: Path, address: Any) -> None:
    found = faults({**GOOD, "MODE": "demo", "X_BASE_URL": address}, tmp_path)
    assert list(found) == ["X_BASE_URL"]


@pytest.mark.parametrize("mode", ["shadow", "live"])
@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example",
        "https://evilx.com",
        "https://x.com.evil.example",
        "https://twitter.com",
        "http://x.com",
        "http://127.0.0.1:8080",
        "https://localhost",
        "https://10.0.0.1",
    ],
)
def test_outside_the_demo_a_session_goes_to_the_network_alone(
    tmp_path: Path, mode: Any, address: Any
) -> None:
    given = {
        **GOOD,
        "MODE": mode,
        "VOICE_FILE": "voice.toml",
        "X_WEB_RISK_ACCEPTED": "quietbuilder",
        "X_BASE_URL": address,
    }
    found = faults(given, tmp_path)
    assert list(found) == ["X_BASE_URL"]
    assert "cookies would be sent" in found["X_BASE_URL"].problem


def test_the_networks_own_hosts_are_taken(tmp_path: Path) -> None:
    assert load({**GOOD, "X_BASE_URL": "https://mobile.x.com"}, folder=tmp_path)


def test_an_account_that_names_no_network_is_on_the_one_that_is_meant(tmp_path: Path) -> None:
    assert load(GOOD, folder=tmp_path).accounts[0].network == "x_web"


def test_a_network_that_cannot_be_loaded_is_told_with_the_reason(tmp_path: Path) -> None:
    known = KnownNetworks(KNOWN.every, {"echo": "echo_network does not load (ImportError: no module)"})
    with pytest.raises(ConfigError) as refusal:
        loader.load({**GOOD, "ACCOUNT_NETWORK": "echo"}, known, folder=tmp_path)
    [fault] = refusal.value.faults
    assert fault.name == "ACCOUNT_NETWORK"
    assert "ImportError" in fault.problem


def test_a_session_of_an_account_on_another_network_is_not_mixed_up(tmp_path: Path) -> None:
    other = NetworkSettings("other", session=SessionForm("OTHER_SESSION", "other.example", ("sid",)))
    known = KnownNetworks({**KNOWN.every, "other": other})
    (tmp_path / "stonechat.toml").write_text(
        '[[accounts]]\nnetwork = "other"\nhandle = "quietbuilder"\nsession_b64 = "sid=one"\n'
    )
    settings = loader.load(GOOD, known, folder=tmp_path)
    log_ins = LogIns(settings, tmp_path, known)
    assert log_ins() == {("x_web", "quietbuilder"): SESSION, ("other", "quietbuilder"): "sid=one"}
    (tmp_path / "stonechat.toml").write_text(
        'OTHER_SESSION = "sid=three"\n[[accounts]]\nnetwork = "other"\nhandle = "quietbuilder"\n'
    )
    assert log_ins()["other", "quietbuilder"] == "sid=three"


def test_a_session_for_a_network_that_takes_none_is_named(tmp_path: Path) -> None:
    known = KnownNetworks({"plain": NetworkSettings("plain")})
    given = {"OPENAI_API_KEY": "k", "ACCOUNT_HANDLE": "me", "ACCOUNT_SESSION_B64": "a=b"}
    with pytest.raises(ConfigError) as refusal:
        loader.load(given, known, folder=tmp_path)
    [fault] = refusal.value.faults
    assert (fault.name, "takes no session" in fault.problem) == ("ACCOUNT_SESSION_B64", True)


def test_the_database_is_enough_for_what_only_looks_into_it(tmp_path: Path) -> None:
    settings = load_stored({"DATABASE_URL": "sqlite:///x.db", "PORT": "banana"}, folder=tmp_path)
    assert settings.database_url == "sqlite:///x.db"
    assert settings.accounts == ()


def test_no_secret_is_repeated_in_a_fault(tmp_path: Path) -> None:
    secret = "postgres-secret-address"
    found = faults({**GOOD, "DATABASE_URL": secret}, tmp_path)
    assert secret not in str(found)


def test_live_mode_on_the_website_needs_the_owners_word(tmp_path: Path) -> None:
    live = {**GOOD, "MODE": "live", "VOICE_FILE": "voice.toml"}
    assert "X_WEB_RISK_ACCEPTED" in faults(live, tmp_path)
    assert "X_WEB_RISK_ACCEPTED" in faults({**live, "X_WEB_RISK_ACCEPTED": "other"}, tmp_path)
    assert load({**live, "X_WEB_RISK_ACCEPTED": "@QuietBuilder"}, folder=tmp_path)
    for strange in ("*", "quietbuilder;other", "quietbuilder\u0430", "all accounts"):
        assert "X_WEB_RISK_ACCEPTED" in faults({**live, "X_WEB_RISK_ACCEPTED": strange}, tmp_path), strange


def test_the_clock_is_fast_in_the_demo_only(tmp_path: Path) -> None:
    assert "CLOCK_SPEED" in faults({**GOOD, "CLOCK_SPEED": "1800"}, tmp_path)


@pytest.mark.parametrize(
    ("written", "seconds"), [("90", 90), ("250ms", 0.25), ("5m", 300), ("2h", 7200), ("3d", 259200), (7, 7)]
)
def test_durations(tmp_path: Path, written: Any, seconds: Any) -> None:
    settings = load(GOOD, folder=tmp_path, overrides={"POSTING_GRACE": written})
    assert settings.posting.grace == timedelta(seconds=seconds)


def test_every_setting_has_an_expected_form_and_a_name_of_its_own() -> None:
    names = known_names(KNOWN)
    assert all(names.values())
    assert len(names) > 60


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MODEL_PRICES", "a=nan/1"),
        ("MODEL_PRICES", "a=1/inf"),
        ("MODEL_PRICES", "a=-1/1"),
        ("MODEL_PRICES", "a=1e30/1"),
        ("BUDGET_DAY_USD", "nan"),
        ("BUDGET_MONTH_USD", "inf"),
        ("PRICE_INPUT_USD", "nan"),
        ("CLOCK_SPEED", "inf"),
        ("APPROVAL_SHARE", "nan"),
    ],
)
def test_a_figure_that_is_none_is_refused(name: str, value: str, tmp_path: Path) -> None:
    assert name in faults({**GOOD, name: value}, tmp_path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "cp1252"])
def test_a_settings_file_is_read_or_named_in_whatever_encoding(tmp_path: Path, encoding: str) -> None:
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    text = f'{mark}posting_grace = "3h" \t# gr\u00fc\u00dfe\r\n\tport = 9000\r\n'
    (tmp_path / "stonechat.toml").write_bytes(text.encode(encoding))
    if encoding == "cp1252":
        fault = faults(GOOD, tmp_path)[str(tmp_path / "stonechat.toml")]
        assert "not text in UTF-8 (line 1)" in fault.problem
        return
    settings = load(GOOD, folder=tmp_path)
    assert (settings.posting.grace, settings.dashboard.port) == (timedelta(hours=3), 9000)


@pytest.mark.parametrize(
    "text",
    [
        "DATABASE_URL=postgresql://u:Zq7wXk9v@h/db",
        "export OPENAI_API_KEY=Zq7wXk9v",
        'openai_api_key = "Zq7wXk9v',
        "port = " + "9" * 5000,
        "a = " + "[" * 3000,
        "p\0o\0r\0t\0",
        'x = "Zq7wXk9v"\nx = "Zq7wXk9v"',
    ],
)
def test_a_settings_file_that_is_none_is_named_and_not_repeated(tmp_path: Path, text: str) -> None:
    (tmp_path / "stonechat.toml").write_text(text)
    fault = faults(GOOD, tmp_path)[str(tmp_path / "stonechat.toml")]
    assert fault.problem.startswith("cannot be read: ")
    assert "Zq7w" not in fault.problem


def test_blanks_line_ends_and_invisible_signs_around_a_value_do_not_count(tmp_path: Path) -> None:
    around = {name: f"\ufeff\t {value}\u200b\r\n" for name, value in {**GOOD, "PORT": "9000"}.items()}
    assert load(around, folder=tmp_path).dashboard.port == 9000


LISTS = {
    "ALERT_URLS": {
        "mailto://h?to=a@x, tgram://t/1": ("mailto://h?to=a@x", "tgram://t/1"),
        '"mailto://h?to=a@x,b@x"': ("mailto://h?to=a@x,b@x",),
        '"mailto://h?to=a@x,b@x", tgram://t/1': ("mailto://h?to=a@x,b@x", "tgram://t/1"),
        '["mailto://h?to=a@x,b@x", "tgram://t/1"]': ("mailto://h?to=a@x,b@x", "tgram://t/1"),
        "[]": (),
        " , ": (),
    },
    "HARVEST_QUERIES": {
        '"sleep, and code" lang:en, tea': ('"sleep, and code" lang:en', "tea"),
        '"build in public"': ('"build in public"',),
        "['\"sleep, and code\" lang:en', 'tea']": ('"sleep, and code" lang:en', "tea"),
    },
    "OPENAI_FALLBACK_MODELS": {'"one", two,': ("one", "two"), "['one']": ("one",)},
}


@pytest.mark.parametrize(
    ("name", "value", "taken"),
    [(name, value, taken) for name, cases in LISTS.items() for value, taken in cases.items()],
)
def test_a_list_takes_toml_and_elements_in_quotation_marks(
    tmp_path: Path, name: str, value: str, taken: tuple[str, ...]
) -> None:
    settings = load({**GOOD, name: value}, folder=tmp_path)
    found = {
        "ALERT_URLS": settings.alerting.urls,
        "HARVEST_QUERIES": settings.harvesting.queries,
        "OPENAI_FALLBACK_MODELS": settings.content.fallback_models,
    }
    assert found[name] == taken


def test_a_list_in_the_settings_file_is_one_in_toml(tmp_path: Path) -> None:
    (tmp_path / "stonechat.toml").write_text('alert_urls = ["mailto://h?to=a@x,b@x", "tgram://t/1"]\n')
    assert load(GOOD, folder=tmp_path).alerting.urls == ("mailto://h?to=a@x,b@x", "tgram://t/1")


def test_a_home_folder_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load({**GOOD, "DATA_DIR": "~/data"}, folder=tmp_path).startup.data_dir == tmp_path / "data"


@pytest.mark.parametrize(
    "value", ["23:00-07:00", "23.00-7.00", "11pm - 7am", "23:00 \u2013 7:00", "23h to 7h"]
)
def test_quiet_hours_are_two_times_of_day(tmp_path: Path, value: str) -> None:
    settings = load({**GOOD, "POSTING_QUIET_HOURS": value}, folder=tmp_path)
    assert settings.posting.quiet_hours == "23:00-07:00"


def test_live_mode_wants_a_voice_of_the_accounts_own(tmp_path: Path) -> None:
    live = {**GOOD, "MODE": "live", "X_WEB_RISK_ACCEPTED": "quietbuilder"}
    assert list(faults(live, tmp_path)) == ["VOICE_FILE"]
    assert load({**live, "VOICE_FILE": "voice.toml"}, folder=tmp_path)
    assert load({**live, "ACCOUNT_VOICE_FILE": "voice.toml"}, folder=tmp_path)
    assert load({**live, "MODE": "shadow"}, folder=tmp_path)
