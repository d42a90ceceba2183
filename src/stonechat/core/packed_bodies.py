"""Bodies of answers that came packed, unpacked within a bound."""

from __future__ import annotations

import zlib


def unpacked(body: bytes, encoding: str, most: int) -> bytes | None:
    """The body as it was before packing; None where it would be larger, empty where nobody can read it.

    Everybody who calls out asks for ``identity``; some gateways pack all the same.

    Args:
        encoding: what the answer's ``Content-Encoding`` says.
        most: bytes that are unpacked at most, so that a small answer cannot fill the memory.
    """
    named = encoding.strip().lower()
    if named in ("", "identity"):
        return body if len(body) <= most else None
    if named not in ("gzip", "x-gzip", "deflate"):
        return b""
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        text = unpacking.decompress(body, most)
    except zlib.error:
        return b""
    return None if unpacking.unconsumed_tail else text
