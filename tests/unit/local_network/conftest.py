"""A world that stands still until a test moves its clock."""

from __future__ import annotations

import pytest

from stonechat_aviary.world import World
from stonechat_aviary.worldtime import WorldClock
from stonechat_aviary.writing import Author

EPOCH = 1_767_600_000.0
"""Monday, 5 January 2026, 08:00 UTC."""


def make_world(seed: int = 7, *handles: str) -> World:
    """A world at its first moment."""
    clock = WorldClock(1.0, EPOCH, 0.0, real=lambda: 0.0)
    return World(clock, seed, handles or ("quietbuilder",), Author(seed))


@pytest.fixture
def world() -> World:
    return make_world()
