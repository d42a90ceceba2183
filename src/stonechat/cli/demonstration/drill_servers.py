"""Servers of a drill's own: PostgreSQL and Valkey or Redis from this machine, in the drill's folder."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from pwd import getpwnam

import psutil

from stonechat.core.child_environment import child_environment
from stonechat.core.errors import Permanent, Transient

CONNECTIONS = 40
"""What the drill's PostgreSQL takes; few, so that a drill can use all of them."""

STARTS_WITHIN = 30.0
NOBODY = "nobody"


@dataclass
class Server:
    """A server process, its address as a setting takes it, and how it is started."""

    url: str
    command: Sequence[str]
    user: str | None
    port: int
    process: asyncio.subprocess.Process

    def family(self) -> list[psutil.Process]:
        """The process and its children, as they are now."""
        if self.process.returncode is not None:
            return []
        try:
            parent = psutil.Process(self.process.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    async def kill(self) -> None:
        """What a power cut does."""
        for one in self.family():
            one.kill()
        await self.process.wait()

    async def start_again(self) -> None:
        """On the same data and port."""
        self.process = await _run(self.command, self.user)
        await _listening(self.port)

    def freeze(self) -> None:
        """Connections stay open, nobody answers."""
        for one in reversed(self.family()):
            one.suspend()

    def thaw(self) -> None:
        """Go on."""
        for one in self.family():
            one.resume()


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def postgresql_programs() -> Path | None:
    """The folder of the newest PostgreSQL that is installed; None where there is none."""
    found = shutil.which("initdb")
    places = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if found and not places:
        return Path(found).parent
    return max(places, key=lambda path: path.parent.name, default=None)


def redis_program() -> str | None:
    """The Valkey or Redis server that is installed."""
    return shutil.which("valkey-server") or shutil.which("redis-server")


@asynccontextmanager
async def postgresql(folder: Path) -> AsyncIterator[Server]:
    """A cluster in ``folder``; PostgreSQL refuses root, so as root it runs as ``nobody``.

    Raises:
        Permanent: no PostgreSQL is installed.
    """
    programs = postgresql_programs()
    if programs is None:
        raise Permanent("No PostgreSQL is installed.", remedy="On Debian: apt-get install postgresql.")
    user = NOBODY if os.geteuid() == 0 else None
    folder.mkdir(parents=True)
    data = folder / "data"
    data.mkdir()
    if user is not None:
        for path in (folder, data):
            os.chown(path, getpwnam(user).pw_uid, -1)
    made = await _run(
        [str(programs / "initdb"), "-D", str(data), "-U", "stonechat", "-A", "trust", "-N", "-E", "UTF8"],
        user,
    )
    if await made.wait():
        raise Transient("PostgreSQL did not make its files.", remedy="Run `initdb` by hand and see why.")
    port = free_port()
    command = [str(programs / "postgres"), "-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", ""]
    command += ["-c", f"max_connections={CONNECTIONS}", "-c", "fsync=off", "-c", "timezone=UTC"]
    url = f"postgresql://stonechat@127.0.0.1:{port}/postgres"
    async with _served(url, command, user, port) as server:
        yield server


@asynccontextmanager
async def redis(folder: Path) -> AsyncIterator[Server]:
    """A server that keeps nothing.

    Raises:
        Permanent: neither Valkey nor Redis is installed.
    """
    program = redis_program()
    if program is None:
        raise Permanent(
            "Neither Valkey nor Redis is installed.", remedy="On Debian: apt-get install valkey or redis."
        )
    folder.mkdir(parents=True)
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    async with _served(f"redis://127.0.0.1:{port}/0", command, None, port) as server:
        yield server


@asynccontextmanager
async def _served(url: str, command: Sequence[str], user: str | None, port: int) -> AsyncIterator[Server]:
    server = Server(url, command, user, port, await _run(command, user))
    try:
        await _listening(port)
        yield server
    finally:
        server.thaw()
        await server.kill() if server.process.returncode is None else None


async def _run(command: Sequence[str], user: str | None) -> asyncio.subprocess.Process:
    quiet = asyncio.subprocess.DEVNULL
    return await asyncio.create_subprocess_exec(
        *command,
        env=child_environment(),
        stdin=quiet,
        stdout=quiet,
        stderr=quiet,
        cwd="/",
        start_new_session=True,
        user=user,
    )


async def _listening(port: int) -> None:
    try:
        async with asyncio.timeout(STARTS_WITHIN):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.1)
                    continue
                writer.close()
                return
    except TimeoutError as exc:
        raise Transient(f"A server of the drill did not start within {STARTS_WITHIN:g} s.") from exc
