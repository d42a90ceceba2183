"""The data folder is its user's alone, also one that was there before."""

from __future__ import annotations

from pathlib import Path

import pytest

from stonechat.browser.sandbox import no_sandbox
from stonechat.core.errors import Permanent
from stonechat.startup.data_folder import alone_in, make_private, open_to_others


@pytest.mark.parametrize("mode", [0o755, 0o777, 0o750, 0o701])
def test_a_folder_that_was_open_is_shut_and_that_is_told(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(mode)
    assert make_private(folder) == f"{mode:04o}"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert make_private(folder) == "" == open_to_others(folder)


def test_a_new_folder_is_private_and_the_working_folder_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert make_private(tmp_path / "a" / "data") == ""
    assert (tmp_path / "a" / "data").stat().st_mode & 0o777 == 0o700
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    assert make_private(Path()) == "" and open_to_others(Path()) == "0755"


def test_a_folder_that_cannot_be_made_is_nothing_to_fall_over(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert make_private(tmp_path / "file" / "data") == ""
    assert make_private(tmp_path / ("x" * 5000)) == ""


@pytest.mark.parametrize(
    ("switch", "value", "told"),
    [
        ("kernel/unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"),
        (
            "kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        ("user/max_user_namespaces", "0", "sysctl user.max_user_namespaces=10000"),
    ],
)
def test_a_kernel_that_refuses_the_sandbox_is_told_with_the_way_out(
    tmp_path: Path, switch: str, value: str, told: str
) -> None:
    assert no_sandbox(1000, tmp_path) is None
    path = tmp_path / switch
    path.parent.mkdir()
    path.write_text(f"{value}\n")
    found = no_sandbox(1000, tmp_path)
    assert found is not None and told in found[1]


def test_root_is_told_to_use_a_user_of_its_own(tmp_path: Path) -> None:
    found = no_sandbox(0, tmp_path)
    assert found is not None and "as root" in found[0] and "User=" in found[1]


def test_a_second_one_in_the_same_folder_is_said_and_the_folder_is_free_afterwards(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with alone_in(folder):
        with pytest.raises(Permanent, match="already") as caught, alone_in(folder):
            pass
        assert "stonechat worker" in caught.value.remedy
    with alone_in(folder), alone_in(tmp_path / "another"):
        assert (folder / "run.lock").exists()


def test_what_fails_while_it_is_alone_is_not_taken_for_a_folder_that_cannot_be_written(
    tmp_path: Path,
) -> None:
    with pytest.raises(OSError, match="disk"), alone_in(tmp_path):
        raise OSError("disk")


def test_a_folder_that_cannot_be_made_is_left_to_the_step_that_needs_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    reached = False
    with alone_in(tmp_path / "file" / "data"):
        reached = True
    assert reached
