"""What X takes of pictures: its own published limits.

https://docs.x.com/x-api/media/quickstart/best-practices
"""

from __future__ import annotations

from collections.abc import Sequence

from stonechat.core.network import Picture, PictureLimits

LIMITS = PictureLimits(
    most_bytes={
        "image/jpeg": 5 * 2**20,
        "image/png": 5 * 2**20,
        "image/webp": 5 * 2**20,
        "image/gif": 15 * 2**20,
    },
    longest_side=4096,
    animated_side=1280,
    frames=350,
)

MOST = 4
LONGEST_ALT = 1000
"""Characters of a description."""


def refuse_pictures(pictures: Sequence[Picture]) -> str:
    """Why X would not take these pictures on one part; empty where it does (its own published limits)."""
    if len(pictures) > MOST:
        return f"{len(pictures)} pictures on one part, {MOST} is the most"
    if any(one.mime == "image/gif" for one in pictures) and len(pictures) > 1:
        return "a GIF stands alone: one, and no other picture"
    for one in pictures:
        if one.mime not in LIMITS.most_bytes:
            return f"{one.mime} is no picture that X takes (JPEG, PNG, WebP or GIF)"
        most = LIMITS.most_bytes[one.mime]
        if len(one.body) > most:
            return f"a picture of {len(one.body) / 2**20:.1f} MB, {most // 2**20} MB is the most"
        if not one.alt.strip():
            return "a picture without a description"
        if len(one.alt) > LONGEST_ALT:
            return f"a description of {len(one.alt)} characters, {LONGEST_ALT} is the most"
    return ""
