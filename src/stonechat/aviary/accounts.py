"""The accounts that may log in here, and the session that opens each."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any

COOKIE_DOMAINS = ("127.0.0.1", ".x.com", ".twitter.com")


@dataclass(frozen=True, slots=True)
class OwnAccount:
    """An account with a session: what its owner would hold."""

    handle: str
    name: str
    bio: str
    id: str
    auth_token: str
    ct0: str
    first_followers: int
    following: int

    def storage_state(self) -> dict[str, Any]:
        """Playwright storage state with the two cookies, for this host and for X's own domains."""
        cookies = [
            {
                "name": name,
                "value": value,
                "domain": domain,
                "path": "/",
                "expires": -1,
                "httpOnly": name == "auth_token",
                "secure": domain != "127.0.0.1",
                "sameSite": "Lax",
            }
            for domain in COOKIE_DOMAINS
            for name, value in (("auth_token", self.auth_token), ("ct0", self.ct0))
        ]
        return {"cookies": cookies, "origins": []}

    def session_b64(self) -> str:
        """The storage state as base64, the form in which Stonechat takes a session."""
        return base64.b64encode(json.dumps(self.storage_state()).encode()).decode()


def own_account(seed: int, handle: str, number: int) -> OwnAccount:
    """The account ``handle`` in the world of ``seed``; the same arguments give the same cookies."""
    secret = hashlib.sha256(f"{seed}/{handle}/session".encode()).hexdigest()
    words = "".join(" " + c if c.isupper() else c for c in handle.replace("_", " ")).split()
    return OwnAccount(
        handle=handle,
        name=" ".join(words).title() if len(words) > 1 else handle.capitalize(),
        bio="Notes on building calmly: sleep, focus, movement, food, stress, learning. Automated account.",
        id=str(1_500_000_000_000_000_000 + int(secret[:8], 16)),
        auth_token=secret[:40],
        ct0=hashlib.sha256(f"{seed}/{handle}/csrf".encode()).hexdigest() * 2,
        first_followers=1240 + 35 * number,
        following=180,
    )
