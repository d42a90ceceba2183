"""Saved log-ins that the settings hold, one for each account; a changed settings file is read again."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from stonechat.config.networks import KnownNetworks
from stonechat.config.session_form import SessionForm, read_session
from stonechat.config.settings import AccountSettings, Settings
from stonechat.config.settings_file import SETTINGS_FILE, read_settings_file
from stonechat.core.errors import ConfigFault

SESSIONS = Path("sessions")
"""In the data folder: where the key is kept that sessions are encrypted with."""

KEY_FILE = SESSIONS / "key"
"""Where it is, sessions may be saved in the database."""


Key = tuple[str, str]
"""An account's network and its handle there."""


def session_name(form: SessionForm, handle: str) -> str:
    """The environment's name for the session of the account ``handle``."""
    return f"{form.setting}_" + "".join(one if one.isalnum() else "_" for one in handle).upper()


def with_sessions(
    accounts: tuple[AccountSettings, ...],
    given: Mapping[str, Any],
    networks: KnownNetworks,
    faults: list[ConfigFault],
) -> tuple[AccountSettings, ...]:
    """The accounts with the log-ins that their networks' settings give them."""
    for form in networks.session_forms():
        own = [one for one in accounts if networks.form_of(one) == form]
        faults += _of_no_account(given, form, [session_name(form, one.handle) for one in own])
    return tuple(_with_session(one, accounts, given, networks) for one in accounts)


def _with_session(
    account: AccountSettings,
    accounts: tuple[AccountSettings, ...],
    given: Mapping[str, Any],
    networks: KnownNetworks,
) -> AccountSettings:
    form = networks.form_of(account)
    if form is None:
        return account
    found = given.get(session_name(form, account.handle))
    if not found and account.session_b64 is None and _is_first(account, accounts):
        found = given.get(form.setting)
    return account.model_copy(update={"session_b64": SecretStr(str(found))}) if found else account


def _is_first(account: AccountSettings, accounts: tuple[AccountSettings, ...]) -> bool:
    return account is next(one for one in accounts if one.network == account.network)


def _of_no_account(given: Mapping[str, Any], form: SessionForm, names: list[str]) -> list[ConfigFault]:
    faults = []
    for name, value in given.items():
        if value and name.startswith(f"{form.setting}_") and name not in names:
            near = difflib.get_close_matches(name, names, 1, 0.5)
            expected = f"the handle of an account behind {form.setting}_"
            faults.append(ConfigFault(name, "names no account", expected, near[0] if near else None))
    return faults


def session_faults(
    settings: Settings, networks: KnownNetworks, given: Mapping[str, Any]
) -> list[ConfigFault]:
    """Sessions that cannot be read; and missing ones, where none can have been saved either."""
    faults = []
    startup = settings.startup
    saved = startup.session_key is not None or (startup.data_dir / KEY_FILE).exists()
    for account in settings.accounts:
        form = networks.form_of(account)
        if form is None:
            faults += _unwanted(account)
            continue
        first = _is_first(account, settings.accounts)
        name = form.setting if first else session_name(form, account.handle)
        expected = f"{form.expected}, saved while logged in"
        if account.session_b64 is not None:
            faults += _unread(name, account.session_b64, form, expected)
        elif not saved:
            log_in = f"{expected}; or run: stonechat login --account {account.handle}"
            faults.append(ConfigFault(name, "is missing", log_in))
    return faults + _of_networks_without_accounts(settings, networks, given)


def _of_networks_without_accounts(
    settings: Settings, networks: KnownNetworks, given: Mapping[str, Any]
) -> list[ConfigFault]:
    """A session that cannot be read is told even while the account that it is for is missing."""
    used = {one.network for one in settings.accounts}
    forms = [one.session for name, one in networks.every.items() if name not in used and one.session]
    faults = []
    for form in forms:
        if session := given.get(form.setting):
            faults += _unread(form.setting, SecretStr(str(session)), form, form.expected)
    return faults


def _unwanted(account: AccountSettings) -> list[ConfigFault]:
    if account.session_b64 is None:
        return []
    problem = f"is given for {account.handle}, whose network {account.network} takes no session"
    return [ConfigFault("ACCOUNT_SESSION_B64", problem, "nothing: leave it out")]


def _unread(name: str, session: SecretStr, form: SessionForm, expected: str) -> list[ConfigFault]:
    try:
        read_session(session.get_secret_value(), form)
    except ValueError as exc:
        return [ConfigFault(name, str(exc), expected)]
    return []


class LogIns:
    """The settings' log-ins by account, as they are now: a changed settings file is read again.

    What the environment gave stays as it was, since the environment of a running process does not change.
    A file that cannot be read, or holds a session that cannot, changes nothing.

    Args:
        folder: where the settings file stands.
    """

    def __init__(self, settings: Settings, folder: Path, networks: KnownNetworks) -> None:
        self._path = folder / SETTINGS_FILE
        self._networks = networks
        self._accounts = settings.accounts
        given = ((_key(one), one.session_b64) for one in settings.accounts)
        self._current = {key: secret.get_secret_value() for key, secret in given if secret is not None}
        self._stamp = self._stamped()
        self._written = self._read() or {}

    def __call__(self) -> Mapping[Key, str]:
        """The sessions as they are written; a look at the file's times where nothing has changed."""
        stamp = self._stamped()
        if stamp != self._stamp:
            written = self._read()
            if written is not None:
                changed = {
                    key: value
                    for key, value in written.items()
                    if value != self._written.get(key) and self._can_be_read(key, value)
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

    def _read(self) -> dict[Key, str] | None:
        file = read_settings_file(self._path)
        if file.faults:
            return None
        found = {_key(one): self._written_for(one, file.accounts, file.values) for one in self._accounts}
        return {key: value for key, value in found.items() if isinstance(value, str)}

    def _written_for(
        self, account: AccountSettings, listed: Sequence[Mapping[str, Any]], spelt: Mapping[str, Any]
    ) -> Any:
        form = self._networks.form_of(account)
        if form is None:
            return None
        mine = (one for one in listed if self._is_of(one, account))
        session = next((one.get("session_b64") or one.get("ACCOUNT_SESSION_B64") for one in mine), None)
        session = spelt.get(session_name(form, account.handle)) or session
        return session or (spelt.get(form.setting) if _is_first(account, self._accounts) else None)

    def _is_of(self, entry: Mapping[str, Any], account: AccountSettings) -> bool:
        network = entry.get("network") or entry.get("ACCOUNT_NETWORK") or self._networks.default()
        handle = entry.get("handle") or entry.get("ACCOUNT_HANDLE")
        return (network, handle) == (account.network, account.handle)

    def _can_be_read(self, key: Key, value: str) -> bool:
        form = next(self._networks.form_of(one) for one in self._accounts if _key(one) == key)
        try:
            return form is not None and bool(read_session(value, form).cookies)
        except ValueError:
            return False


def _key(account: AccountSettings) -> Key:
    return account.network, account.handle


def has_screen(environment: Mapping[str, str], platform: str = sys.platform) -> bool:
    """Whether a window can be shown."""
    if platform in ("darwin", "win32"):
        return True
    return bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))
