"""``stonechat init``: what the answers write, and what they refuse."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest

from stonechat.cli.commands.init import SETTINGS, Setting, prepare, replace_file
from stonechat.content.voice import load_voice
from stonechat.core.errors import ConfigError, Permanent

VOICE = {
    "speaks": "A calm account",
    "for_whom": "busy people",
    "niche": "habits",
    "topics": "sleep, focus",
    "dont": "promise results",
}


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for one in SETTINGS:
        monkeypatch.delenv(one.name, raising=False)


def written(given: dict[str, str], voice: dict[str, str], ask: Any = None) -> dict[str, Any]:
    _, files = prepare(given, voice, ask=ask)
    for path, text in files.items():
        replace_file(path, text)
    return tomllib.loads(Path("stonechat.toml").read_text(encoding="utf-8"))


def test_a_leading_at_sign_is_taken_and_the_voice_is_used() -> None:
    found = written({"ACCOUNT_HANDLE": "@quiet", "POSTS_PER_DAY": "6"}, VOICE)
    assert (found["ACCOUNT_HANDLE"], found["POSTS_PER_DAY"], found["VOICE_FILE"]) == (
        "quiet",
        6,
        "voice.toml",
    )
    assert load_voice(Path("voice.toml")).topics == ("sleep", "focus")


def test_only_its_owner_may_read_what_is_written() -> None:
    written({"ACCOUNT_HANDLE": "quiet"}, VOICE)
    for name in ("stonechat.toml", "voice.toml"):
        assert stat.S_IMODE(Path(name).stat().st_mode) & 0o077 == 0


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({}, {"ACCOUNT_HANDLE"}),
        ({"ACCOUNT_HANDLE": "two words"}, {"ACCOUNT_HANDLE"}),
        ({"ACCOUNT_HANDLE": "a", "POSTS_PER_DAY": "99", "APPROVAL": "some"}, {"POSTS_PER_DAY", "APPROVAL"}),
        ({"ACCOUNT_HANDLE": "a", "ACCOUNT_TIMEZONE": "Mars/Base"}, {"ACCOUNT_TIMEZONE"}),
        ({"ACCOUNT_HANDLE": "a", "ACCOUNT_NETWORK": "nowhere"}, {"ACCOUNT_NETWORK"}),
        ({"ACCOUNT_HANDLE": "a", "OPENAI_BASE_URL": "model"}, {"OPENAI_BASE_URL"}),
    ],
)
def test_what_cannot_be_used_is_named_at_once_and_nothing_is_written(
    given: dict[str, str], names: set[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        prepare(given, VOICE, ask=None)
    assert {fault.name for fault in caught.value.faults} == names
    assert not list(Path().iterdir())


def test_a_wrong_answer_is_asked_for_again() -> None:
    typed = {"ACCOUNT_HANDLE": ["no such handle", "quiet"], "POSTS_PER_DAY": ["many", "5"]}

    def ask(one: Setting, offered: Any) -> str:
        return typed[one.name].pop(0) if typed.get(one.name) else str(offered)

    found = written({}, VOICE, ask)
    assert (found["ACCOUNT_HANDLE"], found["POSTS_PER_DAY"]) == ("quiet", 5)


def test_run_again_it_edits_and_keeps_the_rest() -> None:
    written({"ACCOUNT_HANDLE": "quiet", "ACCOUNT_TIMEZONE": "Europe/Vienna"}, VOICE)
    voice = Path("voice.toml").read_text(encoding="utf-8")
    found = written({"POSTS_PER_DAY": "9"}, {})
    assert (found["ACCOUNT_HANDLE"], found["ACCOUNT_TIMEZONE"]) == ("quiet", "Europe/Vienna")
    assert found["POSTS_PER_DAY"] == 9
    assert Path("voice.toml").read_text(encoding="utf-8") == voice


def test_a_secret_of_the_environment_is_used_and_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")
    asked = []

    def ask(one: Setting, offered: Any) -> str:
        asked.append(one.name)
        return "quiet" if one.name == "ACCOUNT_HANDLE" else str(offered)

    assert "OPENAI_API_KEY" not in written({}, VOICE, ask)
    assert "OPENAI_API_KEY" not in asked


def test_a_settings_file_that_is_no_toml_is_left_as_it_is() -> None:
    Path("stonechat.toml").write_text("MODE = = live", encoding="utf-8")
    with pytest.raises(ConfigError):
        prepare({"ACCOUNT_HANDLE": "a"}, VOICE, ask=None)
    assert Path("stonechat.toml").read_text(encoding="utf-8") == "MODE = = live"


def test_a_voice_that_lacks_answers_writes_nothing() -> None:
    with pytest.raises(ConfigError):
        prepare({"ACCOUNT_HANDLE": "a"}, {"speaks": "me"}, ask=None)
    assert not list(Path().iterdir())


def test_a_folder_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Permanent, match="cannot be written"):
        replace_file(tmp_path / "file" / "voice.toml", "x")


@pytest.mark.parametrize("handle", ["@", " ", "@ ", ""])
def test_no_handle_never_takes_the_place_of_the_one_that_is_there(handle: str) -> None:
    written({"ACCOUNT_HANDLE": "quiet"}, VOICE)
    before = Path("stonechat.toml").read_text(encoding="utf-8")
    with pytest.raises(ConfigError, match="cannot be used"):
        prepare({"ACCOUNT_HANDLE": handle}, {}, ask=None)
    assert Path("stonechat.toml").read_text(encoding="utf-8") == before


@pytest.mark.parametrize("secret", ["@12345678", "12345678", "@@pass@word", "a\u00e9 b c d e f"])
def test_a_secret_is_written_to_the_last_sign(secret: str) -> None:
    def ask(one: Setting, offered: Any) -> str:
        return {"ACCOUNT_HANDLE": "quiet", "DASHBOARD_PASSWORD": secret}.get(one.name, str(offered))

    assert written({}, VOICE, ask)["DASHBOARD_PASSWORD"] == secret
    assert written({}, {}, None)["DASHBOARD_PASSWORD"] == secret, "a second run keeps it"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_as_windows_writes_it_is_edited(encoding: str) -> None:
    Path("stonechat.toml").write_bytes('MODE = "shadow" # ours\r\nPORT = 9000\r\n'.encode(encoding))
    found = written({"ACCOUNT_HANDLE": "quiet"}, VOICE)
    assert (found["MODE"], found["PORT"], found["ACCOUNT_HANDLE"]) == ("shadow", 9000, "quiet")
    assert "# ours" in Path("stonechat.toml").read_text(encoding="utf-8")


def test_no_fault_is_told_as_a_regular_expression() -> None:
    with pytest.raises(ConfigError) as caught:
        prepare({"ACCOUNT_HANDLE": "two words"}, VOICE, ask=None)
    [fault] = caught.value.faults
    assert "pattern" not in fault.problem and "^" not in fault.problem
    assert "me@server" in fault.expected


@pytest.mark.parametrize("done", [0, 1, 2])
def test_cut_off_between_its_files_it_is_run_again_and_nothing_is_lost(done: int) -> None:
    _, files = prepare({"ACCOUNT_HANDLE": "quiet"}, VOICE, ask=None)
    assert len(files) == 2
    for path, text in list(files.items())[:done]:
        replace_file(path, text)
    Path(".stonechat.toml.new").write_text("half of a fi", encoding="utf-8")
    found = written({"ACCOUNT_HANDLE": "quiet"}, {} if done else VOICE)
    assert (found["ACCOUNT_HANDLE"], found["VOICE_FILE"]) == ("quiet", "voice.toml")
    assert load_voice(Path("voice.toml")).topics == ("sleep", "focus")
    assert not Path(".stonechat.toml.new").exists()


def test_a_voice_file_that_is_there_is_told_whose_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    _, files = prepare({"ACCOUNT_HANDLE": "another"}, VOICE, ask=None)
    replace_file(Path("voice.toml"), files[Path("voice.toml")])
    written({"ACCOUNT_HANDLE": "quiet"}, {})
    assert "voice.toml is there and stays. It speaks as: A calm account" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["topics = 3", "speaks = [", "\x00", "speaks = 'a'"])
def test_a_voice_file_that_cannot_be_used_stops_before_anything_is_written(text: str) -> None:
    Path("voice.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError):
        written({"ACCOUNT_HANDLE": "quiet"}, {})
    assert not Path("stonechat.toml").exists()
    assert Path("voice.toml").read_text(encoding="utf-8") == text
