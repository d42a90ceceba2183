"""Reads files that somebody names: whatever stands at the path, reading it ends, and takes bounded memory.

A path may lead to a pipe that nobody writes to, to ``/dev/zero`` or to a folder. All of these are an
``OSError`` here, as a missing file is, so that whoever reads names them in one sentence. What a shell makes
of ``<(command)`` is a pipe too, and is read.
"""

from __future__ import annotations

import errno
import os
import select
import stat
from pathlib import Path
from typing import BinaryIO

PATIENCE = 10.0
"""Real seconds that a pipe may give nothing."""

_PIECE = 1 << 20


def read_given(path: Path, most: int, patience: float = PATIENCE) -> bytes:
    """All bytes of a file or a pipe.

    Raises:
        OSError: it cannot be read, holds more than ``most`` bytes, or gives nothing for ``patience`` seconds.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        taken = bytearray()
        while piece := _next(descriptor, path, patience):
            taken += piece
            if len(taken) > most:
                raise OSError(errno.EFBIG, f"it is larger than {most >> 20} MB", str(path))
        return bytes(taken)
    finally:
        os.close(descriptor)


def open_given(path: Path) -> BinaryIO:
    """An ordinary file, to be read piece by piece.

    Raises:
        OSError: it cannot be read, or is a pipe, a device or a folder.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no ordinary file", str(path))
    return os.fdopen(descriptor, "rb")


def _next(descriptor: int, path: Path, patience: float) -> bytes:
    if not select.select([descriptor], [], [], patience)[0]:
        raise OSError(errno.ETIMEDOUT, f"nothing came from it for {patience:g} s", str(path))
    return os.read(descriptor, _PIECE)
