"""Opening the local network: in this process for tests, and as the command does it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from stonechat_aviary.levers import Panel
from stonechat_aviary.server import create_app
from stonechat_aviary.world import World
from stonechat_aviary.worldtime import FollowedClock, WorldClock
from stonechat_aviary.writing import Author

EPOCH = datetime(2026, 1, 5, 8, tzinfo=UTC)
_GOODBYE_SECONDS = 0.5
_LONGEST = 20 * 365 * 86_400.0


@dataclass(frozen=True, slots=True)
class Address:
    """Where the network is and what opens it; the line printed by the command."""

    url: str
    model_url: str
    session_b64: str
    inbox_url: str
    sessions: dict[str, str]
    tokens: dict[str, str]
    passwords: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        """The address as the command prints it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Aviary:
    """An open local network: its address, and (in process) its world and levers."""

    address: Address
    world: World
    panel: Panel

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``, without a slash at the end."""
        return self.address.url


@asynccontextmanager
async def open_aviary(
    *,
    port: int = 0,
    seed: int = 7,
    speed: float = 1.0,
    epoch: datetime = EPOCH,
    origin: float | None = None,
    clock_file: Path | None = None,
    handles: Sequence[str] = ("quietbuilder",),
    state_dir: Path | None = None,
) -> AsyncIterator[Aviary]:
    """Serve a world on 127.0.0.1 until the block ends.

    Args:
        port: 0 takes a free one.
        speed: world seconds for each real second.
        epoch: world time at ``origin``.
        origin: real Unix seconds; None means now.
        clock_file: follow the clock in this file instead, which another process drives.
        handles: our accounts; the first is the main one.
        state_dir: where the ledger is kept; None forgets it at the end.

    Raises:
        OSError: the port is taken, or there is no such clock file.
        ValueError: the clock makes no sense (speed, or an origin too long ago).
    """
    if clock_file is not None:
        clock: WorldClock = FollowedClock(speed, clock_file)
    else:
        clock = WorldClock(speed, epoch.timestamp(), time.time() if origin is None else origin)
    if clock.now() - clock.epoch > _LONGEST:
        raise ValueError("world time would be more than 20 years after its epoch; check origin and speed")
    world = World(clock, seed, handles, Author(seed), state_dir)
    panel = Panel()
    runner = web.AppRunner(
        create_app(world, panel, folder=state_dir),
        access_log=None,
        shutdown_timeout=_GOODBYE_SECONDS,
        handler_cancellation=True,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield Aviary(_address(runner, world), world, panel)
    finally:
        await runner.cleanup()
        world.close()


def _address(runner: web.AppRunner, world: World) -> Address:
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    sessions = {account.handle: account.session_b64() for account in world.accounts.values()}
    return Address(
        url=url,
        model_url=f"{url}/model/v1",
        session_b64=next(iter(sessions.values())),
        inbox_url=f"{url}/aviary/inbox",
        sessions=sessions,
        tokens={account.handle: account.auth_token for account in world.accounts.values()},
        passwords={account.handle: account.password for account in world.accounts.values()},
    )
