"""The form of a saved log-in: base64 of a Playwright ``storage_state``, or of a cookies array."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any

NEEDED = ("auth_token", "ct0")
"""The cookies without which X knows nobody."""


def read_session(encoded: str) -> tuple[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]]:
    """The cookies and the origins in a setting's value. White space in it does no harm.

    Raises:
        ValueError: what is wrong with it, in words that follow the setting's name and repeat nothing of it.
    """
    data = _decoded(encoded)
    cookies = data.get("cookies") if isinstance(data, dict) else data
    if not isinstance(cookies, list):
        raise ValueError("holds no cookies")
    if not all(_is_cookie(one) for one in cookies):
        raise ValueError("holds a cookie without name or value")
    origins = (data.get("origins") or []) if isinstance(data, dict) else []
    if not isinstance(origins, list) or not all(_is_origin(one) for one in origins):
        raise ValueError("holds origins of another form than Playwright's")
    missing = [name for name in NEEDED if not any(c["name"] == name and c["value"] for c in cookies)]
    if missing:
        raise ValueError(f"lacks the cookie{'s' if len(missing) > 1 else ''} {' and '.join(missing)}")
    return cookies, origins


def _decoded(encoded: str) -> Any:
    try:
        raw = base64.b64decode("".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise ValueError("is not base64") from exc
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as exc:
        raise ValueError("is base64, but not of JSON (is it cut off?)") from exc


def _is_cookie(one: object) -> bool:
    return (
        isinstance(one, dict) and isinstance(one.get("name"), str) and isinstance(one.get("value"), str | int)
    )


def _is_origin(one: object) -> bool:
    if not isinstance(one, dict) or not isinstance(one.get("origin"), str):
        return False
    kept = one.get("localStorage", [])
    return isinstance(kept, list) and all(isinstance(entry, dict) for entry in kept)
