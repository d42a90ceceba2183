"""The data folder is its user's alone: database, prompts, drafts and keys lie there."""

from __future__ import annotations

import os
import stat
from pathlib import Path

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


def _is_shared(folder: Path) -> bool:
    return folder.resolve() in {Path.cwd().resolve(), Path.home().resolve(), Path("/"), Path("/tmp")}  # noqa: S108
