"""A TCP proxy on loopback that delays, hangs, cuts and refuses: the faults of a network."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit


class TcpProxy:
    """Stands between a client and a server; each fault holds for open and new connections alike.

    Attributes:
        port: where it listens.
        delay: seconds that each chunk waits, in each direction.
        accepted: how many connections it has taken.
    """

    def __init__(self, upstream: tuple[str, int]) -> None:
        self.port = 0
        self.delay = 0.0
        self.accepted = 0
        self._upstream = upstream
        self._flows = asyncio.Event()
        self._flows.set()
        self._refuses = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    @property
    def open_connections(self) -> int:
        """How many clients are connected now."""
        return len(self._writers) // 2

    def url(self, url: str) -> str:
        """The same URL through this proxy."""
        parts = urlsplit(url)
        login = parts.netloc.rpartition("@")[0]
        return urlunsplit(
            parts._replace(netloc=f"{login}@127.0.0.1:{self.port}" if login else f"127.0.0.1:{self.port}")
        )

    def hang(self) -> None:
        """Let nothing through, and leave every connection open: what a lost route looks like."""
        self._flows.clear()

    def cut(self) -> None:
        """Reset every open connection; new ones are taken."""
        for writer in tuple(self._writers):
            writer.transport.abort()

    def refuse(self) -> None:
        """Cut, and reset new connections at once: what a dead server looks like."""
        self._refuses = True
        self.cut()

    def heal(self) -> None:
        """No fault any more."""
        self.delay = 0.0
        self._refuses = False
        self._flows.set()

    async def start(self) -> None:
        """Listen on a free loopback port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Cut everything and stop listening."""
        if self._server is not None:
            self._server.close()
        self.cut()
        self._flows.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        if self._refuses:
            writer.transport.abort()
            return
        try:
            up_reader, up_writer = await asyncio.open_connection(*self._upstream)
        except OSError:
            writer.transport.abort()
            return
        pair = {writer, up_writer}
        self._writers |= pair
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(reader, up_writer))
                both.create_task(self._pump(up_reader, writer))
        finally:
            self._writers -= pair
            for end in pair:
                end.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(65536):
                if self.delay:
                    await asyncio.sleep(self.delay)
                await self._flows.wait()
                writer.write(chunk)
                await writer.drain()
        writer.transport.abort()


@contextlib.asynccontextmanager
async def tcp_proxy(url: str) -> AsyncIterator[TcpProxy]:
    """A proxy in front of the server that ``url`` names; ``proxy.url(url)`` is the way through it."""
    parts = urlsplit(url)
    if parts.hostname is None or parts.port is None:
        raise ValueError(f"needs a host and a port: {url}")
    proxy = TcpProxy((parts.hostname, parts.port))
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.close()
