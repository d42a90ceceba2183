"""Which Chromium is started, and what is said where the setting is wrong."""

from pathlib import Path

import pytest

from stonechat.browser.executable import find_chromium
from stonechat.core.errors import ConfigError


def program(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_setting_wins(tmp_path: Path) -> None:
    program(tmp_path, "chromium-headless-shell")
    mine = program(tmp_path, "mine")

    assert find_chromium(mine, search_path=str(tmp_path)) == mine


@pytest.mark.parametrize("name", ["absent", "."])
def test_a_setting_that_is_no_program_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        find_chromium(tmp_path / name)

    assert caught.value.faults[0].name == "BROWSER_EXECUTABLE"


def test_a_file_that_cannot_be_run_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plain"
    path.write_text("")

    with pytest.raises(ConfigError):
        find_chromium(path)


def test_an_installed_headless_shell_goes_before_playwrights_own_and_that_before_the_rest(
    tmp_path: Path,
) -> None:
    own = tmp_path / "own"
    (own / "chromium-1200").mkdir(parents=True)
    chromium = program(tmp_path, "chromium")
    path = str(tmp_path)

    assert find_chromium(None, search_path=path, own=(own,)) is None
    assert find_chromium(None, search_path=path, own=(tmp_path / "none",)) == chromium
    shell = program(tmp_path, "chromium-headless-shell")
    assert find_chromium(None, search_path=path, own=(own,)) == shell
