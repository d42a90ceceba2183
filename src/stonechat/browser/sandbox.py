"""Whether Chromium can shut itself in here: its sandbox stands between a hostile page and this user."""

from __future__ import annotations

import os
from pathlib import Path

OWN_USER = "Run Stonechat as a user of its own, who owns DATA_DIR: `User=` in systemd, `USER` in a container."
_KERNEL = Path("/proc/sys")
_SWITCHES = {
    "kernel/unprivileged_userns_clone": "0",
    "kernel/apparmor_restrict_unprivileged_userns": "1",
    "user/max_user_namespaces": "0",
}
"""What a kernel sets so to refuse the name spaces that the sandbox is made of."""


def no_sandbox(user: int | None = None, kernel: Path = _KERNEL) -> tuple[str, str] | None:
    """Why Chromium's sandbox is not to be had, and the way out; None where nothing speaks against it."""
    if (os.geteuid() if user is None else user) == 0:
        return "runs as root, where Chromium has no sandbox", OWN_USER
    for name, refusing in _SWITCHES.items():
        try:
            value = (kernel / name).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            continue
        if value == refusing:
            setting = name.replace("/", ".")
            allowed = {"0": "1", "1": "0"}[refusing] if name.startswith("kernel") else "10000"
            return (
                f"the kernel refuses Chromium's sandbox ({setting} = {value})",
                f"As root: sysctl {setting}={allowed}; or use a Chromium that your system packages.",
            )
    return None
