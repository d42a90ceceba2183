"""Saved log-ins that the settings hold, one for each account; a changed settings file is read again."""

from __future__ import annotations

import difflib
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from stonechat.config.session_form import read_session
from stonechat.config.settings import AccountSettings, Settings
from stonechat.core.errors import ConfigFault

SETTINGS_FILE = "stonechat.toml"

SESSION_FOR = "TWITTER_SESSION_B64_"
"""What a handle is put behind, in capitals and with ``_`` for all but letters and digits."""

SESSIONS = Path("sessions")
"""In the data folder: where the key is kept that sessions are encrypted with."""

KEY_FILE = SESSIONS / "key"
"""Where it is, sessions may be saved in the database."""


def session_name(handle: str) -> str:
    """The environment's name for the session of the account ``handle``."""
    return SESSION_FOR + "".join(one if one.isalnum() else "_" for one in handle).upper()


def with_sessions(
    accounts: tuple[AccountSettings, ...], environment: Mapping[str, str], faults: list[ConfigFault]
) -> tuple[AccountSettings, ...]:
    """The accounts with the sessions that the environment names for them."""
    names = {session_name(one.handle): one.handle for one in accounts}
    for name, value in environment.items():
        if value and name.startswith(SESSION_FOR) and name not in names:
            near = difflib.get_close_matches(name, names, 1, 0.5)
            expected = f"the handle of an account behind {SESSION_FOR}"
            faults.append(ConfigFault(name, "names no account", expected, near[0] if near else None))
    return tuple(
        one.model_copy(update={"session_b64": SecretStr(environment[session_name(one.handle)])})
        if environment.get(session_name(one.handle))
        else one
        for one in accounts
    )


def session_faults(
    settings: Settings, on_x_web: Sequence[AccountSettings], expected: str
) -> list[ConfigFault]:
    """Sessions that cannot be read; and missing ones, where none can have been saved either."""
    faults = []
    saved = settings.x_web.session_key is not None or (settings.startup.data_dir / KEY_FILE).exists()
    for number, account in enumerate(on_x_web):
        shared = number == 0 and account.session_b64 is None
        name = "TWITTER_SESSION_B64" if shared else session_name(account.handle)
        session = settings.session_of(account)
        if session is None and not saved:
            log_in = f"{expected}; or run: stonechat login --account {account.handle}"
            faults.append(ConfigFault(name, "is missing", log_in))
        faults += _unread(name, session, expected)
    if not on_x_web:
        faults += _unread("TWITTER_SESSION_B64", settings.x_web.session_b64, expected)
    return faults


def _unread(name: str, session: SecretStr | None, expected: str) -> list[ConfigFault]:
    if session is None:
        return []
    try:
        read_session(session.get_secret_value())
    except ValueError as exc:
        return [ConfigFault(name, str(exc), expected)]
    return []


class LogIns:
    """The settings' log-ins by handle, as they are now: a changed settings file is read again.

    What the environment gave stays as it was, since the environment of a running process does not change.
    A file that cannot be read, or holds a session that cannot, changes nothing.

    Args:
        folder: where the settings file stands.
    """

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._path = folder / SETTINGS_FILE
        self._first = settings.accounts[0].handle if settings.accounts else ""
        given = ((one.handle, settings.session_of(one)) for one in settings.accounts)
        self._current = {handle: secret.get_secret_value() for handle, secret in given if secret is not None}
        self._stamp = self._stamped()
        self._written = self._read() or {}

    def __call__(self) -> Mapping[str, str]:
        """The encoded sessions by handle; costs one ``stat`` while the file has not changed."""
        stamp = self._stamped()
        if stamp != self._stamp:
            written = self._read()
            if written is not None:
                changed = {
                    handle: value
                    for handle, value in written.items()
                    if value != self._written.get(handle) and _can_be_read(value)
                }
                self._stamp, self._written = stamp, written
                self._current = {**self._current, **changed}
        return self._current

    def _stamped(self) -> tuple[int, int]:
        try:
            found = self._path.stat()
        except OSError:
            return (0, 0)
        return (found.st_mtime_ns, found.st_size)

    def _read(self) -> dict[str, str] | None:
        try:
            data = tomllib.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError):
            return None
        listed = data.get("accounts", [])
        found = {str(one.get("handle")): _session(one) for one in listed if isinstance(one, dict)}
        shared = {name.upper(): value for name, value in data.items()}.get("TWITTER_SESSION_B64")
        if found.get(self._first) is None:
            found[self._first] = shared
        return {handle: value for handle, value in found.items() if isinstance(value, str)}


def _session(entry: Mapping[str, Any]) -> Any:
    return entry.get("session_b64") or entry.get("ACCOUNT_SESSION_B64")


def _can_be_read(value: str) -> bool:
    try:
        read_session(value)
    except ValueError:
        return False
    return True


def has_screen(environment: Mapping[str, str], platform: str = sys.platform) -> bool:
    """Whether a window can be shown."""
    if platform in ("darwin", "win32"):
        return True
    return bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))
