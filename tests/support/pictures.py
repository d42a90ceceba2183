"""Small real pictures, made on the spot."""

from __future__ import annotations

import hashlib
import struct
import zlib

from stonechat.core.network import Picture
from stonechat.networks.x_picture_limits import LIMITS
from stonechat.posting.pictures import PreparedPicture, prepare


def png(red: int, size: int = 8) -> bytes:
    """A square PNG of one colour."""
    rows = b"".join(b"\x00" + bytes((red, 40, 90)) * size for _ in range(size))
    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def picture(red: int, alt: str) -> Picture:
    """As it is handed to a network."""
    body = png(red)
    return Picture(hashlib.sha256(body).hexdigest(), "image/png", alt, body)


def ready(body: bytes) -> PreparedPicture:
    """As it is attached for X."""
    return prepare(body, LIMITS)
