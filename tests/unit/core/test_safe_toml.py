"""Whatever a file of settings holds, reading it ends with what it says or with one declared error."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stonechat.config.settings_file import read_settings_file
from stonechat.content.arms import load_arms
from stonechat.content.voice import load_voice
from stonechat.core.errors import ConfigError
from stonechat.core.safe_toml import MOST_BYTES, UnsafeToml, parse_toml

ODD = {
    "a figure of 5,000 digits": b"a = " + b"9" * 5000,
    "a figure of 30 digits": b"a = " + b"9" * 30,
    "nested arrays": b"a = " + b"[" * 50_000,
    "not UTF-8": b"a = '\xff'",
    "no TOML": b"= 1",
    "too long": b"#" * (MOST_BYTES + 1),
    "a null byte": b"a = '\x00'",
}


@pytest.mark.parametrize("data", ODD.values(), ids=ODD)
def test_every_file_of_ours_that_cannot_be_read_is_a_declared_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "odd.toml"
    path.write_bytes(data)
    assert read_settings_file(path).faults
    for load in (load_voice, load_arms):
        with pytest.raises(ConfigError):
            load(path)
        with pytest.raises(ConfigError):
            load(tmp_path)


@pytest.mark.parametrize(
    "written", ["accounts = 1", "accounts = [1]", "accounts = {a = 1}", "accounts = 'x'"]
)
def test_accounts_that_are_no_tables_are_a_fault_and_give_nothing(tmp_path: Path, written: str) -> None:
    path = tmp_path / "stonechat.toml"
    path.write_text(written)
    file = read_settings_file(path)
    assert file.faults and file.accounts == []


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        assert isinstance(parse_toml(text), dict)
    except UnsafeToml as refused:
        assert str(refused)
