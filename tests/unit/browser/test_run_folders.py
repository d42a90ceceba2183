"""The folder of temporary files belongs to everybody, and what somebody else put there stops nothing."""

from __future__ import annotations

import os
from pathlib import Path

from stonechat.browser.processes import RunFolder, default_root


def test_a_name_that_somebody_else_took_is_passed_over(tmp_path: Path) -> None:
    usual = default_root(tmp_path)
    RunFolder.below(usual).prepare()
    assert default_root(tmp_path) == usual, "our own is taken again, and what is left in it swept up"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for number, name in enumerate((usual, *(usual.with_name(f"{usual.name}-{n}") for n in (2, 3)))):
        if number == 0:
            for run in usual.iterdir():
                RunFolder(run).remove()
            usual.rmdir()
        if number % 2:
            name.write_text("a file")
        else:
            name.symlink_to(elsewhere)
    found = default_root(tmp_path)
    assert found.name == f"{usual.name}-4"
    RunFolder.below(found).prepare()
    assert not list(elsewhere.iterdir()) and found.stat().st_uid == os.getuid()
