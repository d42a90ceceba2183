"""Who gives a command, for the history."""

from __future__ import annotations

import getpass


def who() -> str:
    """The user of this machine."""
    return f"{getpass.getuser()} (command line)"
