"""X's shortened links."""

from __future__ import annotations

import hashlib


def short_link(target: str) -> str:
    """The ``t.co`` link for an address: always the same one."""
    return f"https://t.co/{hashlib.sha256(target.encode()).hexdigest()[:10]}"
