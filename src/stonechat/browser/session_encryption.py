"""Encrypts sessions, with keys from a setting or from a file that only this user may read.

Fernet (AES-128-CBC with HMAC-SHA256, from the ``cryptography`` library) says of each text whether it is
whole and ours. ``SESSION_KEY`` may hold several keys: the first encrypts, all of them decrypt, so that a
key is changed by putting the new one in front.
"""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from stonechat.core.errors import ConfigError, ConfigFault

KEY_FILE = "key"
EXPECTED = "keys made by `stonechat login --new-key`, separated by commas; the first one encrypts"


class Unreadable(ValueError):
    """It was encrypted with another key, or altered."""


class Keys:
    """Seals and opens texts. Made by :func:`open_keys`."""

    def __init__(self, keys: MultiFernet) -> None:
        self._keys = keys

    def seal(self, plain: bytes) -> str:
        """Encrypted, as ASCII."""
        return self._keys.encrypt(plain).decode("ascii")

    def open(self, sealed: str) -> bytes:
        """The opposite of :meth:`seal`.

        Raises:
            Unreadable: another key, or not whole.
        """
        try:
            return self._keys.decrypt(sealed.encode("ascii"))
        except (InvalidToken, UnicodeEncodeError):
            raise Unreadable("encrypted with another key, or altered") from None


def open_keys(setting: str | None, folder: Path) -> Keys:
    """The keys of ``SESSION_KEY``, else of the file ``key`` in ``folder``, made where there is none.

    Raises:
        ConfigError: the setting, or the file, holds no key.
    """
    if setting is not None:
        return Keys(_keys("SESSION_KEY", setting.split(",")))
    path = folder / KEY_FILE
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make(path)
        return Keys(_keys(str(path), path.read_text(encoding="ascii").split()))
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not text"
        raise ConfigError((ConfigFault(str(path), f"cannot be used: {reason}", EXPECTED),)) from exc


def new_key() -> str:
    """A fresh key, for ``SESSION_KEY``."""
    return Fernet.generate_key().decode("ascii")


def _keys(name: str, given: list[str]) -> MultiFernet:
    try:
        return MultiFernet([Fernet(one.strip()) for one in given if one.strip()])
    except ValueError as exc:
        raise ConfigError((ConfigFault(name, "holds something that is no key", EXPECTED),)) from exc


def _make(path: Path) -> None:
    """Write a key of our own, whole or not at all, unless one is there."""
    if path.exists():
        return
    part = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(new_key() + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(part, path)  # unlike a rename it never replaces what another process has just made
    except FileExistsError:
        pass
    finally:
        part.unlink(missing_ok=True)
