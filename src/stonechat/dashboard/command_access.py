"""How the owner's commands reach the process that runs, and show that they are the owner's.

The process writes its address and a token of its own into the data folder, into a file that only its user
can read, and removes it at its end. A command sends the token to that address and nowhere else: never the
password, and nothing to whoever else may listen somewhere. A new start has a new token.
"""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stonechat.core.atomic_file import whole_file
from stonechat.core.errors import Transient
from stonechat.core.safe_json import UnsafeJson, safe_json

FILE = "running.json"


@dataclass(frozen=True, slots=True)
class CommandAccess:
    """Where the running process listens, and what it takes in place of a password."""

    address: str
    token: str

    def __repr__(self) -> str:
        return f"CommandAccess({self.address})"


def new_token() -> str:
    """A fresh token."""
    return secrets.token_urlsafe(32)


@contextmanager
def published(access: CommandAccess, folder: Path) -> Iterator[None]:
    """Let commands that stand in the same data folder in, until the block ends.

    A folder that cannot be written to keeps commands out and nothing else.
    """
    path = folder / FILE
    with contextlib.suppress(Transient), whole_file(path) as (file, _):
        file.write(json.dumps({"address": access.address, "token": access.token}).encode())
    try:
        yield
    finally:
        if read_access(folder) == access:  # another start may have put its own there
            with contextlib.suppress(OSError):
                path.unlink()


def read_access(folder: Path) -> CommandAccess | None:
    """What the process that runs on this data folder has written; None where none runs."""
    try:
        written = safe_json((folder / FILE).read_bytes())
        return CommandAccess(str(written["address"]), str(written["token"]))
    except (OSError, UnsafeJson, KeyError, TypeError):
        return None
