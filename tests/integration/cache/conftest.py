"""Fixtures of the cache."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.processes import Reaper
from tests.support.servers import Redis, redis_server


@pytest.fixture(scope="module")
def one_server(reaper: Reaper) -> Iterator[Redis]:
    """A server that the tests of a file may ill-treat."""
    with redis_server(reaper) as server:
        yield server
