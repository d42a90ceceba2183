"""Figures of the Redis connection pool, in a module that does not import the Redis client."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Connections:
    """Figures of the pool at one moment.

    Attributes:
        size: most connections that there can be.
        in_use: handed out now.
        taken_back: handed out for too long and taken back, since the start.
        last_leak: who had the last of them, and for how long; empty where nobody did.
    """

    size: int = 0
    in_use: int = 0
    taken_back: int = 0
    last_leak: str = ""
    last_leak_at: float | None = None
