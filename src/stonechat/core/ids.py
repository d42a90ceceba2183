"""Identifiers: stable ones, so that a repeated step writes the same row, and fresh ones."""

from __future__ import annotations

import hashlib
import uuid

_NAMESPACE = uuid.UUID("6f1c2b0e-2f0b-5c53-9d0a-57c1a7b3e001")


def stable_id(*parts: str) -> str:
    """The same parts always give the same id (UUID version 5, RFC 9562).

    A step that runs twice after a crash therefore names the same row twice instead of two rows.
    """
    return str(uuid.uuid5(_NAMESPACE, "\x1f".join(parts)))


def fresh_id() -> str:
    """A new random id (UUID version 4, RFC 9562)."""
    return str(uuid.uuid4())


def fingerprint(*texts: str) -> str:
    """A digest of a text that survives what networks do to white space: SHA-256, 16 hex digits.

    Used to find our own post again on a profile when the answer to publishing it was lost.
    """
    folded = "\x1f".join(" ".join(text.split()).casefold() for text in texts)
    return hashlib.sha256(folded.encode()).hexdigest()[:16]


def digest(*texts: str) -> str:
    """SHA-256 of the exact bytes, 64 hex digits: what was approved must be what is posted."""
    return hashlib.sha256("\x1f".join(texts).encode()).hexdigest()


def trace_of(entity_id: str) -> str:
    """The trace of a run or of a piece of content: 32 hexadecimal digits, as W3C Trace Context has them.

    The same on every host and after every restart, so that what became of one post can be put together from
    any number of logs.
    """
    return hashlib.sha256(entity_id.encode()).hexdigest()[:32]
