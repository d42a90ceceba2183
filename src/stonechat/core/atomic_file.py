"""Writes files atomically: a file gets its name only once it is complete and flushed to the disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from stonechat.core.errors import Transient


@contextmanager
def whole_file(path: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """The file to write to, and the name that it has meanwhile; nothing is left of it after an error.

    Raises:
        Transient: the folder cannot be written to, or the disk is full.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            yield file, part
            flush(file)
        part.replace(path)
        _flush_folder(path.parent)
    except OSError as exc:
        raise Transient(
            f"{path} cannot be written: {exc.strerror or type(exc).__name__}.",
            meaning="Nothing is there under that name; what was written of it has been removed.",
            remedy="Free some disk space, or name a file in a folder that can be written to.",
        ) from exc
    finally:
        _remove(part)


def flush(file: BinaryIO) -> None:
    """Onto the disk with it."""
    file.flush()
    os.fsync(file.fileno())


def _remove(part: Path) -> None:
    try:
        part.unlink(missing_ok=True)
    except OSError:  # its folder is no folder: it was never there
        return


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
