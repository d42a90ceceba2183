"""The key of the sessions: made once, private, changed by putting a new one in front."""

from __future__ import annotations

from pathlib import Path

import pytest

from stonechat.browser.session_encryption import Unreadable, new_key, open_keys
from stonechat.core.errors import ConfigError


def test_the_key_is_made_once_and_only_this_user_may_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "sessions"
    sealed = open_keys(None, folder).seal(b"cookies")
    assert b"cookies" not in sealed.encode()
    assert open_keys(None, folder).open(sealed) == b"cookies"
    assert [path.name for path in folder.iterdir()] == ["key"]
    assert {path.stat().st_mode & 0o077 for path in (folder, folder / "key")} == {0}


def test_a_new_key_in_front_of_the_old_one_opens_both(tmp_path: Path) -> None:
    old, new = new_key(), new_key()
    sealed = open_keys(old, tmp_path).seal(b"before")
    both = open_keys(f"{new}, {old}", tmp_path)
    assert both.open(sealed) == b"before"
    assert open_keys(new, tmp_path).open(both.seal(b"after")) == b"after"


def test_another_key_opens_nothing(tmp_path: Path) -> None:
    sealed = open_keys(new_key(), tmp_path).seal(b"cookies")
    with pytest.raises(Unreadable):
        open_keys(new_key(), tmp_path).open(sealed)


@pytest.mark.parametrize("setting", ["no key", "", ","])
def test_what_is_no_key_is_a_fault_of_the_setting(tmp_path: Path, setting: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_keys(setting, tmp_path)
    assert caught.value.faults[0].name == "SESSION_KEY"


def test_a_damaged_key_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError) as caught:
        open_keys(None, tmp_path)
    assert caught.value.faults[0].name.endswith("key")
