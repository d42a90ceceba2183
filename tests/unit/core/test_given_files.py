"""Whatever stands at a path that somebody names, reading it ends, takes bounded memory, and is explained."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from stonechat.core.given_files import open_given, read_given

MB = 1 << 20


def test_a_file_is_read_whole_and_one_that_is_too_large_is_not(tmp_path: Path) -> None:
    file = tmp_path / "picture"
    file.write_bytes(b"x" * (3 * MB))
    assert read_given(file, 3 * MB) == b"x" * (3 * MB)
    with pytest.raises(OSError, match="larger than 2 MB"):
        read_given(file, 2 * MB)


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/urandom"])
def test_what_never_ends_is_given_up(path: str) -> None:
    with pytest.raises(OSError, match="larger than 1 MB"):
        read_given(Path(path), MB)
    with pytest.raises(OSError, match="no ordinary file"):
        open_given(Path(path))


def test_a_folder_and_a_missing_file_are_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing"):
        for read in (lambda path: read_given(path, MB), open_given):
            with pytest.raises(OSError, match=r"directory|no ordinary file"):
                read(path)


def test_a_pipe_is_read_where_somebody_writes_and_left_where_nobody_does(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="no ordinary file"):
        open_given(pipe)
    with pytest.raises(OSError, match="nothing came from it"):
        read_given(pipe, MB, patience=0.05)
    writer = threading.Thread(target=lambda: pipe.write_bytes(b"a log-in"))
    writer.start()
    assert read_given(pipe, MB) == b"a log-in"
    writer.join()
