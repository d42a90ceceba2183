"""What X takes of pictures: its own published limits.

https://docs.x.com/x-api/media/quickstart/best-practices
"""

from __future__ import annotations

from stonechat.core.network import PictureLimits

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
