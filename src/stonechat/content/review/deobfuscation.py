"""Recovers hidden readings of a text: encoded, reversed, spaced out, or in look-alike letters."""

from __future__ import annotations

import base64
import binascii
import codecs
import re
import unicodedata
from urllib.parse import unquote

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{12,}={0,2}")
_HEX = re.compile(r"(?:0x)?(?:[0-9a-fA-F]{2}[\s:]?){6,}")
_BINARY = re.compile(r"(?:[01]{8}\s?){3,}")
_SPACED = re.compile(r"(?:\b\w[\s.\-_*]){5,}\w\b")
_MOST = 12


def hidden(text: str) -> list[str]:
    """Readings of ``text`` that a model might follow though a reader would not see them."""
    found: list[str] = []
    for candidate in (
        *_base64(text),
        *_hex(text),
        *_binary(text),
        unquote(text),
        codecs.decode(text, "rot13"),
        text[::-1],
        " ".join(word[::-1] for word in text.split()),
        *(re.sub(r"[\s.\-_*]", "", match[0]) for match in _SPACED.finditer(text)),
        plain(text),
    ):
        if candidate != text and candidate not in found and _readable(candidate):
            found.append(candidate)
    return found[:_MOST]


def plain(text: str) -> str:
    """Compatibility forms, tag characters and leet digits turned into plain letters."""
    tags = "".join(chr(ord(c) - 0xE0000) if 0xE0020 <= ord(c) <= 0xE007E else c for c in text)
    folded = unicodedata.normalize("NFKC", tags)
    visible = "".join(
        char for char in folded if unicodedata.category(char) not in {"Cf", "Cc"} or char == "\n"
    )
    return visible.translate(_LOOKALIKE)


_LOOKALIKE = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0445\u0443\u0456\u0410\u0415\u041e\u0420\u0421\u0425\u0422\u0412\u041c\u041d\u041a"
    "013457@$",
    "aeopcxyiAEOPCXTBMHKoieastas",
)
"""Cyrillic letters and digits that are read as Latin ones."""


def _base64(text: str) -> list[str]:
    found = []
    for match in _BASE64.finditer(text):
        raw = match[0].rstrip("=").replace("-", "+").replace("_", "/")
        try:
            found.append(base64.b64decode(raw + "=" * (-len(raw) % 4)).decode())
        except (binascii.Error, UnicodeDecodeError, ValueError):
            continue
    return found


def _hex(text: str) -> list[str]:
    found = []
    for match in _HEX.finditer(text):
        digits = re.sub(r"0x|[\s:]", "", match[0])
        try:
            found.append(bytes.fromhex(digits).decode())
        except (ValueError, UnicodeDecodeError):
            continue
    return found


def _binary(text: str) -> list[str]:
    return [
        "".join(chr(int(byte, 2)) for byte in re.findall(r"[01]{8}", match[0]))
        for match in _BINARY.finditer(text)
    ]


def _readable(text: str) -> bool:
    letters = sum(char.isalpha() or char.isspace() for char in text)
    return bool(text.strip()) and letters >= 0.6 * len(text)
