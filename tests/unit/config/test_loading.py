"""Settings are checked all at once, and every fault says how to mend it."""

import base64
import json
from datetime import timedelta

import pytest

from stonechat.config.loading import known_names, load
from stonechat.core.errors import ConfigError
from stonechat.core.model import Mode

SESSION = base64.b64encode(
    json.dumps([{"name": "auth_token", "value": "a"}, {"name": "ct0", "value": "b"}]).encode()
).decode()
GOOD = {"OPENAI_API_KEY": "k", "ACCOUNT_HANDLE": "quietbuilder", "TWITTER_SESSION_B64": SESSION}


def faults(environment, folder):
    with pytest.raises(ConfigError) as refusal:
        load(environment, folder=folder)
    return {fault.name: fault for fault in refusal.value.faults}


def test_the_missions_names_are_enough_to_start(tmp_path):
    settings = load(GOOD, folder=tmp_path)
    assert settings.startup.mode is Mode.SHADOW
    assert settings.accounts[0].handle == "quietbuilder"
    assert settings.database_url.startswith("sqlite:///")


def test_every_fault_is_named_at_once(tmp_path):
    found = faults({"PORT": "banana", "MODE": "liv", "REDIS_URL": "http://x"}, tmp_path)
    assert {"PORT", "MODE", "REDIS_URL", "OPENAI_API_KEY", "ACCOUNT_HANDLE"} <= set(found)
    assert all(fault.expected for fault in found.values())


def test_a_misspelt_name_is_told_with_the_nearest_known_one(tmp_path):
    assert faults({**GOOD, "DATABSE_URL": "sqlite:///x"}, tmp_path)["DATABSE_URL"].nearest == "DATABASE_URL"


def test_names_of_other_programs_are_left_alone(tmp_path):
    assert load({**GOOD, "PATH": "/bin", "EDITOR": "vi", "PGHOST": "x"}, folder=tmp_path)


def test_an_unknown_name_in_the_file_is_a_fault(tmp_path):
    (tmp_path / "stonechat.toml").write_text('posting_grce = "1h"\n')
    assert faults(GOOD, tmp_path)["POSTING_GRCE"].nearest == "POSTING_GRACE"


def test_the_environment_wins_over_the_file(tmp_path):
    (tmp_path / "stonechat.toml").write_text('POSTING_GRACE = "1h"\nPORT = 9000\n')
    settings = load({**GOOD, "POSTING_GRACE": "3h"}, folder=tmp_path)
    assert settings.posting.grace == timedelta(hours=3)
    assert settings.dashboard.port == 9000


def test_more_accounts_stand_in_the_file(tmp_path):
    (tmp_path / "stonechat.toml").write_text(
        '[[accounts]]\nhandle = "second"\ntimezone = "Europe/Vienna"\nposts_per_day = 4\n'
    )
    settings = load(GOOD, folder=tmp_path)
    assert [account.handle for account in settings.accounts] == ["quietbuilder", "second"]
    assert settings.accounts[1].posts_per_day == 4


def test_a_broken_file_is_a_sentence(tmp_path):
    (tmp_path / "stonechat.toml").write_text("this is = = not toml")
    assert any("TOML" in fault.expected for fault in faults(GOOD, tmp_path).values())


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("%%%", "not base64"),
        (base64.b64encode(b"not json").decode(), "not base64 of JSON"),
        (base64.b64encode(b'{"a": 1}').decode(), "no list of cookies"),
        (base64.b64encode(b'[{"name": "ct0"}]').decode(), "auth_token"),
    ],
)
def test_a_broken_session_says_what_is_wrong_with_it(tmp_path, value, problem):
    assert problem in faults({**GOOD, "TWITTER_SESSION_B64": value}, tmp_path)["TWITTER_SESSION_B64"].problem


def test_no_secret_is_repeated_in_a_fault(tmp_path):
    secret = "postgres-secret-address"
    found = faults({**GOOD, "DATABASE_URL": secret}, tmp_path)
    assert secret not in str(found)


def test_live_mode_on_the_website_needs_the_owners_word(tmp_path):
    live = {**GOOD, "MODE": "live"}
    assert "X_WEB_RISK_ACCEPTED" in faults(live, tmp_path)
    assert "X_WEB_RISK_ACCEPTED" in faults({**live, "X_WEB_RISK_ACCEPTED": "other"}, tmp_path)
    assert load({**live, "X_WEB_RISK_ACCEPTED": "@QuietBuilder"}, folder=tmp_path)


def test_the_clock_is_fast_in_the_demo_only(tmp_path):
    assert "CLOCK_SPEED" in faults({**GOOD, "CLOCK_SPEED": "1800"}, tmp_path)


@pytest.mark.parametrize(
    ("written", "seconds"), [("90", 90), ("250ms", 0.25), ("5m", 300), ("2h", 7200), ("3d", 259200), (7, 7)]
)
def test_durations(tmp_path, written, seconds):
    settings = load(GOOD, folder=tmp_path, overrides={"POSTING_GRACE": written})
    assert settings.posting.grace == timedelta(seconds=seconds)


def test_every_setting_has_an_expected_form_and_a_name_of_its_own():
    names = known_names()
    assert all(names.values())
    assert len(names) > 60
