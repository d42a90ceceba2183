"""Fixtures of the adapters: a browser on a local network, shared by the tests of a file."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.integration.networks.x_web_support import Bench


@pytest_asyncio.fixture(loop_scope="module")
async def bench(shared: Bench) -> AsyncIterator[Bench]:
    """The file's own ``shared`` bench, with every lever of the network at rest before and after."""
    shared.aviary.panel.reset()
    yield shared
    shared.aviary.panel.reset()
