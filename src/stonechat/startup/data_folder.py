"""The data folder is its user's alone: database, prompts, drafts and keys lie there."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stonechat.core.errors import Permanent

OTHERS = stat.S_IRWXG | stat.S_IRWXO


def open_to_others(folder: Path) -> str:
    """How far others may use the folder, such as ``0755``; empty where they may not, or there is none."""
    try:
        mode = stat.S_IMODE(folder.stat().st_mode)
    except OSError:
        return ""
    return f"{mode:04o}" if mode & OTHERS else ""


def make_private(folder: Path) -> str:
    """Make the folder, or shut an existing one to others (0700); what it was before, empty if it was shut.

    One that holds more than ours (a home, the working folder) or belongs to somebody else is left as it is:
    ``stonechat doctor`` warns of it.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        before = open_to_others(folder)
        if before and folder.stat().st_uid == os.geteuid() and not _is_shared(folder):
            folder.chmod(0o700)
            return before
    except OSError:  # whoever writes there first says so, and what to do
        return ""
    return ""


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Until the block ends no other ``stonechat run`` of this machine works in the folder.

    The system gives the lock back when the process ends, however it ends. Where the folder cannot be written
    to, nothing is locked: the step that writes there first says so, and what to do.

    Raises:
        Permanent: another one works there.
    """
    with contextlib.ExitStack() as opened:
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = opened.enter_context((folder / "run.lock").open("w", encoding="ascii"))
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as exc:
                raise Permanent(
                    f"A Stonechat runs in {folder} already.",
                    meaning="Nothing was started; the other one goes on.",
                    remedy="Look at it with `stonechat status`. To add to its work: `stonechat worker`. For "
                    "something else: another folder, or another DATA_DIR.",
                ) from exc
        yield


def _is_shared(folder: Path) -> bool:
    return folder.resolve() in {Path.cwd().resolve(), Path.home().resolve(), Path("/"), Path("/tmp")}  # noqa: S108
