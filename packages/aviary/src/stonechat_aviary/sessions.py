"""Who is logged in: every session that was issued, and which of them have ended."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from stonechat_aviary.accounts import OwnAccount, Session, nth_session


class Sessions:
    """Issues sessions and knows them again.

    With a folder, a server that comes back knows the sessions that it had issued: two numbers for each
    account are kept, since the sessions themselves follow from the seed.
    """

    def __init__(self, seed: int, accounts: Mapping[str, OwnAccount], folder: Path | None) -> None:
        self._seed = seed
        self._accounts = accounts
        self._file = folder / "sessions.json" if folder is not None else None
        self._issued = dict.fromkeys(accounts, 1)
        self._ended = dict.fromkeys(accounts, 0)
        if self._file is not None and self._file.exists():
            kept = json.loads(self._file.read_text(encoding="utf-8"))
            self._issued |= {name: n for name, n in kept["issued"].items() if name in accounts}
            self._ended |= {name: n for name, n in kept["ended"].items() if name in accounts}
        self._tokens = {
            nth_session(seed, account.handle, number).auth_token: account
            for name, account in accounts.items()
            for number in range(self._ended[name], self._issued[name])
        }

    def account(self, auth_token: str) -> OwnAccount | None:
        """Whose session it is; None where it was never issued or has ended."""
        return self._tokens.get(auth_token)

    def issue(self, handle: str) -> Session:
        """A new session for an account, beside those that it has. Raises KeyError for an unknown handle."""
        account = self._accounts[handle.lower()]
        session = nth_session(self._seed, account.handle, self._issued[handle.lower()])
        self._issued[handle.lower()] += 1
        self._tokens[session.auth_token] = account
        self._keep()
        return session

    def end(self, handle: str) -> int:
        """End every session that the account has; how many that were. Raises KeyError for an unknown one."""
        account = self._accounts[handle.lower()]
        dead = [token for token, owner in self._tokens.items() if owner is account]
        for token in dead:
            del self._tokens[token]
        self._ended[handle.lower()] = self._issued[handle.lower()]
        self._keep()
        return len(dead)

    def log_in(self, handle: str, password: str) -> Session | None:
        """A new session where the password is right."""
        account = self._accounts.get(handle.lower().lstrip("@"))
        if account is None or account.password != password:
            return None
        return self.issue(account.handle)

    def _keep(self) -> None:
        if self._file is not None:
            kept = {"issued": self._issued, "ended": self._ended}
            self._file.write_text(json.dumps(kept), encoding="utf-8")
