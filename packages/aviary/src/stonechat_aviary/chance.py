"""Seeded chance: every draw in the world comes from a generator named by what it is for.

Because a generator depends on the seed and a name only, what happens to one post does not depend on
who read what in which order, and the same seed gives the same world.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def key_number(*key: object) -> int:
    """A stable 64-bit number for a name such as ``("day", 12)``; the same on every machine."""
    text = "\x1f".join(str(part) for part in key)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def chance(seed: int, *key: object) -> np.random.Generator:
    """The generator for ``key`` in the world of ``seed``; equal arguments give equal draws."""
    return np.random.Generator(np.random.PCG64([seed & 0xFFFFFFFF, key_number(*key)]))


def pick(rng: np.random.Generator, options: Sequence[T]) -> T:
    """One of ``options``, each equally likely."""
    return options[int(rng.integers(len(options)))]
